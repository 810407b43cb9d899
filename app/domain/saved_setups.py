"""Setups that were saved under a name."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import StudioError
from app.domain.setups import Setup
from app.domain.targets import Target


class UnknownSetupError(StudioError):
    """There is no saved setup of that name."""


class SetupNameTakenError(StudioError):
    """There is one of that name already; nothing was changed."""


@dataclass(frozen=True)
class StoredConfig:
    """A named document, as the store keeps it."""

    name: str
    document: str
    saved_at: datetime


@dataclass(frozen=True)
class SavedSetup:
    name: str
    saved_at: datetime
    setup: Setup | None
    """None if this version cannot read it."""
    problem: str = ""
    """Why not, as a sentence."""
    left_out: tuple[str, ...] = ()
    """Labels of the settings that held a secret and were saved without it."""

    @property
    def target(self) -> Target | None:
        return self.setup.target if self.setup else None
