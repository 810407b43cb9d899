"""A setup: everything that describes a run, as a file a person can keep, share and start from."""

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.domain.jobs import NO_JOB, JobOptions
from app.domain.questions import Answers
from app.domain.renting import NO_POD, PodOptions
from app.domain.runs import DockerOptions, Target
from trainer_image.config import FileDataset, HubDataset, RunConfig

SETUP_VERSION: Final = 2

BUNDLED_MODEL: Final = "tunewright/tiny"
"""Stands for the tiny model shipped with the app, wherever the app lies."""


Skill = Literal["beginner", "expert"]
"""How much of the form a person wants to see."""


class Setup(BaseModel):
    """Target, data, config. Exactly one source of rows: a session, a file, or a Hub dataset in `config`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    setup_version: Literal[2] = SETUP_VERSION
    skill: Skill = Field("beginner", description="How much of the form is shown: beginner or expert.")
    preset: str = Field("", description="The preset its values came from, by name; empty: one's own.")
    target: Target = Target.LOCAL
    session: str | None = Field(None, description="Name or id of a collected session.")
    session_name: str = Field(
        "", description="What the session was called when this was saved: for people, nothing is found by it."
    )
    file: Path | None = Field(None, description="JSONL file; relative to the setup's own file.")
    output_name: str = Field("", description="Name of the run's folder; empty: made up.")
    docker: DockerOptions = DockerOptions()
    pod: PodOptions = NO_POD
    job: JobOptions = NO_JOB
    answers: Answers = Field(Answers(), description="A beginner's three answers, which chose the method.")
    config: RunConfig

    @model_validator(mode="before")
    @classmethod
    def _today(cls, document: Any) -> Any:
        return migrated(document) if isinstance(document, dict) else document

    @model_validator(mode="after")
    def _one_source(self) -> "Setup":
        hub = isinstance(self.config.dataset, HubDataset)
        sources = [bool(self.session), self.file is not None, hub]
        if sum(sources) > 1:
            raise ValueError("name one source of rows: session, file, or a Hub dataset")
        if not any(sources) and self.config.dataset == FileDataset():
            raise ValueError("no data: name a session, a file, or a Hub dataset in config.dataset")
        return self


def migrated(document: dict[str, Any]) -> dict[str, Any]:
    """A setup of an older version as one of today. Raises ValueError for one of a newer version.

    Version 1 knew neither skill nor preset.
    """
    version = document.get("setup_version")
    if isinstance(version, int) and version > SETUP_VERSION:
        raise ValueError(
            f"it was made by a newer Tunewright (setup_version {version}, and this one reads up to "
            f"{SETUP_VERSION}): update Tunewright"
        )
    return document | {"setup_version": 2} if version == 1 else document
