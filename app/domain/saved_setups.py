"""Setups that were saved under a name."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import StudioError
from app.domain.runs import Run
from app.domain.setups import Setup
from app.domain.targets import Target
from trainer_image.config import DATA_FILE, HubDataset


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


def setup_of_run(run: Run) -> Setup:
    """What it was started with, so that it can be started again; under another name, as its own is taken.

    Raises StudioError for an imported run, whose settings nobody knows.
    """
    if run.is_imported:
        raise StudioError("The settings of an imported run are not known.", "Fill in the form by hand.")
    is_session, is_hub = run.session_id is not None, isinstance(run.config.dataset, HubDataset)
    return Setup(
        skill="expert",
        target=run.target,
        session=str(run.session_id) if is_session else None,
        session_name=run.data_label if is_session else "",
        file=None if is_session or is_hub else run.folder / DATA_FILE,
        docker=run.docker,
        config=run.config,
    )
