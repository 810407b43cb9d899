"""Calls of services that another process of the app does, so that the window goes on answering."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Call:
    """One call of a service's method, in words that another process understands."""

    service: str
    """Its name in `Services`; with a dot what it holds, like `library.editing`."""
    method: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    told_as: str = ""
    """Name of the argument that is told how far the work is; empty if nobody asked."""


class Elsewhere(Protocol):
    """Another process, which gives way to the window and shares no interpreter with it."""

    def do(self, call: Call, tell: Callable[[Any], None] | None) -> Any:
        """Blocking. `tell` is told the newest news now and then; what it raises ends the work, as it would
        here. Raises what the call raises, and StudioError if the process ends too soon."""
