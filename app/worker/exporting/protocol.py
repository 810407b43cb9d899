"""What the app and its exporting process say to each other: one JSON document a line, over two pipes.

The app says one `ExportJob` and hears `Told`…, then `Made` or `Failed`. Imports no torch: both sides use it.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from app.domain.exports import ExportJob, Made, Told


@dataclass(frozen=True)
class Failed:
    message: str
    hint: str


@dataclass(frozen=True)
class Reply:
    """Exactly one of them is set."""

    told: Told | None = None
    made: Made | None = None
    failed: Failed | None = None


_JOBS: Final = TypeAdapter(ExportJob)
_REPLIES: Final = TypeAdapter(Reply)


def write_job(job: ExportJob) -> bytes:
    return _JOBS.dump_json(job) + b"\n"


def read_job(line: bytes) -> ExportJob:
    return _JOBS.validate_json(line)


def write_reply(reply: Reply) -> bytes:
    return _REPLIES.dump_json(reply, exclude_none=True) + b"\n"


def read_reply(line: bytes) -> Reply:
    return _REPLIES.validate_json(line)
