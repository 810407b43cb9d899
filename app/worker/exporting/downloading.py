"""The base model on this computer: where it is, or got from the Hub with how far that is."""

import json
import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_CACHE, HF_HUB_OFFLINE

from app.domain.errors import StudioError
from app.domain.exports import Told
from app.domain.hub import may_be_a_name
from app.domain.sizes import sized
from app.worker.exporting.watching import watched

log = logging.getLogger(__name__)

_WORDS: Final = ("*.json", "*.jinja", "*.model", "*.txt")
_WEIGHTS: Final = "*.safetensors"
_OLDER_WEIGHTS: Final = "*.bin"
_NOT_TAKEN: Final = ("original/*", "onnx/*", "consolidated*", "*.gguf")
"""The same weights again, in forms that nobody reads here."""


def base_folder(name: str, tell: Callable[[Told], None]) -> Path:
    """Raises StudioError where it is not to be had, or there is no room for it."""
    if Path(name).is_dir():
        return Path(name)
    if not may_be_a_name(name):
        raise StudioError(f"The base model {name} is not to be had.", "Put its folder back.")
    cached = try_to_load_from_cache(name, "config.json")
    if isinstance(cached, str) and _is_whole(Path(cached).parent):
        return Path(cached).parent
    if HF_HUB_OFFLINE:
        raise StudioError(
            f"The base model {name} is not on this computer, and the export is offline.",
            "Go online to download it.",
        )
    try:
        return _downloaded(name, tell)
    except StudioError:
        raise
    except Exception as error:  # the library and what lies below it raise dozens of types
        log.exception("download")
        raise StudioError(
            f"The base model {name} is not to be had ({type(error).__name__}).",
            "Check the network, its name, and that your Hugging Face token may read it.",
        ) from error


def _downloaded(name: str, tell: Callable[[Told], None]) -> Path:
    files = {
        file.rfilename: file.size or 0
        for file in HfApi().model_info(name, files_metadata=True).siblings or ()
    }
    weights = _WEIGHTS if any(path.endswith(".safetensors") for path in files) else _OLDER_WEIGHTS
    wanted = sum(size for path, size in files.items() if path.endswith(weights.removeprefix("*")))
    repository = Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    repository.mkdir(parents=True, exist_ok=True)
    blobs = repository / "blobs"
    left = wanted - sum(path.stat().st_size for path in blobs.glob("*"))
    free = shutil.disk_usage(repository).free
    if left > free:
        raise StudioError(
            f"The base model {name} is still to be downloaded: {sized(left)}, and {sized(free)} are free on "
            f"the disk of {HF_HUB_CACHE}.",
            "Free some space there.",
        )
    text = f"Downloading {name}, {sized(wanted)}"
    with watched(blobs, left, lambda share: tell(Told(text, share))):
        got = snapshot_download(name, allow_patterns=[*_WORDS, weights], ignore_patterns=list(_NOT_TAKEN))
    return Path(got)


def _is_whole(folder: Path) -> bool:
    """As its index of weights has it; a link into nowhere is no file."""
    if any((folder / name).is_file() for name in ("model.safetensors", "pytorch_model.bin")):
        return True
    for name in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        with suppress(OSError, ValueError, KeyError):
            parts = set(json.loads((folder / name).read_bytes())["weight_map"].values())
            return all((folder / part).is_file() for part in parts)
    return False
