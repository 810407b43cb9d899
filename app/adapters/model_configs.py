"""The `config.json` of a model: in its folder, in the Hub's cache, or a few hundred bytes from the Hub."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.typed_paths import expanded

_FILE: Final = "config.json"
_PATIENCE_SECONDS: Final = 8.0


class FoundModelConfigs:
    """Implements `ModelConfigs`."""

    def __init__(self, secrets: Callable[[], str | None]) -> None:
        self._secrets = secrets

    def of(self, model: str, *, offline: bool) -> Mapping[str, Any]:
        folder = expanded(model)
        path = folder / _FILE if folder.is_dir() else self._on_the_hub(model, offline=offline)
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StudioError(
                f"The config.json of {model} cannot be read.", "The model may be incomplete; get it again."
            ) from error
        if not isinstance(found, dict):
            raise StudioError(f"The config.json of {model} holds no settings.", "Get the model again.")
        return found

    def _on_the_hub(self, model: str, *, offline: bool) -> Path:
        from huggingface_hub import (  # noqa: PLC0415 a third of a second
            get_hf_file_metadata,
            hf_hub_download,
            hf_hub_url,
            try_to_load_from_cache,
        )

        try:
            kept = try_to_load_from_cache(model, _FILE)
            if isinstance(kept, str):
                return Path(kept)
            if not offline:
                address = hf_hub_url(model, _FILE, endpoint=os.environ.get("HF_ENDPOINT"))
                token = self._secrets() or False
                get_hf_file_metadata(address, timeout=_PATIENCE_SECONDS, token=token)  # without retries
                return Path(hf_hub_download(model, _FILE, token=token))
        except Exception as error:  # the library and what lies below it raise dozens of types
            raise StudioError(
                f"The config.json of {model} could not be had from the Hugging Face Hub "
                f"({type(error).__name__}).",
                "Check the name, the network and, for a gated model, the token.",
            ) from error
        raise StudioError(
            f"The config.json of {model} is not on this computer, and offline mode is on.",
            "Get the model while online, then go offline.",
        )
