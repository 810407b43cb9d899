"""What the window says, looked up by its place in one catalogue; the English one lies beside this module.

The environment variable `TUNEWRIGHT_TEXTS` names a file of the same shape whose texts come first: another
language, whole or half. Which parts of the window speak through this is told in `en.toml`; see
docs/decisions/0025-texts-in-one-place.md.
"""

import logging
import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

ENGLISH: Final = Path(__file__).with_name("en.toml")
FILE_VARIABLE: Final = "TUNEWRIGHT_TEXTS"


def text(key: str, **values: object) -> str:
    """The text of that place, like `settings.folders.title`, filled in. Raises KeyError if there is none."""
    return texts()[key].format(**values) if values else texts()[key]


@cache
def texts() -> Mapping[str, str]:
    """All of them, read once."""
    english = read(ENGLISH)
    chosen = os.environ.get(FILE_VARIABLE)
    if not chosen:
        return english
    try:
        other = read(Path(chosen))
    except (OSError, ValueError) as error:
        log.warning("The texts of %s cannot be read, so they are English: %s", chosen, error)
        return english
    for key in sorted(other.keys() - english.keys()):
        log.warning("%s has a text for %s, which is nowhere", chosen, key)
    return {**english, **{key: said for key, said in other.items() if key in english}}


def read(file: Path) -> dict[str, str]:
    """Raises OSError or ValueError for what is no catalogue."""
    return dict(_flat(tomllib.loads(file.read_text(encoding="utf-8")), ""))


def _flat(table: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{place}{name}.")
        elif isinstance(value, str):
            yield f"{place}{name}", value
        else:
            raise ValueError(f"{place}{name} is no text")
