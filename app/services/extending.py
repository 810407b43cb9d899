"""Another length for a run that has begun."""

import json

from pydantic import ValidationError

from app.domain.errors import StudioError
from app.domain.runs import Length, Run
from trainer_image.config import EXTENSION_FILE, RunConfig


def note_extension(run: Run, config: RunConfig) -> None:
    """Before anything else: if the app or the trainer then dies, a plain resume goes on to this length too.
    Raises StudioError."""
    path = run.folder / EXTENSION_FILE
    try:
        path.write_text(json.dumps(config.length), encoding="utf-8")
    except OSError as error:
        raise StudioError(
            f"The run's folder could not be written: {error.strerror or error}.",
            "Make room on the disk, then try again.",
        ) from error


def of_length(config: RunConfig, length: Length) -> RunConfig:
    """Raise StudioError if it can't be so long."""
    name, value = length
    try:
        return RunConfig.model_validate(config.model_dump() | {name: value})
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise StudioError(f"A run cannot have {name} = {value}: {reason}.", "Give another number.") from error
