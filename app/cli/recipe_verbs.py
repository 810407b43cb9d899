"""`tunewright recipes`: list, show, export."""

import argparse
from collections.abc import Callable, Mapping
from typing import Final

from app.cli.output import Output
from app.domain.train_commands import command_of_recipe
from app.domain.typed_paths import expanded
from app.paths import Paths
from app.services.everything import Services
from app.services.recipes import recipe, recipes
from app.services.setup_files import setup_text, write_setup


def list_recipes(_: Services, __: argparse.Namespace, output: Output) -> int:
    found = recipes(Paths.from_environment().assets)
    output.give(found)
    output.table(["name", "what it is"], [(one.name, one.title) for one in found])
    return 0


def show_recipe(_: Services, args: argparse.Namespace, output: Output) -> int:
    one = recipe(Paths.from_environment().assets, args.recipe)
    output.give(one)
    output.say(f"{one.title}\n{one.what_for}\n\nFrom: {one.source}\nSeen: {one.seen}\nLimits: {one.limits}\n")
    output.say(setup_text(one.setup, "it.toml").rstrip())
    output.say(f"\nStart it: {command_of_recipe(one.name)}")
    return 0


def export_recipe(_: Services, args: argparse.Namespace, output: Output) -> int:
    path = expanded(args.file).absolute()
    write_setup(recipe(Paths.from_environment().assets, args.recipe).setup, path, overwrite=args.force)
    output.give({"recipe": args.recipe, "file": path})
    output.say(f"The setup of {args.recipe} was written to {path}. Put your own data and model in.")
    return 0


VERBS: Final[Mapping[str, Callable[[Services, argparse.Namespace, Output], int]]] = {
    "list": list_recipes,
    "show": show_recipe,
    "export": export_recipe,
}
