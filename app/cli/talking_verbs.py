"""Talk to models, compare them, keep what was said, serve them."""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.cli.output import Output, counted_rows
from app.domain.chat import PRESETS, Sampling, Voice
from app.domain.comparing import Answered, Comparison, ComparisonFormat
from app.domain.conversations import ChatFormat, Conversation
from app.domain.errors import StudioError, UnknownConversationError
from app.domain.runs import RunId
from app.domain.talkers import ModelRef, Placing
from app.domain.typed_paths import expanded
from app.services.comparing import MOST_PROMPTS
from app.services.everything import Services
from app.services.row_files import appearing

TOKEN_VARIABLE: Final = "TUNEWRIGHT_API_TOKEN"  # noqa: S105 - its name


def chat(services: Services, args: argparse.Namespace, output: Output) -> int:
    if args.chat and args.system:
        raise StudioError("A kept chat has its system prompt.", "Leave --system out.")
    ref, placing = _found(services, args.model, args)
    ref = ref.as_base() if args.base else ref
    sampling = _sampling(args)
    answer = "".join(_said(_pieces(services, args, ref, placing, sampling), output))
    output.say("")
    run = ref.name if ref.kind == "run" else None
    output.give({"run": run, "model": str(ref), "voice": ref.voice, "prompt": args.prompt, "answer": answer})
    return 0


def _pieces(
    services: Services, args: argparse.Namespace, ref: ModelRef, placing: Placing, sampling: Sampling
) -> Iterator[str]:
    """What a run made is asked under the run; everything else becomes a chat, or goes on with one."""
    if args.chat:
        kept = services.conversations.named(args.chat)
        services.conversations.go_on_with(kept.id, ref)
        return services.conversations.ask(kept.id, args.prompt, sampling, placing)
    if ref.kind == "run" and not args.system:
        voice: Voice = ref.voice
        return services.chats.ask(RunId(ref.name), args.prompt, sampling, voice, placing)
    kept = services.conversations.begin(ref, sampling, system=args.system)
    return services.conversations.ask(kept.id, args.prompt, sampling, placing)


def _said(pieces: Iterator[str], output: Output) -> Iterator[str]:
    for piece in pieces:
        output.piece(piece)
        yield piece


def compare(services: Services, args: argparse.Namespace, output: Output) -> int:
    first, placing = _found(services, args.first, args)
    second, _ = _found(services, args.second, args)
    target = expanded(args.to) if args.to else None
    file_format = _comparison_format(target)
    plan = services.comparing.plan(first, second, _prompts(services, args), _sampling(args), args.system)
    _compared(services, plan, (first, second), placing, target, file_format, output)
    return 0


def prove(services: Services, args: argparse.Namespace, output: Output) -> int:
    ref, placing = _found(services, args.model, args)
    target = expanded(args.to) if args.to else None
    file_format = _comparison_format(target)
    if file_format not in (None, ComparisonFormat.HTML):
        raise StudioError(
            "A report of what was learnt is a page to read.",
            "Name a file that ends in .html; `--json` gives the numbers to programs.",
        )
    if not 1 <= args.count <= MOST_PROMPTS:
        raise StudioError(f"--count is a number from 1 to {MOST_PROMPTS:,}.", "20 are usual.")
    plan, pair = services.proving.plan(ref, args.count)
    done = _compared(services, plan, pair, placing, target, file_format, output)
    if target is None:
        target = services.comparing.export(done, ComparisonFormat.HTML)
        output.say(f"Report: {target}")
    found = done.findings()
    loss = plan.proof.loss if plan.proof else None
    output.give({"loss": loss, "findings": found, "report": str(target)})
    if found is not None and found.scores is not None:
        before, after = found.scores
        if loss is not None:
            output.say("Loss on rows kept aside: {:.3f} → {:.3f}".format(*loss))
        output.say(f"Exact: {before.exact} → {after.exact} of {found.compared}")
        output.say(f"ROUGE-L: {before.rouge_l:.3f} → {after.rouge_l:.3f}")
        output.say(f"General prompts answered otherwise: {found.changed} of {found.general}")
    return 0


def _compared(
    services: Services,
    plan: Comparison,
    pair: tuple[ModelRef, ModelRef],
    placing: Placing,
    target: Path | None,
    file_format: ComparisonFormat | None,
    output: Output,
) -> Comparison:
    """The comparison with all answers, told and written as they come."""
    whole: list[Answered] = []
    try:
        for answered in services.comparing.run(plan, *pair, placing):
            if answered.facts is None:
                continue
            whole.append(answered)
            prompt, who = plan.prompts[answered.prompt], plan.labels[answered.side]
            output.say(f"[{len(whole)}/{2 * len(plan.prompts)}] {prompt}\n{who}: {answered.text}\n")
            output.give({"prompt": prompt, "side": answered.side, "model": who, "answer": answered.text})
    finally:  # broken off after an hour, an hour's answers are kept
        done = replace(plan, answers=tuple(whole))
        if target is not None and file_format is not None and done.pairs():
            with appearing(target, overwrite=False) as partial:
                partial.write_text(done.as_text(file_format), encoding="utf-8", newline="")
            output.say(f"Written to {target}")
    return done


def _comparison_format(target: Path | None) -> ComparisonFormat | None:
    """By its ending. Raises StudioError before anything is asked."""
    if target is None:
        return None
    ending = target.suffix.removeprefix(".")
    if ending not in set(ComparisonFormat):
        raise StudioError(f"{target} ends in none of .html, .jsonl, .md, .csv.", "Name the file so.")
    if target.exists():
        raise StudioError(f"{target} exists already.", "Name another file.")
    return ComparisonFormat(ending)


