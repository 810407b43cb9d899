"""A training in small, with the network cut: what it showed, and what a setup would be missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True)
class Rehearsal:
    """How a small training without network went."""

    works: bool
    text: str
    cut: Literal["namespace", "guard"]
    """By the system, for every program in it; or by Tunewright's own guard, for all that is Python."""
    why_guard: str = ""
    """Why the system would not cut it off."""


class Rehearser(Protocol):
    def rehearse(self, model: Path, rows: Path) -> Rehearsal:
        """Train a few steps of this model on these rows, cut off. Nothing is left behind."""
        ...

    def missing_of_model(self, name: str, *, in_docker: bool) -> Sequence[str]:
        """What a run would look for of this model and not find here, as sentences; asks nobody."""
        ...
