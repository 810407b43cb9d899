"""Why a run fails, for people: one sentence on what happened and one on what to do.

Imports only the standard library. Library errors are told apart by their class names and texts, because
importing the libraries here would cost seconds before the first event.
"""

import errno
import os
import re
from collections.abc import Iterator
from typing import Final

from trainer_image.events import EXIT_BAD_CONFIG, EXIT_FAILED

_NO_SPACE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_IN_THE_WAY: Final = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY,
}  # fmt: skip
_NO_SPACE_TEXTS: Final = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "PytorchStreamWriter failed writing",  # torch.save hides the errno of its own write
    "unexpected pos",
)
_NO_MEMORY_TEXTS: Final = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
)
_MISFIT: Final = re.compile(
    r"undefined symbol|unknown symbol|cannot import name .* from '?flash_attn|libcud\w*\.so"
    r"|GLIBCXX_|no kernel image is available"
)
_NETWORK_ERRORS: Final = {
    "ConnectionError", "ConnectError", "ConnectTimeout", "ReadTimeout", "Timeout", "TimeoutException",
    "NetworkError", "ProxyError", "LocalEntryNotFoundError",
}  # fmt: skip


class RunFailedError(Exception):
    """The run cannot go on, for a reason a person can do something about."""

    def __init__(self, message: str, hint: str = "", *, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def bad_config(message: str, hint: str) -> RunFailedError:
    return RunFailedError(message, hint, exit_code=EXIT_BAD_CONFIG)


def explain(error: BaseException) -> RunFailedError | None:
    """Put an error into words; None if it is one nobody foresaw."""
    for link in _chain(error):
        if isinstance(link, RunFailedError):
            return link
        if _is_no_space(link):
            return RunFailedError(
                "The disk is full: the run could not be saved.",
                "Free some space, keep fewer checkpoints or move the app's data to another disk; "
                "then resume the run from its last checkpoint.",
            )
        if is_out_of_memory(link):
            return RunFailedError(
                "There is not enough memory for this run.",
                "Lower the batch size (and raise gradient accumulation to match), lower the longest "
                "sequence, turn gradient checkpointing on, or choose a smaller model.",
            )
        if _is_broken_installation(link):
            return RunFailedError(
                "A training library does not fit the others: its compiled part cannot be loaded.",
                "In Docker: build the image anew. On this computer, in this order: clear the caches of pip "
                "or uv, remove the GPU caches (~/.triton, ~/.cache/torch, ~/.nv), make a new virtual "
                "environment, install tunewright[local] into it, start the run again.",
            )
    return next((found for link in _chain(error) if (found := _in_the_way(link))), None)


def _in_the_way(error: BaseException) -> RunFailedError | None:
    """A place that cannot be written or read; the details go to the log with it."""
    if not isinstance(error, OSError) or error.errno not in _IN_THE_WAY or not error.filename:
        return None
    told = RunFailedError(
        f"{os.fsdecode(error.filename)} cannot be used: {error.strerror}.",
        "Check its permissions and what stands in its place, then start or resume the run.",
    )
    told.__cause__ = error
    return told


def explain_hub(error: BaseException, *, kind: str, name: str, offline: bool) -> RunFailedError | None:
    """Put an error from the Hugging Face Hub into words. `kind` is "model" or "dataset"."""
    names = {cls.__name__ for link in _chain(error) for cls in type(link).__mro__}
    status = next((s for link in _chain(error) if (s := _http_status(link))), None)
    text = " ".join(str(link) for link in _chain(error))
    if offline and (names & _NETWORK_ERRORS or "OfflineModeIsEnabled" in names):
        return RunFailedError(
            f"The {kind} '{name}' is not on this computer, and the run may not use the network.",
            f"Turn 'offline' off once so that it is downloaded, or give the folder of the {kind}.",
        )
    if "GatedRepoError" in names or "is a gated dataset" in text:
        return RunFailedError(
            f"The {kind} '{name}' is gated: its owner has not given your account access.",
            f"Accept the terms on https://huggingface.co/{name} and use a token of that account.",
        )
    if status == 401 and _has_token() and "nvalid" in text:
        return RunFailedError(
            "The Hugging Face Hub does not accept the token.",
            "Make a new token on huggingface.co (Settings, Access Tokens) and set it in the app.",
        )
    if names & {"RepositoryNotFoundError", "DatasetNotFoundError"} or status in {401, 404}:
        return RunFailedError(
            f"There is no {kind} '{name}' on the Hugging Face Hub, or it is private.",
            "Check the spelling; for a private one, set a token that may read it.",
        )
    if status == 403:
        return RunFailedError(
            f"The token may not read the {kind} '{name}'.",
            "Use a token with read access to it.",
        )
    if names & _NETWORK_ERRORS or status:
        return RunFailedError(
            f"The Hugging Face Hub could not be reached for the {kind} '{name}'.",
            "Check the network connection and try again, or use one that is on this computer.",
        )
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_no_space(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return True
    return any(text in str(error) for text in _NO_SPACE_TEXTS)


def _is_broken_installation(error: BaseException) -> bool:
    """Kernels or libraries built for another torch; one that is not there at all is another case."""
    is_missing = isinstance(error, ModuleNotFoundError)
    return (
        isinstance(error, (ImportError, OSError))
        and not is_missing
        and _MISFIT.search(str(error)) is not None
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU or the computer has no memory left to give."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, (RuntimeError, OSError)) and any(t in str(error) for t in _NO_MEMORY_TEXTS)


def _http_status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _has_token() -> bool:
    return bool(os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"))
