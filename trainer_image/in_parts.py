"""A step with the model in parts (FSDP): every pass is one of all processes, which therefore make as many."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from trainer_image import agreement, beginning_again
from trainer_image.batches import that_teaches_nothing
from trainer_image.checkpoints import FoundMemory
from trainer_image.parts import Batch
from trainer_image.problems import is_out_of_memory
from trainer_image.recovery import Recovery


def step(loop: Any, model: Any, parts: list[Batch], tokens: Any, recovery: Recovery) -> Any:
    """Forward and backward for each part; returns the sum of their losses.

    Raises BeginAgainError when memory runs out and all can begin again in smaller parts.
    """
    loss: Any = 0.0
    parts = [smaller for part in parts for smaller in recovery.parts_of(part)]
    parts = [that_teaches_nothing(parts[0])] * (agreement.most(len(parts)) - len(parts)) + parts
    try:
        for at, part in enumerate(parts):
            waits = nullcontext() if at + 1 == len(parts) else loop.accelerator.no_sync(model)
            with waits:
                loss = loss + loop.one_pass(model, part, tokens)
    except Exception as error:
        begin_again_if_full(error, recovery.smaller)
        raise
    return loss


def begin_again_if_full(error: Exception, smaller: Callable[[], FoundMemory | None]) -> None:
    """Raise BeginAgainError if memory ran out and there is something smaller to begin with."""
    if is_out_of_memory(error) and beginning_again.is_possible() and (found := smaller()):
        raise beginning_again.ask_for(found) from error
