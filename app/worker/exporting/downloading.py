"""The base model on this computer: where it is, or got from the Hub with how far that is."""

import logging
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_CACHE, HF_HUB_OFFLINE
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils._paths import filter_repo_objects

from app.domain.errors import StudioError
from app.domain.exports import Told
from app.domain.hub import cached_as, may_be_a_name
from app.domain.sizes import sized
from app.domain.typed_paths import looks_like_path
from app.domain.weight_files import WHOLE_WEIGHTS, index_of, parts_named_in
from app.worker.exporting.watching import watched

log = logging.getLogger(__name__)

_WORDS: Final = ("*.json", "*.jinja", "*.model", "*.txt")
_WEIGHTS: Final = "*.safetensors"
_OLDER_WEIGHTS: Final = "*.bin"
_NOT_TAKEN: Final = ("original/*", "onnx/*", "consolidated*", "*.gguf")
"""The same weights again, in forms that nobody reads here."""


def base_folder(name: str, tell: Callable[[Told], None]) -> Path:
    """Raises StudioError where it is not to be had, or there is no room for it.

    No message names a folder: some go into the certificate, which is handed on."""
    if Path(name).is_dir():
        return Path(name)
    if not may_be_a_name(name):
        raise StudioError(f"The base model {called(name)} is not to be had.", "Put its folder back.")
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


def called(name: str) -> str:
    """A model in words; of a folder only the last part: paths are nobody's business."""
    return Path(name).name if looks_like_path(name) or name.count("/") > 1 else name


def _downloaded(name: str, tell: Callable[[Told], None]) -> Path:
    weights, wanted = what_is_taken(HfApi().model_info(name, files_metadata=True).siblings or ())
    repository = Path(HF_HUB_CACHE) / cached_as(name)
    blobs = repository / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    left = bytes_to_come(wanted, blobs)
    free = shutil.disk_usage(blobs).free
    if left > free:
        raise StudioError(
            f"The base model {name} is still to be downloaded: {sized(left)}, and {sized(free)} are free on "
            "the disk that it goes to.",
            "Free some space there.",
        )
    text = f"Downloading {name}, {sized(sum(file.size or 0 for file in wanted))}"
    with watched(blobs, left, lambda share: tell(Told(text, share))):
        got = snapshot_download(name, allow_patterns=[*_WORDS, weights], ignore_patterns=list(_NOT_TAKEN))
    return Path(got)


def what_is_taken(files: Iterable[RepoSibling]) -> tuple[str, list[RepoSibling]]:
    """(which weights, as a pattern; the files of a repository that are downloaded)."""

    def matching(*patterns: str) -> list[RepoSibling]:
        return list(
            filter_repo_objects(
                files,
                allow_patterns=list(patterns),
                ignore_patterns=list(_NOT_TAKEN),
                key=lambda file: file.rfilename,
            )
        )

    files = list(files)
    weights = _WEIGHTS if matching(_WEIGHTS) else _OLDER_WEIGHTS
    return weights, matching(*_WORDS, weights)


def bytes_to_come(wanted: Iterable[RepoSibling], blobs: Path) -> int:
    """What of these files is not in the cache's `blobs`, where other revisions' files lie too.

    A broken-off file counts for nothing: huggingface_hub 1.33 begins it anew."""
    sizes = {file.lfs.sha256 if file.lfs else str(file.blob_id): file.size or 0 for file in wanted}
    return sum(size for blob, size in sizes.items() if not (blobs / blob).is_file())


def _is_whole(folder: Path) -> bool:
    """As its index of weights has it; a link into nowhere is no file."""
    if any((folder / name).is_file() for name in WHOLE_WEIGHTS):
        return True
    for name in WHOLE_WEIGHTS:
        with suppress(OSError, ValueError):
            parts = parts_named_in((folder / index_of(name)).read_bytes())
            return all((folder / part).is_file() for part in parts)
    return False
