"""Rows of a dataset on the Hugging Face Hub, streamed: nothing is downloaded whole.

`datasets` is a heavy import and comes with the extra `local`, so it is imported when first needed.
"""

import logging
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from app.adapters.importers.json_values import plain
from app.adapters.importers.records import Record
from app.domain.errors import ImportFailedError
from app.domain.typed_paths import is_folder
from trainer_image import network

log = logging.getLogger(__name__)

_TOKEN_HINT: Final = "Set HF_TOKEN to a token that may read it, or run: hf auth login"  # noqa: S105
_LONGEST_REASON: Final = 200
_TRIES: Final = 3
"""Each is five of huggingface_hub's, half a minute in all; by itself datasets 4.8 makes twenty of them."""
_NO_CONNECTION: Final = frozenset(
    {"ConnectionError", "TransportError", "TimeoutException", "Timeout", "TimeoutError", "ClientError"}
)
"""Of Python, httpx and aiohttp, which the library uses in turns."""


def read_hub_rows(
    repo: str, split: str, config: str | None, *, token: str | None
) -> Generator[Record, None, None]:
    """Its rows, numbered from 1. Raises ImportFailedError, at once or while it streams."""
    refuse_offline(repo)
    try:
        import datasets  # noqa: PLC0415
    except ImportError as error:
        raise ImportFailedError(
            "Reading a Hugging Face dataset needs a library that is not installed: datasets.",
            'Install it with: pip install "tunewright[local]"',
        ) from error
    quiet_libraries()
    datasets.config.STREAMING_READ_MAX_RETRIES = _TRIES
    try:
        with torch_unseen(datasets.config):
            records = datasets.load_dataset(repo, name=config, split=split, streaming=True, token=token)
    except Exception as error:  # the library and what lies below it raise dozens of types
        raise explain_hub_error(error, repo, split, config, token) from error
    return _rows(records, repo, split, config, token)


def refuse_offline(repo: str) -> None:
    """Raises ImportFailedError if nobody may be asked; a folder of this computer is read all the same."""
    if (reason := network.reason()) and not is_folder(Path(repo)):
        raise ImportFailedError(
            f"The Hugging Face Hub is not asked for '{repo}'. {reason}",
            "Import a file instead, or leave offline mode (Settings says how).",
        )


def quiet_libraries() -> None:
    """Both libraries print warnings, like each try to reach the Hub, to the terminal unless told not to."""
    for name in ("huggingface_hub", "datasets"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True


@contextmanager
def torch_unseen(config: Any) -> Iterator[None]:
    """datasets 4.8 imports torch, if there is one, for every stream; the app's process must stay light."""
    before, config.TORCH_AVAILABLE = config.TORCH_AVAILABLE, False
    try:
        yield
    finally:
        config.TORCH_AVAILABLE = before


def _rows(
    records: Iterable[Mapping[str, Any]], repo: str, split: str, config: str | None, token: str | None
) -> Generator[Record, None, None]:
    numbered = enumerate(records, start=1)
    while True:
        try:
            number, record = next(numbered)
        except StopIteration:
            return
        except Exception as error:
            raise explain_hub_error(error, repo, split, config, token) from error
        yield Record(number, plain(record))


def explain_hub_error(
    error: Exception, repo: str, split: str, config: str | None, token: str | None
) -> ImportFailedError:
    """The sentence for what `datasets` raised; told apart by its words, as it has few types of its own."""
    text = str(error)
    log.info("Reading %s [%s / %s] failed with %s", repo, config, split, type(error).__name__)
    if names := _offered(text, r"Bad split: .*?Available splits: "):
        return ImportFailedError(f"{repo} has no split '{split}'.", f"It has: {names}.")
    if names := _offered(text, r"BuilderConfig .* not found\. Available: "):
        return ImportFailedError(f"{repo} has no configuration '{config}'.", f"It has: {names}.")
    if names := _offered(text, r"pick one among the available configs: "):
        return ImportFailedError(f"{repo} has several configurations.", f"Choose one of: {names}.")
    if "scripts are no longer supported" in text:
        return ImportFailedError(
            f"{repo} is a program, not data, and such datasets are no longer supported.",
            "Choose one whose files are JSON, CSV or Parquet.",
        )
    return _explain_access(error, repo) or ImportFailedError(
        f"{repo} could not be read: {_first_line(text, token) or type(error).__name__}.",
        "Check the dataset's page on the Hub, or import it as a JSONL file.",
    )


def _explain_access(error: Exception, repo: str) -> ImportFailedError | None:
    text, status = str(error), _status(error)
    if "gated dataset" in text:
        hint = f"Ask for access at https://huggingface.co/datasets/{repo}. Then: {_TOKEN_HINT}"
        return ImportFailedError(f"{repo} is gated: its owners decide who may read it.", hint)
    if status == 401:
        hint = "Make a new one at https://huggingface.co/settings/tokens and set HF_TOKEN to it."
        return ImportFailedError("The Hugging Face Hub does not accept your token.", hint)
    if status == 403:
        return ImportFailedError(f"You may not read {repo}.", _TOKEN_HINT)
    if status == 429 or (status or 0) >= 500:
        return ImportFailedError(
            f"The Hugging Face Hub cannot answer now (code {status}).", "Try again in a few minutes."
        )
    if _is_offline(error):
        return ImportFailedError(
            "The Hugging Face Hub cannot be reached, or the connection to it broke off.",
            "Try again, check the network, and that HF_HUB_OFFLINE is not set; or import a JSONL file.",
        )
    if isinstance(error, FileNotFoundError):
        hint = f"Check the name, like tatsu-lab/alpaca. If it is private: {_TOKEN_HINT}"
        return ImportFailedError(f"There is no dataset '{repo}' that you can read.", hint)
    return None


def _offered(text: str, before: str) -> str:
    """The names in the list printed after `before`."""
    found = re.search(before + r"(?:dict_keys\()?\[(.*?)\]", text, re.DOTALL)
    return ", ".join(re.findall(r"'([^']*)'", found.group(1))) if found else ""


def _status(error: BaseException) -> int | None:
    for cause in _causes(error):
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _is_offline(error: BaseException) -> bool:
    names = {kind.__name__ for cause in _causes(error) for kind in type(cause).__mro__}
    return bool(names & _NO_CONNECTION)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it; "from None" only hides, so the context counts."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        yield following
        seen.add(id(following))
        following = following.__cause__ or following.__context__


def _first_line(text: str, token: str | None) -> str:
    if token:
        text = text.replace(token, "(token)")
    return text.strip().partition("\n")[0][:_LONGEST_REASON].rstrip(".")
