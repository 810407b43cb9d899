"""Which calls of a service are long enough to be done by another process.

Python lets one thread of a process run at a time: whatever works on rows for long would hold up every answer
of the window. Where a service was given no other process (the command line, the other process itself) and
where the work is short, all is done in place.
"""

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, cast

from app.domain.elsewhere import Call, Elsewhere

LONG_BYTES: Final = 1_000_000
"""A larger file takes longer to read than another process to start, which is most of a second."""
LONG_ROWS: Final = 20_000


Given = Mapping[str, Any]
"""Arguments of a call by their names; those left out are missing."""
_Method = TypeVar("_Method", bound=Callable[..., Any])


class Service(Protocol):
    place: str
    """Its name in `Call.service`."""
    elsewhere: Elsewhere | None


def elsewhere_if(is_long: Callable[[Any, Given], bool]) -> Callable[[_Method], _Method]:
    """The method is done by `self.elsewhere`, if there is one, when `is_long` says so of its service and
    arguments."""

    def decorate(method: _Method) -> _Method:
        signature = inspect.signature(method)

        @wraps(method)
        def do(self: Service, *args: Any, **named: Any) -> Any:
            if self.elsewhere is None:
                return method(self, *args, **named)
            (_, *found) = signature.bind(self, *args, **named).arguments.items()
            given = dict(found)
            if not is_long(self, given):
                return method(self, *args, **named)
            told_as = next((name for name, value in found if callable(value)), "")
            tell = given.pop(told_as, None)
            return self.elsewhere.do(Call(self.place, method.__name__, given, told_as), tell)

        return cast(_Method, do)

    return decorate


def is_long_file(path: Path) -> bool:
    """Whether a file, or all of a folder, is large. What cannot be looked at is short: it fails at once."""
    left = LONG_BYTES
    for file in _files(path):
        try:
            left -= file.stat().st_size
        except (OSError, ValueError):
            continue
        if left < 0:
            return True
    return False


def _files(path: Path) -> Iterator[Path]:
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError):
        return
    if not is_folder:
        yield path
        return
    for place, _, names in os.walk(path):
        yield from (Path(place) / name for name in names)
