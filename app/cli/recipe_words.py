"""The words of `tunewright recipes`."""

from typing import Any

from app.cli.session_words import Leaf


def add_recipe_words(nouns: Any, leaf: Leaf) -> None:
    """`leaf` makes a verb."""
    leaf(nouns, "list", "recipes that came with the app: setups to start from")
    shown = leaf(nouns, "show", "a recipe: what it is for, where its values are from, what was seen of it")
    exported = leaf(nouns, "export", "write a recipe's setup to a .toml or .json file, to be made your own")
    for verb in (shown, exported):
        verb.add_argument("recipe", metavar="RECIPE", help="its name")
    exported.add_argument("file", help="where to write")
    exported.add_argument("--force", action="store_true", help="replace a file that is there")
