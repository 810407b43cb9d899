"""The tokens of many rows, end to end: in memory, or in files that are mapped, so that memory stays flat.

One number for each token and one flag that says whether it is trained; where a row begins is known by its
offset. A million rows are a few objects, not millions.
"""

import math
import mmap
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol, overload

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Flags = NDArray[np.uint8]
Positions = NDArray[np.int64]

_SCANNED: Final = 4096
"""Rows read in order before the pages they lie on are given back."""


class Tokens(Protocol):
    """Rows of tokens, by number."""

    def __len__(self) -> int:
        """How many rows."""

    @property
    def lengths(self) -> Positions:
        """Tokens of each row."""

    def row(self, at: int) -> tuple[Ids, Flags]:
        """The tokens of a row, and for each whether it is trained."""

    def let_go(self) -> None:
        """Give back the memory of pages that were read; they are read again when needed."""


class FlatTokens:
    """Rows that lie one after the other: `starts` has one more entry than there are rows."""

    def __init__(
        self,
        ids: Ids,
        trained: Flags,
        starts: Positions,
        *,
        picked: Positions | None = None,
        maps: tuple[mmap.mmap, ...] = (),
    ) -> None:
        self._ids, self._trained, self._starts = ids, trained, starts
        self._picked = picked
        self._maps = maps

    def __len__(self) -> int:
        return len(self._starts) - 1 if self._picked is None else len(self._picked)

    @property
    def lengths(self) -> Positions:
        every = np.diff(self._starts)
        return every if self._picked is None else every[self._picked]

    def row(self, at: int) -> tuple[Ids, Flags]:
        where = at if self._picked is None else self._picked[at]
        begin, end = self._starts[where], self._starts[where + 1]
        return self._ids[begin:end], self._trained[begin:end]

    def pick(self, chosen: Positions) -> "FlatTokens":
        """Only these of the rows, in this order; nothing is copied."""
        picked = chosen if self._picked is None else self._picked[chosen]
        return FlatTokens(self._ids, self._trained, self._starts, picked=picked, maps=self._maps)

    def let_go(self) -> None:
        for mapped in self._maps:
            if hasattr(mapped, "madvise"):  # not on Windows
                mapped.madvise(mmap.MADV_DONTNEED)


class Blocks:
    """Rows of others, put end to end and cut into blocks of `size`; the last is filled up with `pad_id`."""

    def __init__(self, of: Tokens, *, size: int, pad_id: int) -> None:
        self._of, self._size, self._pad_id = of, size, pad_id
        self._ends: Positions = np.cumsum(of.lengths)
        self._total = int(self._ends[-1]) if len(self._ends) else 0

    def __len__(self) -> int:
        return math.ceil(self._total / self._size)

    @property
    def lengths(self) -> Positions:
        return np.full(len(self), self._size, dtype=np.int64)

    def row(self, at: int) -> tuple[Ids, Flags]:
        ids: Ids = np.full(self._size, self._pad_id, dtype=np.int32)
        trained: Flags = np.zeros(self._size, dtype=np.uint8)
        begin, end = at * self._size, min((at + 1) * self._size, self._total)
        document = int(np.searchsorted(self._ends, begin, side="right"))
        filled = 0
        while filled < end - begin:
            source, flags = self._of.row(document)
            skipped = max(len(source) - (int(self._ends[document]) - begin), 0)
            part = slice(skipped, min(len(source), skipped + end - begin - filled))
            taken = part.stop - part.start
            ids[filled : filled + taken], trained[filled : filled + taken] = source[part], flags[part]
            filled, document = filled + taken, document + 1
        return ids, trained

    def let_go(self) -> None:
        self._of.let_go()


class Column(Sequence["array[int]"]):
    """One number for each token, row by row, made from the tokens when asked for."""

    def __init__(self, tokens: Tokens, numbers: Callable[[Ids, Flags], Ids]) -> None:
        self._tokens, self._numbers = tokens, numbers

    def __len__(self) -> int:
        return len(self._tokens)

    @overload
    def __getitem__(self, at: int) -> "array[int]": ...
    @overload
    def __getitem__(self, at: slice) -> "list[array[int]]": ...
    def __getitem__(self, at: int | slice) -> "array[int] | list[array[int]]":
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(f"row {at} of {len(self)}")
        return array("i", self._numbers(*self._tokens.row(at % len(self))).tobytes())

    def __iter__(self) -> "Iterator[array[int]]":
        for at in range(len(self)):
            yield self[at]
            if at % _SCANNED == _SCANNED - 1:
                self._tokens.let_go()
        self._tokens.let_go()


class Output(Protocol):
    def write(self, content: bytes | memoryview, /) -> object: ...


class Writer:
    """Takes rows one after the other into two outputs, and remembers where each begins."""

    def __init__(self, ids: Output, trained: Output) -> None:
        self._ids, self._trained = ids, trained
        self.starts = array("q", [0])

    def add(self, ids: bytes | memoryview, trained: bytes | memoryview) -> None:
        """`ids` are 32-bit numbers, `trained` one byte for each of them."""
        self._ids.write(ids)
        self._trained.write(trained)
        self.starts.append(self.starts[-1] + len(trained))


def in_memory(ids: bytes, trained: bytes, starts: "array[int]") -> FlatTokens:
    return FlatTokens(
        np.frombuffer(ids, np.int32), np.frombuffer(trained, np.uint8), np.frombuffer(starts, np.int64)
    )


def in_files(ids: Path, trained: Path, starts: Path) -> FlatTokens:
    """Tokens that stay on disk until they are looked at. Raises OSError or ValueError."""
    maps = tuple(_mapped(path) for path in (ids, trained) if path.stat().st_size)
    content = maps or (b"", b"")
    return FlatTokens(
        np.frombuffer(content[0], np.int32),
        np.frombuffer(content[1], np.uint8),
        np.fromfile(starts, np.int64),
        maps=maps,
    )


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


NOTHING: Final = in_memory(b"", b"", array("q", [0]))
