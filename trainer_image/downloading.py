"""Fetching a model from the Hugging Face Hub before it is loaded, so that people see how far it is.

Loading would fetch it too, without a word for as long as it takes. How far it is, is told by the size of
what lies in the cache, which holds whatever way the bytes take.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from trainer_image import ranks
from trainer_image.events import Download
from trainer_image.reporting import Reporter

_SMALL_FILES: Final = ("*.json", "*.txt", "*.model", "*.jinja")
WEIGHTS: Final = ("model*.safetensors", "pytorch_model*.bin")
"""What transformers loads: the first kind that is there."""
_SHARE: Final = 0.05
"""So much more must be there before it is told again."""
_LOOK_SECONDS: Final = 0.5


def fetch_model(model: str, reporter: Reporter, *, offline: bool) -> None:
    """Bring what is missing of a model into the cache; nothing is said if nothing is.

    One process of several does it. Never raises: what cannot be had fails in loading, which explains it.
    """
    if offline or os.path.isabs(model) or not ranks.is_first():
        return
    try:
        missing = [] if _is_here(model) else _missing(model)
        if not missing:
            return
        reporter.phase("download")
        total = sum(file.file_size or 0 for file in missing)
        with _watching(_blobs(model), model, total, reporter):
            _fetch(model, [file.filename for file in missing])
    except Exception as error:
        reporter.say(f"The download ended early ({type(error).__name__}); loading the model tries again.")


def _is_here(model: str) -> bool:
    """Whether its weights are in the cache, without asking the network."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = cached(model, f"{name}.index.json")
        parts = {name} if index is None else set(json.loads(index.read_bytes())["weight_map"].values())
        if all(cached(model, part) for part in parts):
            return True
    return False


def cached(model: str, name: str) -> Path | None:
    """Where a file of a model of the Hub lies; None if it is not in the cache."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

    found = try_to_load_from_cache(model, name)
    return Path(found) if isinstance(found, str) else None


def _missing(model: str) -> list[Any]:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 a third of a second

    for weights in WEIGHTS:
        files = snapshot_download(
            model, dry_run=True, allow_patterns=[*_SMALL_FILES, weights], ignore_patterns=["*/*"]
        )
        if any(file.filename.endswith((".safetensors", ".bin")) for file in files):
            return [file for file in files if file.will_download]
    return []


def _fetch(model: str, names: list[str]) -> None:
    from huggingface_hub import snapshot_download  # noqa: PLC0415

    snapshot_download(model, allow_patterns=names)


def _blobs(model: str) -> Path:
    from huggingface_hub import constants  # noqa: PLC0415
    from huggingface_hub.file_download import repo_folder_name  # noqa: PLC0415

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model, repo_type="model") / "blobs"


@contextmanager
def _watching(folder: Path, model: str, total: int, reporter: Reporter) -> Iterator[None]:
    """Tell how much has come while the block runs, and at its end that all has."""
    began, before, over = time.monotonic(), _size(folder), threading.Event()

    def tell(done: int) -> None:
        seconds = time.monotonic() - began
        left = seconds / done * (total - done) if done else None
        eta = round(left, 1) if left is not None else None
        reporter.emit(Download(name=model, done=done, total=total, eta_seconds=eta))

    def watch() -> None:
        told = 0
        while not over.wait(_LOOK_SECONDS):
            done = min(_size(folder) - before, total)
            if done - told >= _SHARE * total:
                tell(done)
                told = done

    watcher = threading.Thread(target=watch, name="download", daemon=True)
    tell(0)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    tell(total)


def _size(folder: Path) -> int:
    """Of what is there, begun files included."""
    sizes = 0
    for path in folder.glob("*"):
        try:
            sizes += path.stat().st_size
        except OSError:  # renamed under our eyes
            continue
    return sizes
