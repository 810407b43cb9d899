"""A step with the model in parts (FSDP): every pass is one of all processes, which therefore make as many."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from trainer_image import agreement, beginning_again, ranks, sharding
from trainer_image.batches import that_teaches_nothing
from trainer_image.checkpoints import FoundMemory
from trainer_image.config import RunConfig
from trainer_image.parts import Batch
from trainer_image.problems import RunFailedError, is_out_of_memory
from trainer_image.recovery import Recovery
from trainer_image.reporting import Reporter


def recovery_for(model: Any, config: RunConfig, reporter: Reporter, found: FoundMemory | None) -> Recovery:
    """What a run does when memory runs out, the model in parts or not; `found` is what is known to fit."""
    alone, is_in_parts = ranks.world_size() == 1, sharding.is_on(config)
    if config.on_oom_shorten and not alone:
        reporter.notice("Rows are not shortened when memory runs out: several processes train together.")
    return Recovery(
        model,
        reporter,
        may_shorten=config.on_oom_shorten and alone,
        found=found,
        is_in_parts=is_in_parts,
        recomputes=is_in_parts and config.gradient_checkpointing,
    )


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
    """Raise BeginAgainError if memory ran out and there is something smaller to begin with; RunFailedError
    if nobody would begin again."""
    if not is_out_of_memory(error) or not (found := smaller()):
        return
    if beginning_again.is_possible():
        raise beginning_again.ask_for(found) from error
    raise RunFailedError(
        "Memory ran out in a process that holds a part of the model, and here the processes cannot begin "
        "again in smaller parts by themselves.",
        "Let train.py start them, on several computers with a run folder that all of them see, and resume "
        "the run from its last checkpoint. Or turn gradient_checkpointing on, or start a new run with a "
        "smaller per_device_batch_size and more gradient_accumulation_steps.",
    ) from error
