"""Small choices a person made, kept between starts. Never secrets."""

from pydantic import ValidationError

from app.domain.ports import SettingsStore
from app.domain.setups import Setup

_THEME = "ui.theme"
_LAST_SETUP = "training.last_setup"
_THEMES = ("system", "light", "dark")


class SettingsService:
    def __init__(self, store: SettingsStore) -> None:
        self._store = store

    @property
    def theme(self) -> str:
        """ "system", "light" or "dark"."""
        stored = self._store.get(_THEME)
        return stored if stored in _THEMES else "system"

    def set_theme(self, theme: str) -> None:
        if theme not in _THEMES:
            raise ValueError(f"no theme {theme!r}")
        self._store.set(_THEME, theme)

    def last_setup(self) -> Setup | None:
        """What was last started; None if nothing was, or if this version cannot read it."""
        stored = self._store.get(_LAST_SETUP)
        try:
            return Setup.model_validate_json(stored) if stored else None
        except ValidationError:
            return None

    def remember_setup(self, setup: Setup) -> None:
        self._store.set(_LAST_SETUP, setup.model_dump_json())
