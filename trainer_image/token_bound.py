"""Microbatches bounded by tokens instead of rows, and the search for the largest bound that fits.

The effective batch does not depend on the bound: it is split anew, and its loss stays the mean of its tokens.
"""

from typing import Any, Final

import torch

from trainer_image import agreement, peak
from trainer_image.batches import Bounded, Packing, Padding
from trainer_image.config import RunConfig
from trainer_image.problems import is_out_of_memory
from trainer_image.recovery import free_memory
from trainer_image.reporting import Reporter

SMALLEST: Final = 256
LARGEST: Final = 16_384
SHARE: Final = 0.90
"""Of the memory there is, what a step may take at its peak."""

Splitter = Bounded | Packing


def splitter(config: RunConfig, padding: Padding, longest_row: int, *, is_packed: bool) -> Splitter | None:
    """The collator that splits whole effective batches; None where the loader counts rows.

    "auto" begins with what any run must hold: one of the longest rows.
    """
    bound = config.max_tokens_per_gpu
    if bound is None:
        return Packing(config.max_seq_len) if is_packed else None
    capacity = max(SMALLEST, longest_row) if bound == "auto" else bound
    return Packing(capacity) if is_packed else Bounded(padding, capacity)


def find(loop: Any, split: Splitter, reporter: Reporter) -> None:
    """Leave in `split` the largest bound whose step fits; collective. The loop stands between two steps.

    From small to large, each twice the last, so that memory runs out at most once.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        for capacity in _candidates(split.capacity, loop.tokens_of_largest_batch()):
            before, split.capacity = split.capacity, capacity
            if agreement.any_of(not _fits(loop)):
                split.capacity = before
                break
    reporter.notice(
        f"max_tokens_per_gpu: {split.capacity:,} tokens are in memory at once from here on; effective batch "
        "and loss stay the same."
    )


def _candidates(smallest: int, most: int) -> list[int]:
    """Powers of two above `smallest`, up to the first that holds `most`: larger ones would change nothing."""
    found: list[int] = []
    size = SMALLEST
    while size <= LARGEST and (not found or found[-1] < most):
        if size > smallest:
            found.append(size)
        size *= 2
    return found


def _fits(loop: Any) -> bool:
    """Whether a step of this process's largest microbatch stays below the share of memory."""
    kind = loop.args.device.type
    if kind == "cuda":
        torch.cuda.reset_peak_memory_stats()
    try:
        loop.try_step(loop.largest_microbatch())
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        is_full = True
    else:
        is_full = False
    if is_full:
        loop.model.zero_grad()
        free_memory()  # not in the handler: the error holds the tensors of the failed pass
    return not is_full and peak.share_in_use(kind) <= SHARE
