"""What a thread makes piece by piece, handed to the event loop ten times a second."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_FRAME_SECONDS: Final = 0.1


@dataclass(frozen=True)
class _Piece(Generic[T]):
    value: T


@dataclass(frozen=True)
class _End:
    """The last thing in the queue."""

    error: Exception | None = None


async def drain(make: Callable[[], Iterator[T]], take: Callable[[Sequence[T]], None]) -> None:
    """Go through what `make` yields on a thread; `take` is given what has come since, on the event loop.

    Raises what `make` raised, after all that came before it was taken.
    """
    pieces: queue.SimpleQueue[_Piece[T] | _End] = queue.SimpleQueue()

    def pump() -> None:
        try:
            for value in make():
                pieces.put(_Piece(value))
        except Exception as error:
            pieces.put(_End(error))
        else:
            pieces.put(_End())

    # A daemon: closing the app never waits for an answer.
    threading.Thread(target=pump, name="answer", daemon=True).start()
    while (end := _take(pieces, take)) is None:  # noqa: ASYNC110 - paces the redraws
        await asyncio.sleep(_FRAME_SECONDS)
    if end.error is not None:
        raise end.error


def _take(pieces: "queue.SimpleQueue[_Piece[T] | _End]", take: Callable[[Sequence[T]], None]) -> _End | None:
    fresh: list[T] = []
    end = None
    while end is None and not pieces.empty():
        item = pieces.get()
        if isinstance(item, _End):
            end = item
        else:
            fresh.append(item.value)
    if fresh:
        take(fresh)
    return end
