"""The optimiser's own step when memory runs out in it: the same step, brought to its end.

An optimiser makes its state in its first step and then changes the weights in place, one group or one weight
after the other. A step cut off half-way has changed some weights and not others; each counts its changes, so
that the step is repeated for exactly those it has not reached.
"""

from types import MethodType
from typing import Any

import torch

from trainer_image.problems import RunFailedError, is_out_of_memory
from trainer_image.recovery import free_memory
from trainer_image.reporting import Reporter


def withstand_full_memory(optimizer: Any, reporter: Reporter) -> None:
    """From now on a step that runs out of memory is finished once memory was given back.

    If that is not enough, the step raises RunFailedError: some weights are then one step ahead, and the run
    goes on from its last checkpoint.
    """
    step = optimizer.step

    def whole_step(_: Any, *args: Any, **kwargs: Any) -> Any:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        before = _Changes(optimizer, weights)
        try:
            return step(*args, **kwargs)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        free_memory()  # not in the handler: the error holds the tensors of the failed step
        left = before.unchanged()
        reporter.notice(
            "Memory ran out in the optimiser's step. What was not needed was given back, and the step was "
            "finished: every weight has made it once.",
            level="warning",
        )
        return _finish(step, weights, left, *args, **kwargs)

    optimizer.step = MethodType(whole_step, optimizer)  # torch's schedulers wrap what is a method only


def _finish(step: Any, weights: list[Any], left: list[Any], *args: Any, **kwargs: Any) -> Any:
    """The step for those weights only."""
    gradients = [weight.grad for weight in weights]
    wanted = {id(weight) for weight in left}
    for weight in weights:
        if id(weight) not in wanted:
            weight.grad = None  # a weight without a gradient is passed over
    try:
        return step(*args, **kwargs)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise RunFailedError(
            "There is not enough memory for the optimiser: its state does not fit beside the model.",
            "Smaller batches do not help here. Choose the optimizer 'adamw_8bit' or 'paged_adamw_8bit', LoRA "
            "as the method, or a smaller model.",
        ) from None
    finally:
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient


class _Changes:
    """What tells later which weights were changed since: their optimiser's count of steps, and torch's of
    writes (a fused AdamW does not raise that, and SGD has no steps). Nobody waits for the device here."""

    def __init__(self, optimizer: Any, weights: list[Any]) -> None:
        self._optimizer = optimizer
        self._weights = weights
        self._steps, self._writes = self._count()

    def unchanged(self) -> list[Any]:
        before = zip(_numbers(self._steps), self._writes, strict=True)
        steps, writes = self._count()
        now = zip(_numbers(steps), writes, strict=True)
        return [w for w, was, is_now in zip(self._weights, before, now, strict=True) if was == is_now]

    def _count(self) -> tuple[list[Any], list[int]]:
        states = [self._optimizer.state.get(weight) or {} for weight in self._weights]
        steps = [state.get("step", 0) for state in states]
        on_device = [step for step in steps if isinstance(step, torch.Tensor)]
        copied = iter(torch.stack(on_device) if on_device else ())
        # Of a weight in parts (FSDP) the part that is here.
        writes = [int(getattr(weight, "_local_tensor", weight)._version) for weight in self._weights]
        return [next(copied) if isinstance(step, torch.Tensor) else step for step in steps], writes


def _numbers(steps: list[Any]) -> list[int]:
    return [int(step) for step in steps]
