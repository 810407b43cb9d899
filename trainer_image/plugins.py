"""Methods and backends of other packages, found by their entry points.

A package offers a method under `tunewright.methods`, or a backend under `tunewright.backends`: a module, or
any object, with what `methods.Method` or `backends.Backend` asks for. `docs/user/plugins.md` shows one. Its
code runs as the trainer's own: whoever installs it trusts it. Imports no training library.
"""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal

from trainer_image.problems import RunFailedError, bad_config

Kind = Literal["method", "backend"]
_GROUPS: Final[Mapping[Kind, str]] = {"method": "tunewright.methods", "backend": "tunewright.backends"}
_NEEDED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "method": ("OUTPUT_KIND", "FLOAT32_WEIGHTS", "prepare", "describe", "attach", "save"),
    "backend": (
        "NAME", "PACKAGE", "FIELDS", "OURS", "METRICS_FILE", "require_expressible", "arguments", "event_of",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Plugin:
    """One that is installed, with the arguments the config gives it."""

    kind: Kind
    entry: EntryPoint
    args: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Its name, and the package it is from."""
        package = self.entry.dist
        return f"{self.entry.name} (of {package.name} {package.version})" if package else self.entry.name

    @cached_property
    def offers(self) -> Any:
        """What the package offers, imported. Raises RunFailedError if it cannot be, or is not whole."""
        try:
            found = self.entry.load()
        except Exception as error:
            raise RunFailedError(
                f"The {self.kind} {self.title} cannot be loaded: {type(error).__name__}: {error}.",
                "Its package is at fault, or does not fit this version; ask its author.",
            ) from error
        if missing := [name for name in _NEEDED[self.kind] if not hasattr(found, name)]:
            raise RunFailedError(
                f"The {self.kind} {self.title} lacks what is asked of it: {', '.join(missing)}.",
                "Its package is made for another version; ask its author.",
            )
        return found


def names(kind: Kind) -> list[str]:
    """Of those that are installed."""
    return sorted({entry.name for entry in entry_points(group=_GROUPS[kind])})


def find(kind: Kind, asked: str) -> Plugin:
    """`asked` is a name, or one with arguments: `name:rank=4,fast=true`. Imports nothing of it.

    Raises RunFailedError, for exit code 2, if there is none of that name.
    """
    name, _, rest = asked.partition(":")
    entry = next(iter(entry_points(group=_GROUPS[kind], name=name)), None)
    if entry is None:
        there = ", ".join(names(kind)) or "none is installed"
        raise bad_config(
            f"No package here offers a {kind} called '{name}'.",
            f"Install the one that does where the trainer runs, or correct {kind}_plugin. Here is: {there}.",
        )
    return Plugin(kind, entry, {key: _value(text) for key, text in _pairs(rest)})


class PluggedMethod:
    """A package's method as one of ours: `prepare` gets the config's arguments, by name."""

    def __init__(self, plugin: Plugin) -> None:
        self._offers, self._args = plugin.offers, plugin.args
        _require_known(plugin, self._offers.prepare)

    def prepare(self, model: Any, settings: Any) -> Any:
        return self._offers.prepare(model, settings, **self._args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._offers, name)


def _require_known(plugin: Plugin, function: Any) -> None:
    """Raise RunFailedError for arguments that the function does not take: none is dropped."""
    try:
        inspect.signature(function).bind(None, None, **plugin.args)
    except TypeError as error:
        raise bad_config(
            f"The {plugin.kind} {plugin.title} does not take these arguments: {error}.",
            f"Correct {plugin.kind}_plugin.",
        ) from error


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (pair.partition("=") for pair in text.split(",") if pair)]


def _value(text: str) -> Any:
    """A number, true, false or null as JSON says them; anything else is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
