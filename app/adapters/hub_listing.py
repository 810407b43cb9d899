"""What the Hugging Face Hub has: datasets by words, and a dataset's configurations and splits."""

import importlib.util
import os
from typing import Any, Final

from app.adapters.hub_rows import explain_hub_error, quiet_libraries, torch_unseen
from app.domain.errors import ImportFailedError
from app.domain.hub import HubDatasetParts

_MOST_FOUND: Final = 20
_TRUE: Final = {"1", "ON", "YES", "TRUE"}


def why_no_hub() -> str:
    """Why nothing can be had from the Hub, as a sentence; empty if it may be asked. Asks nobody."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        if os.environ.get(name, "").upper() in _TRUE:
            return f"Offline mode is on: {name} is set. Unset it and start Tunewright again."
    if importlib.util.find_spec("datasets") is None:
        return 'It needs the library datasets: pip install "tunewright[local]".'
    return ""


def find_datasets(words: str, *, token: str | None, endpoint: str | None = None) -> list[str]:
    """Names of datasets with these words, the most used first. Raises ImportFailedError."""
    from huggingface_hub import HfApi  # noqa: PLC0415

    try:
        found = HfApi(endpoint=endpoint, token=token).list_datasets(
            search=words, sort="downloads", limit=_MOST_FOUND
        )
        return [dataset.id for dataset in found]
    except Exception as error:  # the library and what lies below it raise dozens of types
        raise explain_hub_error(error, words, "", None, token) from error


def parts_of(repo: str, *, token: str | None) -> HubDatasetParts:
    """Its configurations with their splits; none of its rows. Raises ImportFailedError."""
    try:
        import datasets  # noqa: PLC0415
    except ImportError as error:
        raise ImportFailedError("Looking into a dataset needs the library datasets.", why_no_hub()) from error
    quiet_libraries()
    try:
        with torch_unseen(datasets.config):
            names = datasets.get_dataset_config_names(repo, token=token)
            return HubDatasetParts(repo, {name: _splits(datasets, repo, name, token) for name in names[:50]})
    except Exception as error:
        raise explain_hub_error(error, repo, "", None, token) from error


def _splits(datasets: Any, repo: str, config: str, token: str | None) -> tuple[str, ...]:
    return tuple(datasets.get_dataset_split_names(repo, config, token=token))
