"""What the checks before a run need from the outside world. Implemented in `app.adapters`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.domain.preflight import Download


@dataclass(frozen=True)
class Account:
    """Whom a token belongs to, and what it is good for."""

    name: str
    organisations: tuple[str, ...]
    may_write: bool


class ModelFiles(Protocol):
    """Base models on this computer. Methods block on the disk only."""

    def lacks(self, folder: Path) -> str:
        """What is missing for it to be a whole model, in half a sentence; empty if it is whole."""
        ...

    def cached(self, name: str, cache: Path | None) -> Path | None:
        """The newest folder of a Hub model in a cache (None: this user's), whole or not."""
        ...

    def cached_names(self) -> Sequence[str]:
        """Hub models in this user's cache, whole or not, in the order of their names."""
        ...


class Hub(Protocol):
    """The Hugging Face Hub, asked with short patience. Methods block; raise StudioError with what to do."""

    def model(self, name: str, *, token: str | None, cache: Path | None) -> Download:
        """What loading it takes, once it is sure that it may be had."""
        ...

    def require_dataset(self, repo: str, *, token: str | None) -> None: ...

    def account(self, token: str) -> Account: ...
