"""`tunewright setups`: list, show, save, rename, delete, diff, export, import."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from app.cli.output import Output
from app.domain.saved_setups import SavedSetup
from app.domain.setup_differences import differences
from app.domain.setups import Setup
from app.domain.targets import Target
from app.domain.train_commands import command_of_saved, commands_of_nodes
from app.domain.typed_paths import expanded, is_file
from app.services.everything import Services
from app.services.setup_files import as_compared, read_setup, setup_text


def list_setups(services: Services, args: argparse.Namespace, output: Output) -> int:
    saved = services.setups.saved(Target(args.target) if args.target else None)
    output.give(saved)
    if not saved:
        output.say("No saved setups. `tunewright setups import FILE` makes one, and so does the window.")
        return 0
    output.table(
        ["name", "target", "model", "method", "saved"],
        [(one.name, *_in_short(one), f"{one.saved_at.astimezone():%Y-%m-%d %H:%M}") for one in saved],
    )
    return 0


def show_setup(services: Services, args: argparse.Namespace, output: Output) -> int:
    setup = services.setups.load(args.setup)
    missing, command = services.setups.missing(setup), command_of_saved(args.setup)
    nodes = commands_of_nodes(setup.config, "RUN_FOLDER")
    output.give({"name": args.setup, "setup": setup, "missing": missing, "command": command, "nodes": nodes})
    output.say(setup_text(setup, f"{args.setup}.json").rstrip())
    for sentence in missing:
        output.say(f"Missing: {sentence}")
    output.say(f"Start it: {command}")
    for line in nodes:
        output.say(f"On each computer: {line}")
    return 0


def save_setup(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.find(args.run)
    setup = services.training.setup_of(run).model_copy(update={"skill": "expert"})  # shows all that was set
    return _saved(services.setups.save(args.name, setup, replace=args.force), output)


def rename_setup(services: Services, args: argparse.Namespace, output: Output) -> int:
    saved = services.setups.rename(args.setup, args.name)
    output.give(saved)
    output.say(f"“{args.setup}” is called “{saved.name}” now.")
    return 0


def delete_setup(services: Services, args: argparse.Namespace, output: Output) -> int:
    saved = services.setups.delete(args.setup)
    output.give(saved)
    output.say(f"“{saved.name}” is forgotten. Runs started from it stay.")
    return 0


def diff_setups(services: Services, args: argparse.Namespace, output: Output) -> int:
    found = differences(*(_named(services, word) for word in (args.left, args.right)))
    output.give(found)
    if not found:
        output.say("Both ask for the same.")
        return 0
    output.table(["setting", args.left, args.right], [(d.label, *d.said()) for d in found])
    return 0


def export_setup(services: Services, args: argparse.Namespace, output: Output) -> int:
    path = expanded(args.file).absolute()
    services.setups.export(args.setup, path, overwrite=args.force)
    output.give({"name": args.setup, "file": path})
    output.say(f"“{args.setup}” was written to {path}.")
    return 0


def import_setup(services: Services, args: argparse.Namespace, output: Output) -> int:
    return _saved(services.setups.import_file(expanded(args.file), args.name, replace=args.force), output)


def _saved(saved: SavedSetup, output: Output) -> int:
    output.give(saved)
    output.say(f"Saved as “{saved.name}”. Start it: {command_of_saved(saved.name)}")
    if saved.left_out:
        output.say(f"Left out, as it looked like a secret: {', '.join(saved.left_out)}.")
    return 0


def _named(services: Services, word: str) -> Setup:
    """A file where the word is one's name, else a saved setup; its paths as what they lead to."""
    path = expanded(word)
    is_named_so = Path(word).suffix in (".toml", ".json")
    if is_named_so and is_file(path):
        return as_compared(read_setup(path), path.absolute().parent)
    return as_compared(services.setups.load(word), Path.home())


def _in_short(saved: SavedSetup) -> tuple[str, str, str]:
    if saved.setup is None:
        return "", saved.problem, ""
    return saved.setup.target.value, saved.setup.config.base_model, saved.setup.config.method.kind


VERBS: Final[Mapping[str, Callable[[Services, argparse.Namespace, Output], int]]] = {
    "list": list_setups,
    "show": show_setup,
    "save": save_setup,
    "rename": rename_setup,
    "delete": delete_setup,
    "diff": diff_setups,
    "export": export_setup,
    "import": import_setup,
}
