"""The recipes that come with the app, one file each."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from app.domain.errors import StudioError
from app.domain.recipes import Recipe


def recipes(assets: Path) -> Sequence[Recipe]:
    """All, by title."""
    found = [read_recipe(path) for path in (assets / "recipes").glob("*.toml")]
    return sorted(found, key=lambda recipe: recipe.title)


def recipe(assets: Path, name: str) -> Recipe:
    """Raises StudioError if there is none of that name."""
    for one in recipes(assets):
        if one.name == name:
            return one
    raise StudioError(f"There is no recipe “{name}”.", "`tunewright recipes list` names them.")


def read_recipe(path: Path) -> Recipe:
    """Raises StudioError if it cannot be read."""
    try:
        return Recipe.model_validate({"name": path.stem, **tomllib.loads(path.read_text(encoding="utf-8"))})
    except (OSError, ValueError) as error:
        raise StudioError(
            f"The recipe {path.stem} cannot be read.",
            "It came with Tunewright: install that again.",
        ) from error
