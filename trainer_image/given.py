"""The config a run was given. Imports no training library."""

from pathlib import Path

from pydantic import ValidationError

from trainer_image.config import RunConfig
from trainer_image.problems import bad_config


def read_config(path: Path) -> RunConfig:
    """Raise RunFailedError, for exit code 2, naming the first setting that is wrong."""
    try:
        return RunConfig.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise bad_config("The run has no config.json.", f"It was expected at {path}.") from None
    except OSError as error:
        raise bad_config(
            f"The run's config.json cannot be read: {error.strerror}.", f"It is at {path}."
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        detail = f"{where}: {reason}" if where else reason
        raise bad_config(
            f"The run's config.json is not valid: {detail}.",
            "Correct the setting; docs/run-contract.md lists them all.",
        ) from None
