"""What the window says, looked up by its place in one catalogue; the English one is the folder `en` here.

A text is asked for while something is drawn, never while modules load. The file of a tab (or its files, like
`training.toml` and `training-run.toml`) is read once: by `read_all` before the tabs are shown, else with the
first text of that tab.

The environment variable `TUNEWRIGHT_TEXTS` names a file of the same shape, or a folder of them, whose texts
come first: another language, whole or half. See docs/decisions/0025-texts-in-one-place.md.
"""

import logging
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from app.ui.texts.plurals import FORMS, RULES, form_of

log = logging.getLogger(__name__)

ENGLISH: Final = Path(__file__).with_name("en")
FILE_VARIABLE: Final = "TUNEWRIGHT_TEXTS"
_LANGUAGE: Final = "language"
"""The one table that is no text: `plural` in it names the rule of `plurals.py` that the file goes by."""


@dataclass(frozen=True)
class Counted:
    """A text in the forms that go with a number."""

    rule: str
    forms: Mapping[str, str]

    def for_(self, count: int) -> str:
        return self.forms.get(form_of(self.rule, count), self.forms["other"])


Catalogue = Mapping[str, str | Counted]


def text(key: str, **values: object) -> str:
    """The text of that place, like `settings.folders.title`, filled in. Raises KeyError if there is none."""
    said = _said(key)
    if not isinstance(said, str):
        raise KeyError(f"{key} goes with a number: counted()")
    return said.format(**values)


def text_in(group: str, name: str, **values: object) -> str:
    """Of a group whose texts are called as what they are about, like the states of a run, that of one."""
    return text(f"{group}.{name}", **values)


def counted(key: str, count: int, **values: object) -> str:
    """The form that goes with `count`, which fills in `{count}`."""
    said = _said(key)
    if isinstance(said, str):
        raise KeyError(f"{key} goes with no number: text()")
    return said.for_(count).format(count=count, **values)


def read_all() -> None:
    """Have the texts of all tabs at hand: as they are drawn, on the event loop, nothing is read any more."""
    for tab in sorted({file.stem.partition("-")[0] for file in ENGLISH.glob("*.toml")}):
        _of_tab(tab)


def forget() -> None:
    """Read all of it anew."""
    _of_tab.cache_clear()
    _other.cache_clear()


def _said(key: str) -> str | Counted:
    return _of_tab(key.partition(".")[0])[key]


@cache
def _of_tab(tab: str) -> Catalogue:
    english, other = read(ENGLISH.glob(f"{tab}*.toml")), _other()
    for key in sorted(key for key in other.keys() - english.keys() if key.startswith(f"{tab}.")):
        log.warning("The texts of %s have one for %s, which is nowhere", os.environ.get(FILE_VARIABLE), key)
    return {**english, **{key: said for key, said in other.items() if type(said) is type(english.get(key))}}


@cache
def _other() -> Catalogue:
    """The texts that come first, if a file of them is named and can be read."""
    chosen = os.environ.get(FILE_VARIABLE)
    if not chosen:
        return {}
    place = Path(chosen)
    try:
        return read(place.glob("*.toml") if place.is_dir() else [place])
    except (OSError, ValueError) as error:
        log.warning("The texts of %s cannot be read, so they are English: %s", chosen, error)
        return {}


def read(files: Iterable[Path]) -> dict[str, str | Counted]:
    """By place. Raises OSError or ValueError for what is no catalogue."""
    tables = [tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(files)]
    rule = next((table[_LANGUAGE]["plural"] for table in tables if _LANGUAGE in table), "english")
    if rule not in RULES:
        raise ValueError(f"{rule} is none of the rules of plural: {', '.join(RULES)}")
    flat = (pair for table in tables for pair in _flat(table, "", rule))
    return {key: said for key, said in flat if key != f"{_LANGUAGE}.plural"}


def _flat(table: Mapping[str, Any], place: str, rule: str) -> Iterator[tuple[str, str | Counted]]:
    for name, value in table.items():
        if isinstance(value, dict) and "other" in value and value.keys() <= FORMS:
            yield f"{place}{name}", Counted(rule, value)
        elif isinstance(value, dict):
            yield from _flat(value, f"{place}{name}.", rule)
        elif isinstance(value, str):
            yield f"{place}{name}", value
        else:
            raise ValueError(f"{place}{name} is no text")
