"""What a dataset on the Hugging Face Hub consists of."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class HubDatasetParts:
    repo: str
    splits: Mapping[str, tuple[str, ...]]
    """Configuration → its splits. A dataset without configurations has one called "default"."""


def hub_label(repo: str, split: str, config: str | None) -> str:
    """What people call one split of a dataset."""
    return f"{repo} [{config + ' / ' if config else ''}{split}]"
