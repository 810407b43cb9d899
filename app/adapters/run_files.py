"""The files of a run folder that launchers write and read.

The trainer's supervisor writes `job.json` when the run starts and `exit.json` when it has ended.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from app.domain.errors import TargetError
from app.domain.runs import JobHandle
from trainer_image.config import CONFIG_FILE, RunConfig

JOB_FILE: Final = "job.json"
EXIT_FILE: Final = "exit.json"


@dataclass(frozen=True)
class Job:
    """One attempt of a run as a process on this computer. Start times tell a process from a later one
    with the same id."""

    folder: str
    attempt: int
    supervisor_pid: int
    supervisor_started: float
    child_pid: int
    child_started: float

    @property
    def handle(self) -> JobHandle:
        return JobHandle(json.dumps(asdict(self), separators=(",", ":")))

    @classmethod
    def of(cls, handle: JobHandle) -> "Job":
        return cls(**json.loads(handle))


def resume_options(*, resume: bool, extend: bool, resume_from: str) -> list[str]:
    """How train.py is told where to go on from."""
    named = ["--resume-from", resume_from] if resume_from else []
    return [*["--resume"] * resume, *["--extend"] * extend, *named]


def write_config(folder: Path, config: RunConfig) -> None:
    """Write config.json, whole or not at all. Raises TargetError if it cannot be written."""
    path = folder / CONFIG_FILE
    partial = path.with_name(f"{CONFIG_FILE}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(config.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise TargetError(
            f"The run's config could not be written to {folder}: {error.strerror or error}.",
            "Make room on the disk, or choose another folder.",
        ) from error


def read_job(folder: Path, attempt: int | None = None) -> Job | None:
    """The job of that attempt, None if it has not started; without `attempt` the newest."""
    found = _read(folder / JOB_FILE)
    if found is None or attempt not in (None, found["attempt"]):
        return None
    return Job(
        str(folder),
        int(found["attempt"]),
        int(found["supervisor_pid"]),
        float(found["supervisor_started"]),
        int(found["child_pid"]),
        float(found["child_started"]),
    )


def read_exit_code(folder: Path, attempt: int) -> int | None:
    """How that attempt ended; None if it has not, or if nobody was left to write it down."""
    found = _read(folder / EXIT_FILE)
    return int(found["exit_code"]) if found is not None and found.get("attempt") == attempt else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
