"""Base models on this computer: folders, and what the Hub's library keeps in its cache."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.domain.hub import CACHED_MODEL, cached_as
from app.domain.weight_files import WHOLE_WEIGHTS, index_of, parts_named_in

_TOKENIZER: Final = ("tokenizer", "vocab", "spiece", "sentencepiece", "merges")
"""How the names of a tokenizer's files begin."""


class FoundModels:
    """Implements `ModelFiles`."""

    def lacks(self, folder: Path) -> str:
        names = _names(folder)
        if "config.json" not in names:
            return "it has no config.json"
        if missing := _missing_weights(folder, names):
            return missing
        return "" if any(name.startswith(_TOKENIZER) for name in names) else "it has no tokenizer"

    def cached(self, name: str, cache: Path | None) -> Path | None:
        repo = repository(name, cache)
        try:
            newest = (repo / "refs" / "main").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        folder = repo / "snapshots" / newest
        return folder if newest and folder.is_dir() else None

    def cached_names(self) -> Sequence[str]:
        try:
            found = [entry.name for entry in own_cache().iterdir() if entry.name.startswith(CACHED_MODEL)]
        except OSError:
            return ()
        return sorted(name.removeprefix(CACHED_MODEL).replace("--", "/") for name in found)


def repository(name: str, cache: Path | None) -> Path:
    """Where the cache keeps a model: its `blobs`, `refs` and `snapshots`."""
    return (cache or own_cache()) / cached_as(name)


def own_cache() -> Path:
    """As `huggingface_hub` finds it, which takes a third of a second to import."""
    if chosen := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(chosen).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface")
    return Path(home).expanduser() / "hub"


def _names(folder: Path) -> Sequence[str]:
    """Files that can be opened: a link into nowhere is none."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return ()


def _missing_weights(folder: Path, names: Sequence[str]) -> str:
    if any(name in names for name in WHOLE_WEIGHTS):
        return ""
    index = next((index for name in WHOLE_WEIGHTS if (index := index_of(name)) in names), "")
    if not index:
        return "it has no weights"
    try:
        parts = parts_named_in((folder / index).read_bytes())
    except (OSError, ValueError):
        return f"its {index} cannot be read"
    missing = len(parts.difference(names))
    return f"{missing} of its {len(parts)} files of weights are missing" if missing else ""
