"""What the Hugging Face Hub has: datasets by words, and a dataset's configurations and splits."""

import importlib.util
from typing import Any, Final

from app.adapters.hub_rows import explain_hub_error, quiet_libraries, refuse_offline, torch_unseen
from app.domain.errors import ImportFailedError
from app.domain.hub import HubDatasetParts
from trainer_image import network

_MOST_FOUND: Final = 20


def why_no_hub() -> str:
    """Why nothing can be had from the Hub, as a sentence; empty if it may be asked. Asks nobody."""
    if reason := network.reason():
        return reason
    if importlib.util.find_spec("datasets") is None:
        return 'It needs the library datasets: pip install "tunewright[local]".'
    return ""


def find_datasets(words: str, *, token: str | None, endpoint: str | None = None) -> list[str]:
    """Names of datasets with these words, the most used first. Raises ImportFailedError."""
    refuse_offline(words)
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
    refuse_offline(repo)
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
