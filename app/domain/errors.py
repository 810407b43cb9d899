"""Errors for people: what happened in one plain sentence, and what to do."""

import errno
from typing import Any, Final

_PASSING: Final = {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.ESTALE}
"""A full disk or memory, and a disk of another computer that does not answer."""


def is_passing(error: OSError) -> bool:
    """Whether the very same may succeed later; see `StudioError.may_pass`."""
    return error.errno in _PASSING


class StudioError(Exception):
    """Something a person can read and act on. Everything else that is raised is a bug."""

    may_pass = False
    """Whether the very same may succeed later: no network, a full disk, no GPU free. What waits is tried
    again then."""

    def __init__(self, message: str, hint: str = "", *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if may_pass:
            self.may_pass = True

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> "tuple[Any, ...]":
        """Some kinds take other arguments; from process to process an error goes as it is."""
        return _made_again, (type(self), self.args), self.__dict__


def _made_again(kind: "type[StudioError]", args: tuple[Any, ...]) -> StudioError:
    error = kind.__new__(kind)
    error.args = args
    return error


class TargetError(StudioError):
    """A place that computes (this computer, Docker) refused or cannot be reached."""


class UnknownRunError(StudioError):
    """There is no such run."""


class UnknownSessionError(StudioError):
    """There is no such session."""


class StaleSessionError(StudioError):
    """Somebody else has changed the session meanwhile; nothing was stored."""


class ImportFailedError(StudioError):
    """A file or dataset could not be read at all; nothing was stored."""


class StoreError(StudioError):
    """The database cannot be opened or written."""


class EngineError(StudioError):
    """The inference process could not load or generate."""


class NotTakenError(EngineError):
    """The model does not take this conversation: its template refuses it, or it is too long. With another one
    it is as good as before."""


class BusyError(EngineError):
    """Another answer is being generated; a later try may succeed."""


class SilentAnswerError(EngineError):
    """An answer came to its end without a word."""

    def __init__(self) -> None:
        super().__init__(
            "The model ended its answer at once.",
            "Ask again or in other words; where stop texts are set, see whether one of them ended it.",
        )


class UnknownConversationError(StudioError):
    """There is no such conversation."""
