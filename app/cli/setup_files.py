"""Read setup files, .toml or .json, with errors that name the field."""

import argparse
import json
import tomllib
from pathlib import Path

from pydantic import ValidationError

from app.domain.errors import StudioError
from app.domain.presets import with_preset
from app.domain.setups import Setup
from app.domain.targets import Target
from app.domain.typed_paths import expanded

_HINT = "docs/examples/ has one setup per method to start from."


def read_setup(path: Path) -> Setup:
    """Raises StudioError with the first wrong field and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StudioError(f"The setup {path} cannot be read: {reason}.", _HINT) from error
    try:
        document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        return Setup.model_validate(document)
    except ValidationError as error:
        raise StudioError(f"The setup {path.name} has a mistake: {_first(error)}.", _HINT) from error
    except RecursionError as error:
        raise StudioError(f"The setup {path.name} is nested too deeply.", _HINT) from error
    except ValueError as error:  # tomllib and json say where
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise StudioError(f"The setup {path.name} is not {kind}: {error}.", _HINT) from error


def asked_setup(args: argparse.Namespace) -> tuple[Setup, Path]:
    """The setup that `--config`, `--target` and `--preset` ask for, and the folder its paths start at."""
    path = expanded(args.config)
    setup = read_setup(path)
    if args.target:
        setup = setup.model_copy(update={"target": Target(args.target)})
    if args.preset:
        setup = setup.model_copy(update={"config": with_preset(setup.config, args.preset)})
    return setup, path.absolute().parent


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    return f"{place}: {text}" if place else text
