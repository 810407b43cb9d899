"""Short questions to the Hugging Face Hub before a run: may it be had, how large is it, whose token is it."""

import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from app.adapters.model_files import repository
from app.domain.errors import StudioError
from app.domain.preflight import Download
from app.domain.preflight_ports import Account
from app.domain.typed_paths import nearest_folder

log = logging.getLogger(__name__)

_PATIENCE_SECONDS: Final = 5.0
_TOKENS_PAGE: Final = "https://huggingface.co/settings/tokens"
_SMALL_FILES: Final = re.compile(r"[^/]+\.(json|model|txt|jinja|tiktoken)")
_WEIGHTS: Final = (
    re.compile(r"model(-\d+-of-\d+)?\.safetensors"),
    re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin"),
)
_UNREACHABLE: Final = {"ConnectError", "TimeoutException", "NetworkError", "ProxyError", "TransportError"}


class HuggingFaceHub:
    """Implements `Hub` over `huggingface_hub`."""

    def model(self, name: str, *, token: str | None, cache: Path | None) -> Download:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url  # noqa: PLC0415 a third of a second

        try:
            address = hf_hub_url(name, "config.json", endpoint=os.environ.get("HF_ENDPOINT"))
            get_hf_file_metadata(address, token=token or False, timeout=_PATIENCE_SECONDS)
            files = _api().model_info(
                name, files_metadata=True, token=token or False, timeout=_PATIENCE_SECONDS
            )
        except Exception as error:  # the library and what lies below it raise dozens of types
            _explain(error, "model", name)
        return _download(files.siblings or (), repository(name, cache))

    def require_dataset(self, repo: str, *, token: str | None) -> None:
        try:
            _api().auth_check(repo, repo_type="dataset", token=token or False)
        except Exception as error:
            _explain(error, "dataset", repo)

    def account(self, token: str) -> Account:
        try:
            found = _api().whoami(token=token)
        except Exception as error:
            _explain(error, "account", "")
        role = ((found.get("auth") or {}).get("accessToken") or {}).get("role", "")
        organisations = tuple(str(each["name"]) for each in found.get("orgs") or ())
        return Account(str(found["name"]), organisations, may_write=role != "read")


def _api() -> Any:
    from huggingface_hub import HfApi  # noqa: PLC0415

    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"))


def _download(files: Sequence[Any], repo: Path) -> Download:
    """Of the files that loading a model asks for, by the names of their contents in the cache."""
    wanted = _wanted({file.rfilename: file for file in files})
    blobs = repo / "blobs"
    here = sum(_size_here(blobs, file) for file in wanted)
    return Download(sum(file.size or 0 for file in wanted), here, _free(repo))


def _wanted(files: dict[str, Any]) -> list[Any]:
    weights = next(
        (found for kind in _WEIGHTS if (found := [n for n in files if kind.fullmatch(n)])), list[str]()
    )
    small = [name for name in files if _SMALL_FILES.fullmatch(name)]
    return [files[name] for name in [*weights, *small]]


def _size_here(blobs: Path, file: Any) -> int:
    """Whole, or as much of it as came before the line broke."""
    content = file.lfs.sha256 if file.lfs else file.blob_id
    if not content:
        return 0
    if (blobs / content).is_file():
        return int(file.size or 0)
    begun = [path.stat().st_size for path in blobs.glob(f"{content}*.incomplete")]
    return min(max(begun, default=0), int(file.size or 0))


def _free(place: Path) -> int | None:
    try:
        return shutil.disk_usage(nearest_folder(place)).free
    except OSError:
        return None


def _explain(error: Exception, kind: str, name: str) -> NoReturn:
    """Raise what happened as a StudioError; kinds are told apart by their names and codes."""
    names = {cls.__name__ for link in _chain(error) for cls in type(link).__mro__}
    status = next((s for link in _chain(error) if (s := _status(link))), None)
    log.info("Asking the Hub for the %s %s failed with %s (%s)", kind, name, type(error).__name__, status)
    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
    raise _in_words(names, status, str(error), kind, name, page) from error


def _in_words(names: set[str], status: int | None, text: str, kind: str, name: str, page: str) -> StudioError:
    if "OfflineModeIsEnabled" in names:
        said = "The Hub cannot be asked: HF_HUB_OFFLINE is set."
        return StudioError(said, "Unset it and start again.", may_pass=True)
    if "GatedRepoError" in names:
        return StudioError(
            f"The {kind} {name} is gated: its owners decide who may have it.",
            f"Accept the terms on {page}, and set HF_TOKEN to a token of that account.",
        )
    if status == 401 and (kind == "account" or "nvalid" in text):
        return StudioError(
            "The Hugging Face Hub does not accept your token.",
            f"Make a new one at {_TOKENS_PAGE} and set HF_TOKEN to it.",
        )
    if names & {"RepositoryNotFoundError", "HFValidationError"} or status == 401:
        return StudioError(
            f"There is no {kind} {name} on the Hugging Face Hub that you can read.",
            "Check the spelling; for a private one, set HF_TOKEN to a token that may read it.",
        )
    if "EntryNotFoundError" in names:
        return StudioError(
            f"{name} on the Hugging Face Hub holds no model: it has no config.json.",
            "Choose a model in the transformers format, not only GGUF files or an adapter.",
        )
    if status == 403:
        return StudioError(
            f"Your token may not read the {kind} {name}.", f"Use one that may; see {_TOKENS_PAGE}"
        )
    if status is None and names & _UNREACHABLE:
        return StudioError(
            "The Hugging Face Hub cannot be reached.",
            "Check the network, or use what is on this computer.",
            may_pass=True,
        )
    return StudioError(
        f"The Hugging Face Hub gave no good answer ({f'code {status}' if status else 'not understood'}).",
        "Try again in a few minutes.",
        may_pass=status is None or status == 429 or status >= 500,
    )


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        yield link
        seen.add(id(link))
        link = link.__cause__ or link.__context__
