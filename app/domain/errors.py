"""Errors for people: what happened in one plain sentence, and what to do."""


class StudioError(Exception):
    """Something a person can read and act on. Everything else that is raised is a bug."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


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
