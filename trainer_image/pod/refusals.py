"""A request that is not done, and why."""

from typing import Any


class Refusal(Exception):  # noqa: N818 no error: an answer
    def __init__(self, status: int, error: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": error, "message": message, **more}


def disk_full() -> Refusal:
    return Refusal(507, "disk_full", "The pod's disk is full or cannot be written.")
