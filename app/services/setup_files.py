"""Setups as files, .toml or .json, with errors that name the field."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from app.domain.errors import StudioError
from app.domain.said_settings import with_settings
from app.domain.setups import Setup
from app.domain.typed_paths import expanded, looks_like_path

_HINT: Final = "docs/examples/ has one setup per method to start from."
_MISTAKES: Final = {"extra_forbidden": "there is no setting of this name", "missing": "it is missing"}


def read_setup(path: Path) -> Setup:
    """Raises StudioError with the first wrong field and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StudioError(f"The setup {path} cannot be read: {reason}.", _HINT) from error
    return parse_setup(text, path.name)


def parse_setup(text: str, file_name: str) -> Setup:
    """What a file of this name says. Raises StudioError alike."""
    is_toml = file_name.lower().endswith(".toml")
    try:
        return Setup.model_validate(tomllib.loads(text) if is_toml else json.loads(text))
    except ValidationError as error:
        raise StudioError(f"The setup {file_name} has a mistake: {first_mistake(error)}.", _HINT) from error
    except RecursionError as error:
        raise StudioError(f"The setup {file_name} is nested too deeply.", _HINT) from error
    except ValueError as error:  # tomllib and json say where
        kind = "TOML" if is_toml else "JSON"
        raise StudioError(f"The setup {file_name} is not {kind}: {error}.", _HINT) from error


def said_over(setup: Setup, said: Sequence[str]) -> Setup:
    """With single settings over it, each as `name=value`. Raises StudioError for one that is wrong."""
    try:
        return Setup.model_validate(with_settings(setup, said))
    except ValidationError as error:
        raise StudioError(f"That is no setup: {first_mistake(error)}.", "Correct what --set says.") from error


def setup_text(setup: Setup, file_name: str) -> str:
    """The setup as `parse_setup` reads it. Raises StudioError for what TOML has no word for."""
    document = setup.model_dump(mode="json")
    if not file_name.lower().endswith(".toml"):
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if None in setup.config.backend_args.values():
        raise StudioError(
            "This setup has a backend argument that is null, which a .toml file cannot say.",
            "Save it as a .json file.",
        )
    return "\n".join(_toml(document)).lstrip() + "\n"


def write_setup(setup: Setup, path: Path, *, overwrite: bool) -> None:
    """Raises StudioError if it cannot be written, or is there already and `overwrite` is not set."""
    text = setup_text(setup, path.name)
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise StudioError(
            f"There is a file {path} already.", "Choose another name, or ask to replace it."
        ) from error
    except OSError as error:
        raise StudioError(
            f"{path} could not be written: {error.strerror or error}.", "Choose another folder."
        ) from error


def with_files_in(setup: Setup, folder: Path) -> Setup:
    """With the path of its data file no longer relative to a folder."""
    return setup.model_copy(update={"file": folder / expanded(setup.file)}) if setup.file else setup


def as_compared(setup: Setup, folder: Path) -> Setup:
    """With every path as what it leads to, so that two ways to write one are no difference.

    Its data file counts from `folder`; a folder of a model or of Docker from where the app was started.
    """
    config, docker = setup.config, setup.docker
    if looks_like_path(config.base_model):
        config = config.model_copy(update={"base_model": str(_led_to(Path(config.base_model)))})
    if docker.data_dir is not None:
        docker = replace(docker, data_dir=_led_to(docker.data_dir))
    file = _led_to(folder / expanded(setup.file)) if setup.file else None
    return setup.model_copy(update={"file": file, "config": config, "docker": docker})


def _led_to(path: Path) -> Path:
    """As it is where no path can be called so."""
    try:
        return expanded(path).resolve()
    except (OSError, ValueError, RuntimeError):
        return path


def first_mistake(error: ValidationError) -> str:
    """The first wrong field and what is wrong with it, without a full stop."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
    text = _MISTAKES.get(first["type"]) or said.partition(", unable to ")[0]
    return f"{place}: {text}" if place else text


def _toml(table: Mapping[str, Any], name: str = "") -> Iterator[str]:
    """Lines of one table, then those inside it. What is None is left out: it is so by default."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    plain = {key: value for key, value in table.items() if key not in inner and value is not None}
    if name and (plain or not inner):
        yield f"\n[{name}]"
    for key, value in plain.items():
        yield f"{_text(key)} = {_value(value)}"
    for key, value in inner.items():
        yield from _toml(value, f"{name}.{_text(key)}" if name else _text(key))


def _text(key: str) -> str:
    return key if key.replace("_", "").isascii() and key.replace("_", "").isalnum() else _value(key)


def _value(value: Any) -> str:
    """Booleans, numbers and strings look in TOML as in JSON but for one control character."""
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
