"""What two setups, or the configs of two runs, say differently."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain.decimals import plain
from app.domain.runs import Target
from app.domain.setting_labels import label_of
from app.domain.setups import Setup
from trainer_image.config import RunConfig

_OF_THE_FILE: Final = frozenset({"setup_version", "schema_version", "config.schema_version"})
"""Says which version wrote it, nothing about the run."""


@dataclass(frozen=True)
class Difference:
    """One setting and what each side says; None where it says nothing, or its method has no such setting."""

    path: str
    """Its place, like `config.method.lora_r` in a setup and `method.lora_r` in a config."""
    label: str
    left: Any
    right: Any

    def said(self) -> tuple[str, str]:
        """Both values, for people."""
        if self.path == "target":  # as it is called where it is chosen
            return Target(self.left).label, Target(self.right).label
        return worded(self.left), worded(self.right)


def differences(left: Setup | RunConfig, right: Setup | RunConfig) -> list[Difference]:
    """In the order of the schema; empty if both ask for the same.

    A setup beside a config is compared by its own config.
    """
    if isinstance(left, RunConfig) != isinstance(right, RunConfig):
        left, right = _config_of(left), _config_of(right)
    mine, others = (_leaves(side.model_dump(mode="json")) for side in (left, right))
    places = [*mine, *(path for path in others if path not in mine)]
    return [
        Difference(path, label_of(path), mine.get(path), others.get(path))
        for path in places
        if path not in _OF_THE_FILE and mine.get(path) != others.get(path)
    ]


def worded(value: Any) -> str:
    """A value of a difference, for people."""
    match value:
        case None | "" | []:
            return "–"
        case bool():
            return "on" if value else "off"
        case float():
            return plain(value)
        case list():
            return " ".join(str(item) for item in value)
        case _:
            return str(value)


def _config_of(side: Setup | RunConfig) -> RunConfig:
    return side if isinstance(side, RunConfig) else side.config


def _leaves(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            found |= _leaves(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
