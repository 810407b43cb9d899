"""What the verbs of `export_words` do, in terms of the services."""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Final

from app.cli.output import Output
from app.domain.exports import (
    ComputesOn,
    Estimate,
    Export,
    ExportFormat,
    ExportWish,
    MlxBits,
    PushWish,
    Quantization,
    Told,
)
from app.domain.preflight_words import duration
from app.domain.runs import Run
from app.domain.sizes import sized
from app.domain.typed_paths import expanded
from app.services.everything import Services
from app.services.export_deleting import left_in_words

Verb = Callable[[Services, argparse.Namespace, Output], int]


def export(services: Services, args: argparse.Namespace, output: Output) -> int:
    """Exit code 1 if it was written and is not as trained, or nobody could try whether it is."""
    run = services.monitoring.refresh(services.monitoring.find(args.run).id)
    wish = _wish(services, run, args)
    found = services.exporting.estimate(run, wish)
    if found.size_bytes is None:
        output.say("How large it will be is known once the base model is on this computer.")
    else:
        output.say(f"About {sized(found.size_bytes)}, in {wish.folder}.")
    if found.memory_bytes is not None:
        whose = "the graphics card's memory" if found.on_card else "this computer's memory"
        output.say(f"About {sized(found.memory_bytes)} of {whose}.")
    if found.download_bytes:
        output.say(f"The base model is downloaded first: about {sized(found.download_bytes)}.")
    output.say(_time_it_takes(found))
    if args.estimate:
        output.give(found)
        return 0
    made = services.exporting.export(run.id, wish, _progress)
    _end_line()
    output.give(made)
    output.say(f"{'✓' if made.passed else '?' if made.is_untried else '✗'} {made.verdict}")
    output.say(f"{made.label}, {sized(made.size_bytes)}: {made.folder}")
    if made.folder != wish.folder:
        output.say(f"{wish.folder} was taken meanwhile, so the export is in {made.folder}.")
    certificate = services.exporting.certificate(made)
    for check in certificate.checks if certificate else ():
        output.say(f"  {'✓' if check.passed else '✗'} {check.name}. {check.text}")
    for remark in certificate.remarks if certificate else ():
        output.say(f"  {remark}")
    return 0 if made.passed else 1


def list_exports(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.find(args.run).id if args.run else None
    services.exporting.tidy()
    exports = services.exporting.exports(run)
    output.give(exports)
    if not exports:
        output.say("No exports yet. `tunewright export RUN --format gguf` makes one.")
        return 0
    output.table(
        ["id", "run", "format", "size", "as trained", "made", "folder"],
        [
            (
                one.id,
                one.run_id,
                one.label,
                sized(one.size_bytes),
                "yes" if one.passed else "not tried" if one.is_untried else "no",
                f"{one.created_at.astimezone():%Y-%m-%d %H:%M}",
                one.folder,
            )
            for one in exports
        ],
    )
    return 0


def push_export(services: Services, args: argparse.Namespace, output: Output) -> int:
    wish = PushWish(args.repo, is_private=not args.public, replaces=args.replace)
    pushed = services.exporting.pushing.push(args.export, wish, _progress)
    _end_line()
    return _changed(
        pushed, output, f"On the Hub, {'public' if args.public else 'private'}: {pushed.pushed_to}"
    )


def delete_export(services: Services, args: argparse.Namespace, output: Output) -> int:
    export = services.exporting.find(args.export)
    deleted = services.exporting.delete(export.id)
    if deleted.left:
        return _changed(export, output, left_in_words(export.folder, deleted.left))
    gone = "Its files were gone already; it is off the list."
    return _changed(export, output, f"{export.folder} is deleted." if deleted.had_files else gone)


def forget_export(services: Services, args: argparse.Namespace, output: Output) -> int:
    export = services.exporting.forget(args.export)
    return _changed(export, output, f"It is off the list; its files stay in {export.folder}.")


def _changed(export: Export, output: Output, text: str) -> int:
    output.give(export)
    output.say(text)
    return 0


def _wish(services: Services, run: Run, args: argparse.Namespace) -> ExportWish:
    format, quantization = ExportFormat(args.format), Quantization(args.quantization)
    bits = MlxBits(args.mlx_bits)
    proposed = services.exporting.proposed_folder(run, format, quantization, args.checkpoint, bits)
    return ExportWish(
        format,
        expanded(args.to).absolute() if args.to else proposed,
        quantization,
        base_model=args.base,
        prompts=args.prompts,
        checkpoint=args.checkpoint,
        mlx_bits=bits,
        computes_on=ComputesOn(args.on),
    )


def _progress(told: Told) -> None:
    if sys.stderr.isatty():
        share = "" if told.share is None else f" {100 * told.share:.0f} %"
        print(f"\r\033[K{told.text}{share}{_left(told)}", end="", file=sys.stderr)  # noqa: T201


def _left(told: Told) -> str:
    if told.left_seconds is None:
        return ""
    return f", about {duration(told.left_seconds)} {'left' if told.left_of_all else 'left of this step'}"


def _time_it_takes(found: Estimate) -> str:
    if found.seconds is None:
        return "How long it takes is not known yet: none like it was made on this computer."
    return f"About {duration(found.seconds)}, by the last one like it on this computer."


def _end_line() -> None:
    if sys.stderr.isatty():
        print(file=sys.stderr)  # noqa: T201


VERBS: Final[Mapping[tuple[str, str | None], Verb]] = {
    ("export", None): export,
    ("exports", "list"): list_exports,
    ("exports", "push"): push_export,
    ("exports", "delete"): delete_export,
    ("exports", "forget"): forget_export,
}
