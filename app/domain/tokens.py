"""Tokens a person keeps for other places: where each comes from, never the token itself."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol


class TokenPlace(StrEnum):
    """What a token is for."""

    HUGGING_FACE = "hugging-face"
    RUNPOD = "runpod"

    @property
    def label(self) -> str:
        return {TokenPlace.HUGGING_FACE: "Hugging Face", TokenPlace.RUNPOD: "Runpod"}[self]

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables that come before everything else, the usual one first."""
        if self is TokenPlace.HUGGING_FACE:
            return ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
        return ("RUNPOD_API_KEY",)

    @property
    def page(self) -> str:
        """Where a person gets one."""
        if self is TokenPlace.HUGGING_FACE:
            return "https://huggingface.co/settings/tokens"
        return "https://console.runpod.io/user/settings"


@dataclass(frozen=True)
class TokenState:
    """Where the token in use comes from, and whether one is kept besides."""

    place: TokenPlace
    source: Literal["environment", "keyring", "login", "none"]
    text: str
    """The same as a sentence."""
    is_kept: bool = False
    """Whether one is in the keyring, used or not."""


class TokenVault(Protocol):
    """The system's own place for secrets."""

    def problem(self) -> str:
        """Why nothing can be kept here, as a sentence; empty if it can."""
        ...

    def get(self, place: TokenPlace) -> str | None: ...

    def put(self, place: TokenPlace, token: str) -> None:
        """Raises StudioError if it could not be kept."""
        ...

    def forget(self, place: TokenPlace) -> None:
        """Does nothing if none is kept. Raises StudioError if it could not be removed."""
        ...


class TokenChecker(Protocol):
    def check(self, place: TokenPlace, token: str) -> str:
        """Ask the place whose token it is; a sentence. Raises StudioError with what is wrong."""
        ...


class TokenSource(Protocol):
    """Which token counts."""

    def find(self, place: TokenPlace) -> tuple[str, str] | None:
        """The token, and where it is from: a variable's name, "keyring", or "login"."""
        ...
