"""Rows become tokens in several processes, in the order they came in, whatever the number of processes.

Processes are started afresh, not forked: a fork of a process with threads, or with a GPU in use, may hang.
Each ends with the process that started it, however that one ends.
"""

import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any, Final

from trainer_image.config import RunConfig
from trainer_image.documents import documents_masking
from trainer_image.encoding import Chunk, Limits, encode, limits_of
from trainer_image.masking import Masking, masking_for, special_ids
from trainer_image.problems import RunFailedError
from trainer_image.rows import Refused, Row
from trainer_image.unmasking import with_unmasked

_CHUNK_ROWS: Final = 256
_CHUNK_CHARACTERS: Final = 1_000_000
"""So much is handed over at once, or less; a single row may be longer."""
_AHEAD: Final = 4
"""Chunks on their way for each worker: memory stays flat, and no worker waits."""
_MOST: Final = 16
"""Each worker takes some 250 MB."""
_CPU_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")


class Encoding:
    """How rows of a run become tokens: made once in every process."""

    def __init__(self, config: RunConfig, tokenizer: Any) -> None:
        self.masking = masking_of(config, tokenizer)
        self._limits: Limits = limits_of(config)
        self._special = special_ids(tokenizer)

    def __call__(self, rows: Iterable[Row | Refused]) -> Chunk:
        return encode(rows, self.masking, self._limits, self._special)


def masking_of(config: RunConfig, tokenizer: Any) -> Masking:
    """Raises RunFailedError if the tokenizer does not suit the run."""
    if config.is_pretraining:
        return documents_masking(tokenizer)
    masking = masking_for(tokenizer)
    more = with_unmasked(masking.encode, tokenizer, every_row=config.unmask_messages)
    return Masking(more, masking.notices)


def chunks_of(rows: Iterable[Row | Refused]) -> Iterator[list[Row | Refused]]:
    rest = iter(rows)
    while chunk := list(up_to(rest, rows=_CHUNK_ROWS, characters=_CHUNK_CHARACTERS)):
        yield chunk


def up_to(rest: Iterator[Row | Refused], *, rows: int, characters: int) -> Iterator[Row | Refused]:
    """The next rows, until there are so many of them or so much text."""
    taken = written = 0
    while taken < rows and written < characters:
        row = next(rest, None)
        if row is None:
            return
        taken += 1
        if isinstance(row, Row):
            written += sum(len(message["content"]) for message in row.messages)
        yield row


@dataclass(frozen=True)
class Work:
    """What a worker needs to start, as it is sent to it."""

    pickled: bytes

    @classmethod
    def of(cls, config: RunConfig, tokenizer: Any) -> "Work | None":
        """None if the tokenizer is one that cannot be sent."""
        try:
            return cls(pickle.dumps((config, tokenizer)))
        except Exception:  # what cannot be pickled raises anything
            return None


def encode_in_workers(rows: Iterable[Row | Refused], work: Work, *, workers: int) -> Iterator[Chunk]:
    """What becomes of the rows, in their order. Raises RunFailedError if a worker dies; none is left then."""
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(work.pickled,)
    )
    try:
        yield from _in_order(pool, chunks_of(rows), ahead=workers * _AHEAD)
    except BrokenProcessPool as error:
        raise RunFailedError(
            "A process that turns rows into tokens has died; most often memory had run out.",
            f"Free some memory and start again, or set {WORKERS_VARIABLE}=1, which needs less.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


WORKERS_VARIABLE: Final = "TUNEWRIGHT_DATA_WORKERS"
"""How many processes, where a person knows better; 1 means this one alone."""


def asked_workers() -> int | None:
    """How many processes the environment asks for."""
    asked = os.environ.get(WORKERS_VARIABLE, "")
    return int(asked) if asked.isdigit() and int(asked) > 0 else None


def worker_count() -> int:
    """As many processes as this one may use processors."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(allowed, _MOST, _limit_of_container()), 1)


def _limit_of_container() -> int:
    """Processors' time that a container gets, in whole processors."""
    try:
        quota, period = _CPU_LIMIT.read_text(encoding="ascii").split()
        return max(int(quota) // int(period), 1)
    except (OSError, ValueError):  # not Linux, or "max"
        return _MOST


def _in_order(
    pool: ProcessPoolExecutor, chunks: Iterator[list[Row | Refused]], *, ahead: int
) -> Iterator[Chunk]:
    pending: deque[Future[Chunk]] = deque(pool.submit(_encode, chunk) for chunk in islice(chunks, ahead))
    while pending:
        done = pending.popleft().result()
        pending.extend(pool.submit(_encode, chunk) for chunk in islice(chunks, 1))
        yield done


_mine: Encoding | None = None
"""In a worker: how it turns rows into tokens."""


def _begin(pickled: bytes) -> None:
    """A worker's first act."""
    global _mine  # noqa: PLW0603 a worker is handed its work this way and no other
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started it
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _mine = Encoding(*pickle.loads(pickled))  # noqa: S301 from the process that started it


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent
    connection.wait([parent.sentinel])
    os._exit(1)


def _encode(rows: list[Row | Refused]) -> Chunk:
    assert _mine
    return _mine(rows)
