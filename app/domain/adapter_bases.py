"""Which base model an adapter is for, as its settings name it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.domain.typed_paths import expanded, is_folder, looks_like_path

ADAPTER_SETTINGS: Final = "adapter_config.json"


@dataclass(frozen=True)
class NamedBase:
    """A base model that an adapter names."""

    name: str
    """As it is written there: a folder, or a name on the Hub."""
    folder: Path | None
    """Where it lies on this computer, if it names a folder that is there."""

    @property
    def is_missing(self) -> bool:
        """Whether it names a folder that is gone, which must not be looked up on the Hub."""
        return self.folder is None and (looks_like_path(self.name) or self.name.count("/") > 1)

    @property
    def place(self) -> str:
        """What to load it from: its folder, else its name on the Hub."""
        return str(self.folder) if self.folder else self.name


def base_named_in(settings: bytes, adapter: Path) -> NamedBase | None:
    """By the settings of the adapter in that folder; relative folders start there, then at the current one.

    None where they do not say. Raises ValueError where they are no settings.
    """
    found: Any = json.loads(settings)
    if not isinstance(found, dict):
        raise ValueError(f"{ADAPTER_SETTINGS} holds no settings")
    name = found.get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        return None
    places = (adapter / expanded(name), expanded(name))
    near = next((place for place in places if is_folder(place)), None)
    return NamedBase(name, near.resolve() if near else None)
