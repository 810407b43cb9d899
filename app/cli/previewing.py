"""What a base model will see of a session, in the terminal."""

import argparse
from pathlib import Path

from app.cli.output import Output
from app.domain.errors import StudioError
from app.domain.previews import Source, marked
from app.domain.quality import FLAWS
from app.domain.timeline import BUCKETS
from app.domain.typed_paths import expanded
from app.services.everything import Services
from app.services.setup_files import read_setup
from trainer_image.config import RunConfig
from trainer_image.look_protocol import Shown, ShownToken

_MARKS = {"begin": "BOS", "end": "EOS", "end_of_turn": "end of turn", "special": "special"}
_ROWS_LISTED = 20


def look(services: Services, args: argparse.Namespace, output: Output) -> int:
    """One row, token by token: what is learnt stands in ⟦…⟧."""
    source, config = _asked(services, args)
    shown = services.previews.show(source, config, max(args.row - 1, 0))
    output.give({"row": args.row, **shown.model_dump()})
    output.say(f"Row {args.row} of {source.label}, as {args.model} sees it:")
    if shown.bucket:
        output.say(f"Left out ({BUCKETS.get(shown.bucket, shown.bucket)}): {shown.reason}.")
    output.say("")
    output.say(marked(shown))
    output.say("")
    output.say(f"{shown.count:,} tokens, {shown.trained:,} of them learnt: those in ⟦…⟧.")
    for token in _special(shown):
        output.say(f"  {token.text}  {_MARKS[token.role]}, id {token.id}")
    for finding in shown.findings:
        output.say(f"  {finding}")
    return 0


def lengths(services: Services, args: argparse.Namespace, output: Output) -> int:
    """The ledger, the verdicts, and what the longest length means."""
    source, config = _asked(services, args)
    previews = services.previews
    survey = previews.survey(source, config, output.counting("rows seen"))
    speed = previews.speed(config)
    found = previews.length(survey, config, max_seq_len=config.max_seq_len, speed=speed)
    verdicts, percentiles = previews.verdicts(survey, config), previews.percentiles(survey)
    left_out = {
        bucket: previews.fates(survey, config, bucket, start=0, limit=_ROWS_LISTED)
        for bucket in found.buckets
        if bucket not in {"trained", "validation"}
    }
    output.give({"lengths": percentiles, "outlook": found, "verdicts": verdicts, "left_out": left_out})
    total = sum(found.buckets.values())
    output.say(f"{source.label}: {total:,} rows, as {args.model} sees them.")
    for bucket, count in found.buckets.items():
        output.say(f"  {count:>9,}  {BUCKETS.get(bucket, bucket)}")
    for bucket, fates in left_out.items():
        for fate in fates:
            output.say(f"  row {fate.number + 1} ({BUCKETS.get(bucket, bucket)}): {fate.reason}")
    if percentiles:
        named = ", ".join(f"{name} {value:,}" for name, value in percentiles.items())
        output.say(f"Tokens in a row: {named}.")
    waste = 100 * found.padding / max(found.tokens + found.padding, 1)
    output.say(
        f"With max_seq_len {found.max_seq_len:,}: {found.tokens:,} tokens an epoch, about {waste:.0f} % more "
        f"for padding, {found.steps:,} steps."
    )
    if found.epoch_seconds is not None:
        output.say(
            f"An epoch takes roughly {found.epoch_seconds / 60:.1f} minutes, as earlier runs or a probe went."
        )
    for verdict in verdicts:
        if not verdict.is_well:
            output.say(f"! {verdict.sentence}")
    return 0


def quality(services: Services, args: argparse.Namespace, output: Output) -> int:
    """What may be wrong with a session's rows; with a model, leaks between training and validation too."""
    session = services.library.find(args.session)
    previews = services.previews
    source = previews.of_session(session)
    found = previews.quality.check(source, output.counting("rows seen"))
    leaks = None
    if args.model:
        source, config = _asked(services, args)
        survey = previews.survey(source, config, output.counting("rows seen"))
        leaks = previews.quality.leaks(found, survey, config)
    rows = {
        flaw: previews.quality.flawed(found, flaw, start=0, limit=_ROWS_LISTED)
        for flaw, count in found.counts.items()
        if count
    }
    output.give({"quality": found, "rows": rows, "leaks": leaks})
    output.say(f"{session.name}: {found.rows:,} rows.")
    for flaw, count in found.counts.items():
        output.say(f"  {count:>9,}  {FLAWS[flaw]}")
        for row in rows.get(flaw, ()):
            output.say(f"             row {row.number + 1}: {row.note}")
    if leaks is not None:
        output.say(f"  {len(leaks):>9,}  kept aside for validation with a prompt that is trained on")
        for row in leaks[:_ROWS_LISTED]:
            output.say(f"             row {row.number + 1}: {row.note}")
    mix = ", ".join(f"{code or 'unclear'} {count:,}" for code, count in found.languages.items())
    output.say(f"Languages of {found.languages_of:,} rows: {mix or 'none'}.")
    return 0


def _special(shown: Shown) -> list[ShownToken]:
    """Each special token once, in the order they come."""
    return list({token.id: token for token in shown.tokens if token.role}.values())


def _asked(services: Services, args: argparse.Namespace) -> tuple[Source, RunConfig]:
    if args.row is not None and args.row < 1:
        raise StudioError("Rows are counted from 1.", "Give --row a number from 1 up.")
    session = services.library.find(args.session)
    config = RunConfig(base_model=args.model)
    if args.config:
        path = expanded(Path(args.config))
        config = read_setup(path).config.model_copy(update={"base_model": args.model})
    if args.max_seq_len:
        config = config.model_copy(update={"max_seq_len": args.max_seq_len})
    return services.previews.of_session(session), config
