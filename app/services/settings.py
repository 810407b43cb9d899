"""Small choices a person made, kept between starts. Never secrets."""

import tempfile
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from app.domain.errors import StudioError
from app.domain.ports import SettingsStore
from app.domain.questions import Answers
from app.domain.setup_secrets import without_secrets
from app.domain.setups import Setup
from app.domain.typed_paths import expanded

_THEME = "ui.theme"
_LAST_SETUP = "training.last_setup"
_FORM = "training.form"
_ANSWERS = "training.answers"
_PROXY = "collecting.proxy"
_OFFLINE = "collecting.offline"
_DATA_FOLDER = "folders.data"
_IDLE_MINUTES = "inference.idle_minutes"
_THEMES = ("system", "light", "dark")
_TEXT_SIZE = "ui.text_size"
TEXT_SIZES = (100, 125, 150, 200)
"""In percent. What the system or the browser enlarges comes on top."""

DEFAULT_IDLE_MINUTES: Final = 10
MOST_IDLE_MINUTES: Final = 1440

_ANSWERS_TYPE: Final = TypeAdapter(Answers)


class LeftForm(NamedTuple):
    """The training form as it was left, started or not."""

    setup: Setup | None = None
    """None if it never was complete, or if this version cannot read it."""
    answers: Answers | None = None
    """The beginner's three, which may be younger than the setup."""
    was_started: bool = False
    """Whether any run was."""


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

    @property
    def text_size(self) -> int:
        """One of `TEXT_SIZES`."""
        stored = self._store.get(_TEXT_SIZE) or ""
        return int(stored) if stored in map(str, TEXT_SIZES) else TEXT_SIZES[0]

    def set_text_size(self, percent: int) -> None:
        if percent not in TEXT_SIZES:
            raise ValueError(f"no text size {percent}")
        self._store.set(_TEXT_SIZE, str(percent))

    @property
    def proxy(self) -> str:
        """What collecting from the web goes through; empty for what the environment says."""
        return self._store.get(_PROXY) or ""

    def set_proxy(self, address: str) -> str:
        """Returns what is kept. Raises StudioError for what is no address of a proxy."""
        address = address.strip()
        if address and not _is_of_a_proxy(address):
            raise StudioError(
                f"'{_without_password(address)}' is no address of a proxy.",
                "Give one like http://proxy.example:3128, or none.",
            )
        if urlsplit(address).password:
            raise StudioError(
                "A password cannot be kept here.", "Set the environment variable HTTPS_PROXY instead."
            )
        self._store.set(_PROXY, address)
        return address

    @property
    def data_folder(self) -> str:
        """Where results of new runs go; empty for the usual folder. Read once, at the start of the app."""
        return self._store.get(_DATA_FOLDER) or ""

    def set_data_folder(self, text: str) -> str:
        """Make the folder and keep it; returns what is kept. Raises StudioError if it can't be written."""
        folder = expanded(text.strip()) if text.strip() else None
        if folder is not None:
            if not folder.is_absolute():
                raise StudioError(f"'{text.strip()}' is not a whole path.", "Give one like /data/tunewright.")
            _require_writable(folder)
        self._store.set(_DATA_FOLDER, str(folder) if folder else "")
        return str(folder) if folder else ""

    @property
    def is_offline(self) -> bool:
        """The switch of offline mode. What counts is `OfflineService.reason`: the environment comes first."""
        return self._store.get(_OFFLINE) == "yes"

    def set_offline(self, offline: bool) -> None:
        self._store.set(_OFFLINE, "yes" if offline else "no")

    @property
    def idle_minutes(self) -> int:
        """After how long a model nobody talks to is let go of; 0 for never."""
        stored = self._store.get(_IDLE_MINUTES) or ""
        return int(stored) if stored.isdecimal() else DEFAULT_IDLE_MINUTES

    def set_idle_minutes(self, minutes: int) -> None:
        """Raises StudioError for what is no number of minutes."""
        if not 0 <= minutes <= MOST_IDLE_MINUTES:
            raise StudioError(f"Give minutes from 0 (never) to {MOST_IDLE_MINUTES}.", "Type another number.")
        self._store.set(_IDLE_MINUTES, str(minutes))

    def last_setup(self) -> Setup | None:
        """What was last started; None if nothing was, or if this version cannot read it."""
        return self._setup(_LAST_SETUP)

    def remember_setup(self, setup: Setup) -> None:
        kept, _ = without_secrets(setup)
        self._store.set(_LAST_SETUP, kept.model_dump_json())

    def left_form(self) -> LeftForm:
        """What to open the form with."""
        started = self._setup(_LAST_SETUP)
        return LeftForm(self._setup(_FORM) or started, self._answers(), started is not None)

    def keep_form(self, setup: Setup | None, answers: Answers) -> None:
        """As the form stands now; `setup` is None while it is not complete, which leaves the last one."""
        if setup is not None:
            kept, _ = without_secrets(setup)
            self._store.set(_FORM, kept.model_dump_json())
        self._store.set(_ANSWERS, _ANSWERS_TYPE.dump_json(answers).decode())

    def _setup(self, key: str) -> Setup | None:
        stored = self._store.get(key)
        try:
            return Setup.model_validate_json(stored) if stored else None
        except ValidationError:
            return None

    def _answers(self) -> Answers | None:
        stored = self._store.get(_ANSWERS)
        try:
            return _ANSWERS_TYPE.validate_json(stored) if stored else None
        except ValidationError:
            return None


def _without_password(address: str) -> str:
    """What a screen may show of an address that nothing else can read either."""
    before, at, place = address.rpartition("@")
    if not at:
        return address
    scheme, colon, _ = before.partition("://")
    return f"{scheme}{colon}…@{place}" if colon else f"…@{place}"


def _is_of_a_proxy(address: str) -> bool:
    if any(letter.isspace() for letter in address):
        return False
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port has such a number, and no host such brackets
        return False


def _require_writable(folder: Path) -> None:
    """Raises StudioError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StudioError(
            f"The folder {folder} cannot be written: {error.strerror or error}.", "Choose another one."
        ) from error