def _prompts(services: Services, args: argparse.Namespace) -> list[str]:
    found = list(args.prompt)
    if args.prompts:
        path = expanded(args.prompts)
        try:
            found += path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise StudioError(f"{path} cannot be read as text.", "Check the path.") from error
    if args.session:
        session = services.library.find(args.session)
        found += services.comparing.prompts_of(session.id, args.count)
    return found


def list_chats(services: Services, args: argparse.Namespace, output: Output) -> int:
    found = services.conversations.find(args.search)
    output.give(found)
    if not found:
        output.say("No chat is like that." if args.search else "No chats yet.")
        return 0
    rows = [(c.id, c.name, c.model_label, f"{c.updated_at.astimezone():%Y-%m-%d %H:%M}") for c in found]
    output.table(["id", "name", "model", "last used"], rows)
    return 0


def show_chat(services: Services, args: argparse.Namespace, output: Output) -> int:
    kept = services.conversations.named(args.chat)
    output.give({"chat": kept, "messages": services.conversations.messages(kept.id)})
    output.say(services.conversations.as_text(kept, ChatFormat.TEXT).rstrip())
    return 0


def export_chat(services: Services, args: argparse.Namespace, output: Output) -> int:
    kept, path = services.conversations.named(args.chat), expanded(args.file)
    ending = path.suffix.removeprefix(".")
    if ending not in set(ChatFormat):
        raise StudioError(f"{path} ends in none of .txt, .md, .jsonl.", "Name the file so.")
    text = services.conversations.as_text(kept, ChatFormat(ending))
    with appearing(path, overwrite=args.force) as partial:
        partial.write_text(text, encoding="utf-8")
    output.give({"path": path})
    output.say(f"Written to {path}")
    return 0


def session_of_chats(services: Services, args: argparse.Namespace, output: Output) -> int:
    ids = [services.conversations.named(name).id for name in args.chats]
    session = services.conversations.make_session(ids, args.name)
    output.give(session)
    output.say(f"Made session {session.name} ({session.id}) of {counted_rows(session.row_count)}.")
    return 0


def delete_chat(services: Services, args: argparse.Namespace, output: Output) -> int:
    kept = services.conversations.named(args.chat)
    services.conversations.delete(kept.id)
    output.give(kept)
    output.say(f"Deleted {kept.name}. `tunewright chats undelete {kept.id}` brings it back for a week.")
    return 0


def undelete_chat(services: Services, args: argparse.Namespace, output: Output) -> int:
    kept = _deleted(services, args.chat)
    services.conversations.undelete(kept.id)
    output.give(kept)
    output.say(f"{kept.name} is back.")
    return 0


def _deleted(services: Services, name_or_id: str) -> Conversation:
    for kept in services.conversations.deleted():
        if name_or_id in (str(kept.id), kept.name):
            return kept
    raise UnknownConversationError(f"No deleted chat is called '{name_or_id}'.", "It may be gone for good.")


def serve(services: Services, args: argparse.Namespace, output: Output) -> int:
    ref, placing = _found(services, args.model, args)
    ref = ref.as_base() if args.base else ref
    token = os.environ.get(TOKEN_VARIABLE, "")
    output.say("Loading the model…")
    served = services.serving.start(ref, placing, port=args.port, token=token)
    shown = {} if token else {"token": served.token}  # one of your own is nobody else's business
    output.give({"address": served.address, "model": served.model, **shown})
    output.say(f"{served.model} answers at {served.address} (Ctrl+C ends it).")
    output.say(f"Token: {f'that of {TOKEN_VARIABLE}' if token else served.token}")
    try:
        while True:
            time.sleep(3600)
    finally:
        services.serving.stop()


def _found(services: Services, name: str, args: argparse.Namespace) -> tuple[ModelRef, Placing]:
    """Raises StudioError for a model that is not there, or has no room here."""
    services.monitoring.refresh_all()  # a run may have ended since
    placing = Placing(args.precision, args.device)
    ref = services.talkers.find(name)
    fit = services.talkers.fit(services.talkers.resolve(ref, placing))
    if fit.is_refused and not args.anyway:
        raise StudioError(fit.text, "Give --anyway to load it all the same.")
    return ref, placing


def _sampling(args: argparse.Namespace) -> Sampling:
    """Raises StudioError for what is out of range."""
    if args.max_new_tokens is not None and args.max_new_tokens < 1:
        raise StudioError("An answer has at least one token.", "Give --max-new-tokens a number from 1 up.")
    for name, least, most in (
        ("temperature", 0, 5),
        ("top_p", 0, 1),
        ("min_p", 0, 1),
        ("top_k", 0, 10**6),
        ("repetition_penalty", 0.01, 10),
    ):
        value = getattr(args, name)
        if value is not None and not least <= value <= most:
            option = f"--{name.replace('_', '-')}"
            raise StudioError(f"{option} is a number from {least:g} to {most:g}.", "Give another one.")
    names = ("temperature", "max_new_tokens", "repetition_penalty", "top_p", "top_k", "min_p", "seed")
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    stop = tuple(args.stop or ())
    return replace(PRESETS[args.preset], **given, stop=stop, guard_repetition=not args.no_guard)


TALKING_VERBS: Mapping[tuple[str, str | None], Callable[[Services, argparse.Namespace, Output], int]] = {
    ("chat", None): chat,
    ("compare", None): compare,
    ("prove", None): prove,
    ("chats", "list"): list_chats,
    ("chats", "show"): show_chat,
    ("chats", "export"): export_chat,
    ("chats", "session"): session_of_chats,
    ("chats", "delete"): delete_chat,
    ("chats", "undelete"): undelete_chat,
    ("serve", None): serve,
}
