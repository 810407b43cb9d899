"""What a dataset on the Hugging Face Hub consists of."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class HubDatasetParts:
    repo: str
    splits: Mapping[str, tuple[str, ...]]
    """Configuration → its splits. A dataset without configurations has one called "default"."""
