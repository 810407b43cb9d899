"""Microbatches made smaller without changing what is computed: fewer rows at once, or shorter ones.

A microbatch is either padded rows `[rows, tokens]` or several rows packed in one sequence `[1, tokens]`, with
positions that start anew at each. The size of padded ones is their number of rows, of packed ones of tokens.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

Batch = dict[str, Any]


def is_packed(batch: Batch) -> bool:
    return "position_ids" in batch


def size(batch: Batch) -> int:
    return int(batch["input_ids"].shape[1] if is_packed(batch) else len(batch["input_ids"]))


def split(batch: Batch, limit: int | None) -> Iterator[Batch]:
    """The same rows in parts of at most `limit`; a packed row that is longer is a part for itself."""
    if limit is None or size(batch) <= limit:
        yield batch
    elif is_packed(batch):
        for start, end in _runs(_row_starts(batch), size(batch), limit):
            yield {name: value[:, start:end] for name, value in batch.items()}
    else:
        for start in range(0, size(batch), limit):
            yield {name: value[start : start + limit] for name, value in batch.items()}


def largest_to_split(batches: Sequence[Batch], limit: int | None) -> int | None:
    """The size of the largest part in memory at once that has several rows; None if all have one."""
    parts = (part for batch in batches for part in split(batch, limit))
    return max((size(part) for part in parts if rows_in(part) > 1), default=None)


def rows_in(batch: Batch) -> int:
    return len(_row_starts(batch)) if is_packed(batch) else len(batch["input_ids"])


def longest_row(batch: Batch) -> int:
    """In tokens, padding included."""
    return int(batch["position_ids"].max()) + 1 if is_packed(batch) else int(batch["input_ids"].shape[1])


def cut(batch: Batch, length: int | None) -> Batch:
    """Every row without what comes after its first `length` tokens."""
    if length is None:
        return batch
    if is_packed(batch):
        kept = batch["position_ids"][0] < length
        return {name: value[:, kept] for name, value in batch.items()}
    return {name: value[:, :length] for name, value in batch.items()}


def _row_starts(batch: Batch) -> list[int]:
    starts: list[int] = torch.nonzero(batch["position_ids"][0] == 0).flatten().tolist()
    return starts


def _runs(starts: Sequence[int], end: int, limit: int) -> Iterator[tuple[int, int]]:
    """Neighbouring rows together while they are no more than `limit` tokens."""
    begun = 0
    for start, after in zip(starts, [*starts[1:], end], strict=True):
        if after - begun > limit and start > begun:
            yield begun, start
            begun = start
    yield begun, end
