"""Tokens from the environment, else from the keyring, else from what `hf auth login` saved.

Never from the database.
"""

import os
from collections.abc import Mapping

from app.domain.tokens import TokenPlace, TokenVault


class EnvironmentSecrets:
    """Looks anew at every question, so that a login while the app runs is seen. Implements `TokenSource`."""

    def __init__(self, environment: Mapping[str, str] = os.environ, vault: TokenVault | None = None) -> None:
        self._environment = environment
        self._vault = vault

    def hf_token(self) -> str | None:
        found = self.find(TokenPlace.HUGGING_FACE)
        return found[0] if found else None

    def find(self, place: TokenPlace) -> tuple[str, str] | None:
        for name in place.variables:
            if token := self._environment.get(name, "").strip():
                return token, name
        if self._vault is not None and (token := self._vault.get(place) or ""):
            return token, "keyring"
        if place is TokenPlace.HUGGING_FACE and (token := _saved_token() or ""):
            return token, "login"
        return None


def _saved_token() -> str | None:
    from huggingface_hub import get_token  # noqa: PLC0415 - costs start-up time, and most starts need no token

    return get_token()
