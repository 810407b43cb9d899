"""A name of the Hub may be an adapter's, as a push of an adapter leaves it: then its base model is loaded
beneath it. What it is nobody can tell from the name; the Hub is asked once, before anything is downloaded.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from huggingface_hub import get_hf_file_metadata, hf_hub_url, snapshot_download, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_OFFLINE
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

from app.domain.adapter_bases import ADAPTER_SETTINGS, base_named_in
from app.domain.errors import EngineError
from app.domain.stamps import stamp_of
from app.worker.protocol import Load

_MODEL: Final = "config.json"
_FILES: Final = ("*.json", "*.jinja", "*.model", "*.txt", "adapter_model.*")
"""What an adapter and its tokenizer are made of."""


def resolved(request: Load, report: Callable[[str], None]) -> Load:
    """`request`, or where it names an adapter, one for that on its base model, the same as is asked for once
    the adapter is here (`app.services.talkers`). Raises EngineError.

    What cannot be found out is left to who loads it, and to their words for it.
    """
    name = request.base_model
    if request.adapter or Path(name).exists() or not _is_adapter(name):
        return request
    report("Loading the adapter…")
    try:
        folder = snapshot_download(
            name, allow_patterns=list(_FILES), ignore_patterns=["*/*"], local_files_only=HF_HUB_OFFLINE
        )
    except (OSError, HfHubHTTPError) as error:
        raise EngineError(
            f"The adapter {name} cannot be downloaded.", "Check the network connection and try again."
        ) from error
    has_words = any((Path(folder) / words).is_file() for words in ("tokenizer.json", "tokenizer_config.json"))
    base = _base_of(Path(folder), name)
    return request.model_copy(
        update={
            "base_model": base,
            "adapter": folder,
            "words": folder if has_words else base,
            "base_stamp": stamp_of(Path(base)) if Path(base).is_dir() else 0,
            "adapter_stamp": stamp_of(Path(folder)),
        }
    )


def _is_adapter(name: str) -> bool:
    if isinstance(try_to_load_from_cache(name, _MODEL), str):
        return False
    if HF_HUB_OFFLINE or isinstance(try_to_load_from_cache(name, ADAPTER_SETTINGS), str):
        return isinstance(try_to_load_from_cache(name, ADAPTER_SETTINGS), str)
    return not _is_there(name, _MODEL) and _is_there(name, ADAPTER_SETTINGS)


def _is_there(name: str, file: str) -> bool:
    """True also where the Hub does not say."""
    try:
        get_hf_file_metadata(hf_hub_url(name, file))
    except EntryNotFoundError:
        return False
    except Exception:  # no network, no such model, a name that is none: loading it says which
        return True
    return True


def _base_of(folder: Path, name: str) -> str:
    try:
        base = base_named_in((folder / ADAPTER_SETTINGS).read_bytes(), folder)
    except (OSError, ValueError) as error:
        raise EngineError(f"The adapter {name} cannot be read.", "Get it again.") from error
    if base is None:
        raise EngineError(
            f"The adapter {name} does not say which base model it is for.", "Choose another model."
        )
    return base.place
