"""What the half-filled form says as a whole, worked out once however many parts of the window ask."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from app.domain.setups import Setup
from app.ui.texts import text

if TYPE_CHECKING:
    from app.ui.training.draft import TrainingDraft

_KEPT: Final = "_reading"


@dataclass(frozen=True)
class Reading:
    """The form as a setup, or what it lacks."""

    setup: Setup | None
    missing: str
    """The next thing to fill in or to wait for; empty if there is a setup."""

    @cached_property
    def asked(self) -> str:
        """Tells one setup from another; empty if there is none."""
        return self.setup.model_dump_json() if self.setup else ""


def read(draft: "TrainingDraft") -> Reading:
    """As the form stands; the very same object until a value of the form changes."""
    version = getattr(draft, "__version__")  # noqa: B009 - Flet's count of changes, not in its type hints
    known: tuple[int, Reading] | None = getattr(draft, _KEPT, None)
    if known is None or known[0] != version:
        known = version, _read(draft)
        setattr(draft, _KEPT, known)
    return known[1]


def _read(draft: "TrainingDraft") -> Reading:
    if missing := draft.missing():
        return Reading(None, missing)
    try:
        return Reading(draft.to_setup(), "")
    except ValueError:  # a rule of the schema no field of the form speaks for
        return Reading(None, text("training.missing.values"))
