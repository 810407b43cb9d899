"""A model that goes into a bundle: whole, as its form has it, and the base that an adapter needs."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.adapters.model_files import FoundModels
from app.domain.adapter_bases import ADAPTER_SETTINGS, base_named_in
from app.domain.bundles import BundleError, ModelFiles
from app.domain.hub import may_be_a_name
from app.domain.typed_paths import expanded, is_folder

_ADAPTER_WEIGHTS: Final = ("adapter_model.safetensors", "adapter_model.bin")
_ONE_OF_SEVERAL: Final = re.compile(r"(.*)-\d{5}-of-(\d{5})\.gguf")
"""How llama.cpp names the files of a model that it splits."""
_GET_IT: Final = "Check its name, the network, and the token for a private or gated one."


def whole_model(name: str, token: Callable[[], str | None]) -> ModelFiles:
    """A folder, or a model of the Hub, fetched if it is not here. Raises BundleError."""
    folder = expanded(name).absolute()
    if not is_folder(folder):
        found = _on_the_hub(name, token)
        return ModelFiles(found, found.name, base=_base_of(found, name))
    if lacking := _lacks(folder):
        raise BundleError(
            f"The model in {folder} is not whole: {lacking}.", "Get all of it, or name another folder."
        )
    return ModelFiles(folder, base=_base_of(folder, name))


def _on_the_hub(name: str, token: Callable[[], str | None]) -> Path:
    """Its folder in the Hub's cache, whole: the form alone leaves one that holds its config.json only."""
    from huggingface_hub import constants, snapshot_download  # noqa: PLC0415

    here = FoundModels().cached(name, Path(constants.HF_HUB_CACHE)) if may_be_a_name(name) else None
    if here is not None and not _lacks(here):
        return here
    try:
        endpoint = os.environ.get("HF_ENDPOINT")
        found = Path(snapshot_download(name, token=token() or False, endpoint=endpoint))
    except Exception as error:  # the library and what lies below it raise dozens of types
        raise BundleError(
            f"The model {name} is neither whole on this computer nor to be had from the Hub.", _GET_IT
        ) from error
    if lacking := _lacks(found):  # unreachable, the library gives what is in the cache
        raise BundleError(f"Of the model {name} only a part could be had: {lacking}.", _GET_IT)
    return found


def _lacks(folder: Path) -> str:
    """As `ModelFiles.lacks`; an adapter and GGUF files are models, too, each by files of its own."""
    lacking = FoundModels().lacks(folder)
    if not lacking:
        return ""
    if _is_adapter(folder):
        has_weights = any((folder / name).is_file() for name in _ADAPTER_WEIGHTS)
        return "" if has_weights else "the adapter has no weights"
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*.gguf") if path.is_file()]
    return _parts_that_lack(files) if files else lacking


def _is_adapter(folder: Path) -> bool:
    return (folder / ADAPTER_SETTINGS).is_file() and not (folder / "config.json").is_file()


def _parts_that_lack(files: list[str]) -> str:
    split = {found.groups() for file in files if (found := _ONE_OF_SEVERAL.fullmatch(file))}
    wanted = {f"{name}-{i:05}-of-{count}.gguf" for name, count in split for i in range(1, int(count) + 1)}
    missing = len(wanted.difference(files))
    return f"{missing} of its {len(wanted)} GGUF files are missing" if missing else ""


def _base_of(folder: Path, name: str) -> str:
    """A folder, or a name on the Hub; empty for what is no adapter. Raises BundleError."""
    if not _is_adapter(folder):
        return ""
    try:
        base = base_named_in((folder / ADAPTER_SETTINGS).read_bytes(), folder)
    except (OSError, ValueError) as error:
        raise BundleError(f"The adapter {name} cannot be read.", "Get it again.") from error
    if base is None:
        raise BundleError(
            f"The adapter {name} does not say which base model it is for.",
            f"Put base_model_name_or_path into its {ADAPTER_SETTINGS}.",
        )
    if base.is_missing:
        raise BundleError(
            f"The base model of the adapter {name}, {base.name}, is missing.",
            "Put it back where it was: an adapter is of no use without it.",
        )
    return base.place
