"""Tokens from the environment, or from what `hf auth login` saved. Never from the database."""

import os
from collections.abc import Mapping
from typing import Final

_HF_VARIABLES: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


class EnvironmentSecrets:
    """Looks anew at every question, so that a login while the app runs is seen."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment

    def hf_token(self) -> str | None:
        for name in _HF_VARIABLES:
            if token := self._environment.get(name, "").strip():
                return token
        return _saved_token()


def _saved_token() -> str | None:
    from huggingface_hub import get_token  # noqa: PLC0415 - costs start-up time, and most starts need no token

    return get_token()
