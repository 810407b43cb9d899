"""What a dataset on the Hugging Face Hub consists of, and how things are called there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PART: Final = r"[A-Za-z0-9](?:[\w.-]{0,94}\w)?"
_REPO: Final = re.compile(f"{_PART}(?:/{_PART})?", re.ASCII)

CACHED_MODEL: Final = "models--"
"""How the folders of models begin in the Hub's cache."""


def may_be_a_name(repo: str) -> bool:
    """Whether the Hub can have something of that name: "owner/name", or a name of one's own account."""
    return bool(_REPO.fullmatch(repo)) and not repo.endswith(".git") and "--" not in repo and ".." not in repo


def cached_as(model: str) -> str:
    """The folder's name of a model in the Hub's cache."""
    return CACHED_MODEL + model.replace("/", "--")


@dataclass(frozen=True)
class HubDatasetParts:
    repo: str
    splits: Mapping[str, tuple[str, ...]]
    """Configuration → its splits. A dataset without configurations has one called "default"."""


def hub_label(repo: str, split: str, config: str | None) -> str:
    """What people call one split of a dataset."""
    return f"{repo} [{config + ' / ' if config else ''}{split}]"
