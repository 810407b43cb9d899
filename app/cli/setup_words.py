"""The words of `tunewright setups`."""

from typing import Any

from app.cli.session_words import Leaf
from app.domain.targets import Target


def add_setup_words(nouns: Any, leaf: Leaf) -> None:
    """`leaf` makes a verb."""
    listed = leaf(nouns, "list", "saved setups")
    listed.add_argument("--target", choices=[t.value for t in Target], help="only those for this target")
    shown = leaf(nouns, "show", "a saved setup, what of it is not here any more, and its command line")
    shown.add_argument("setup", help="its name")
    saved = leaf(nouns, "save", "save what a run was started with")
    saved.add_argument("name", help="name of the setup")
    saved.add_argument("--run", required=True, metavar="RUN", help="name, id, or the start of an id")
    renamed = leaf(nouns, "rename", "give a saved setup another name")
    renamed.add_argument("setup", help="its name")
    renamed.add_argument("name", help="the new name")
    leaf(nouns, "delete", "forget a saved setup; runs started from it stay").add_argument(
        "setup", help="its name"
    )
    compared = leaf(nouns, "diff", "what two setups say differently")
    for side in ("left", "right"):
        compared.add_argument(side, help="a saved setup by name, or a .toml or .json file")
    exported = leaf(nouns, "export", "write a saved setup to a .toml or .json file")
    exported.add_argument("setup", help="its name")
    exported.add_argument("file", help="where to write")
    taken = leaf(nouns, "import", "save a setup from a .toml or .json file")
    taken.add_argument("file", help="the file")
    taken.add_argument("--name", default="", help="its name; else that of the file")
    for verb, what in ((saved, "setup"), (exported, "file"), (taken, "setup")):
        verb.add_argument("--force", action="store_true", help=f"replace a {what} that is there")
