"""Datasets that are being fetched just now, by this process or by one that works for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, Protocol, TypeVar, cast

_Method = TypeVar("_Method", bound=Callable[..., Any])


class Fetching:
    """May be asked from any thread."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._names: list[str] = []

    def names(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(dict.fromkeys(self._names))

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        with self._lock:
            self._names.append(name)
        try:
            yield
        finally:
            with self._lock:
                self._names.remove(name)


class _Fetches(Protocol):
    fetching: Fetching


def noted(method: _Method) -> _Method:
    """A method that fetches the dataset of its first argument is known for as long as it takes."""

    @wraps(method)
    def do(self: _Fetches, repo: str, *args: Any, **named: Any) -> Any:
        with self.fetching.of(repo):
            return method(self, repo, *args, **named)

    return cast(_Method, do)
