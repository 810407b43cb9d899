"""What the verbs for the history of runs do: name, note, look at, import and delete."""

import argparse
from collections.abc import Callable, Mapping
from typing import Final

from app.cli.output import Output
from app.domain.errors import StudioError
from app.domain.typed_paths import expanded
from app.services.everything import Services

Verb = Callable[[Services, argparse.Namespace, Output], int]


def rename(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.history.rename(services.monitoring.find(args.run).id, args.name)
    output.give(run)
    output.say(f"It is called {run.name} now; its folder keeps its name.")
    return 0


def note(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.find(args.run)
    if args.text is not None:
        run = services.history.write_note(run.id, args.text)
    output.give(run)
    output.say(run.note or f"There is no note about {run.name}.")
    return 0


def list_checkpoints(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.refresh(services.monitoring.find(args.run).id)
    found = services.history.checkpoints(run)
    if args.sums:
        found = [services.history.compared_with_sums(run, state) for state in found]
    output.give(found)
    rows = [
        (
            s.name,
            s.step,
            _loss(s.loss),
            _loss(s.validation_loss),
            f"{s.size_bytes / 1e6:,.1f}",
            s.blocked or ("yes, checksums right" if s.is_compared else "yes"),
        )
        for s in found
    ]
    output.table(["name", "step", "loss", "validation", "MB", "can be resumed"], rows)
    if not found:
        output.say(f"{run.name} has no whole checkpoint.")
    elif any(not state.blocked for state in found):
        output.say(f"`tunewright runs resume {run.id} --checkpoint NAME` goes on from one of them.")
    return 0


def delete(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.refresh(services.monitoring.find(args.run).id)
    missed = services.history.dependents(run.id)
    needed = missed.sentences() if args.files else [f"{missed.chats} answers of its chats go with it."]
    if not args.yes and (missed.chats or (args.files and needed)):
        raise StudioError(" ".join(needed), "Give --yes to delete it all the same.")
    services.training.delete(run.id, files=args.files)
    output.give({"deleted": run, "files": args.files})
    output.say(
        f"{run.name} is forgotten. {'Its files are gone.' if args.files else f'Its files: {run.folder}'}"
    )
    return 0


def take_in(services: Services, args: argparse.Namespace, output: Output) -> int:
    found = services.history.look_into(str(expanded(args.folder)))
    run = None if args.look else services.history.import_run(found)
    output.give(found if run is None else run)
    output.say(f"From {found.trainer}.")
    for line in found.notes:
        output.say(f"  {line}")
    if run is not None:
        output.say(f"{run.name} ({run.id}) is in the history. Nothing in its folder was changed.")
    return 0


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


HISTORY_VERBS: Final[Mapping[str, Verb]] = {
    "rename": rename,
    "note": note,
    "checkpoints": list_checkpoints,
    "delete": delete,
    "import": take_in,
}
