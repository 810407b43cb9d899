"""Tokens in the system's keyring: Keychain, Credential Manager, Secret Service, KWallet."""

import logging
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.domain.errors import StudioError
from app.domain.tokens import TokenPlace

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

log = logging.getLogger(__name__)

SERVICE: Final = "tunewright"
_NO_KEYRING: Final = "No keyring of this system can be used, so no token can be kept here."
_INSECURE: Final = ("PlaintextKeyring", "fail.Keyring", "null.Keyring")
"""The first keeps secrets in a plain file, the others keep nothing."""


class KeyringVault:
    """Implements `TokenVault`. `backend` replaces the system's own.

    `changed` is a file that every process of ours writes when it keeps or removes a token: what another one
    has read before is then read anew.
    """

    def __init__(self, backend: "KeyringBackend | None" = None, *, changed: Path | None = None) -> None:
        self._backend = backend
        self._changed = changed
        self._seen = self._last_change()
        self._known: dict[TokenPlace, str] = {}
        """A keyring may ask its owner at each look: once is enough."""
        self._lock = threading.Lock()

    def problem(self) -> str:
        try:
            backend = self._keyring()
        except Exception as error:  # a backend of another package may raise anything
            log.info("The keyring cannot be used: %s", type(error).__name__)
            return _NO_KEYRING
        name = f"{type(backend).__module__}.{type(backend).__name__}"
        if name.endswith(_INSECURE) or not _is_usable(backend):
            return _NO_KEYRING
        return ""

    def get(self, place: TokenPlace) -> str | None:
        """None, too, where the keyring stays locked or fails: the log says so."""
        with self._lock:
            if (change := self._last_change()) != self._seen:
                self._seen = change
                self._known.clear()
            if place not in self._known and not self.problem():
                try:
                    found = self._keyring().get_password(SERVICE, place.value)
                except Exception as error:
                    log.info("The keyring gave nothing: %s", type(error).__name__)
                    return None
                if found:
                    self._known[place] = found
            return self._known.get(place)

    def put(self, place: TokenPlace, token: str) -> None:
        if problem := self.problem():
            raise StudioError(problem, f"Set the environment variable {place.variables[0]} instead.")
        try:
            self._keyring().set_password(SERVICE, place.value, token)
        except Exception as error:  # its text might repeat what it was given
            log.info("The keyring kept nothing: %s", type(error).__name__)
            raise StudioError(
                "The keyring did not take the token: it may be locked.",
                f"Unlock it and try again, or set the environment variable {place.variables[0]}.",
            ) from None
        with self._lock:
            self._note_change()
            self._known[place] = token

    def forget(self, place: TokenPlace) -> None:
        from keyring.errors import PasswordDeleteError  # noqa: PLC0415

        with self._lock:
            self._known.pop(place, None)
        if self.problem():
            return
        try:
            self._keyring().delete_password(SERVICE, place.value)
        except PasswordDeleteError:
            pass  # there is none
        except Exception as error:
            log.info("The keyring removed nothing: %s", type(error).__name__)
            raise StudioError(
                "The token could not be removed from the keyring: it may be locked.",
                "Unlock it and try again.",
            ) from None
        with self._lock:
            self._note_change()
            self._known.pop(place, None)  # it may have been asked for meanwhile

    def _last_change(self) -> str:
        with suppress(OSError, UnicodeDecodeError):
            return self._changed.read_text(encoding="utf-8") if self._changed else ""
        return ""

    def _note_change(self) -> None:
        if self._changed is None:
            return
        try:
            change = secrets.token_hex(8)
            is_up_to_date = self._last_change() == self._seen
            self._changed.write_text(change, encoding="utf-8")
            if is_up_to_date:  # else another process changed something, too
                self._seen = change
        except OSError as error:
            log.warning("Other windows were not told of the change: %s", error.strerror or error)

    def _keyring(self) -> "KeyringBackend":
        if self._backend is None:
            import keyring  # noqa: PLC0415 - a tenth of a second that most starts do not need

            self._backend = keyring.get_keyring()
        return self._backend


def _is_usable(backend: "KeyringBackend") -> bool:
    """Backends that only fail, like a chain of none, say so by their priority."""
    try:
        return bool(backend.priority > 0)
    except Exception:  # the priority itself looks for what is not there
        return False
