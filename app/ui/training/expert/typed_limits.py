"""What a setting may be, in a few words, from the schema."""

from typing import Any, Final

from pydantic import BaseModel

from app.ui.texts import text, text_in
from app.ui.training.expert.catalogue import METHODS, SECTIONS, Setting
from trainer_image.config import RunConfig

_LIMITS: Final = ("gt", "ge", "lt", "le")


def limits_of(setting: Setting) -> str:
    """ "more than 0, less than 1"; empty if there is nothing to say."""
    said = [*_bounds(_field(setting).metadata), *_bounds(_inner(_field(setting).annotation))]
    words = ", ".join(dict.fromkeys(said))
    others = ", ".join(setting.options)
    empty = text("training.expert.limit_empty") if setting.may_be_empty and setting.kind != "switch" else ""
    return "; ".join(part for part in (words, others, empty) if part)


def _field(setting: Setting) -> Any:
    section, _, name = setting.path.rpartition(".")
    owners: list[type[BaseModel]] = (
        [RunConfig] if not section else list(METHODS.values()) if section == "method" else [SECTIONS[section]]
    )
    known = (owner.model_fields[name] for owner in owners if name in owner.model_fields)
    return next(known, RunConfig.model_fields["base_model"])


def _inner(annotation: Any) -> list[Any]:
    found = list(getattr(annotation, "__metadata__", ()))
    for part in getattr(annotation, "__args__", ()):
        if not isinstance(part, str):
            found += _inner(part)
    return found


def _bounds(metadata: list[Any]) -> list[str]:
    found = []
    for limit in metadata:
        for name in _LIMITS:
            if (value := getattr(limit, name, None)) is not None:
                shown = f"{value:g}" if isinstance(value, float) else f"{value:,}"
                found.append(text_in("training.expert.limits", name, limit=shown))
        if hasattr(limit, "metadata"):
            found += _bounds(list(limit.metadata))
    return found
