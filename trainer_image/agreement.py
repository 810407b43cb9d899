"""What several processes decide as one: taken from the first, wanted by any, or summed up.

Processes that compute the same may differ in the last bit, and one may run out of memory where the others do
not. Whatever decides what is done next therefore comes through here. All of it is collective: every process
must call it, in the same order. One process alone gets back what it gives.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import torch
from torch import distributed

_AT_ONCE: Final = 25_000_000
"""Numbers brought together in one go: 100 MB of float32."""


def is_several() -> bool:
    return bool(distributed.is_initialized()) and distributed.get_world_size() > 1


def of_first(number: float) -> float:
    """The first process's number."""
    if not is_several():
        return number
    told = torch.tensor(number, dtype=torch.float64, device=_device())
    distributed.broadcast(told, src=0)
    return float(told)


def any_of(wish: bool) -> bool:
    """Whether any process wants it."""
    return most(int(wish)) > 0


def most(number: int) -> int:
    """The largest of the processes' numbers."""
    if not is_several():
        return number
    told = torch.tensor(number, device=_device())
    distributed.all_reduce(told, op=distributed.ReduceOp.MAX)
    return int(told)


def least(number: int | None) -> int | None:
    """The smallest of the numbers that some process has; None if none has one."""
    nothing = -(2**62)
    found = most(nothing if number is None else -number)
    return None if found == nothing else -found


def is_same(number: int) -> bool:
    """Whether all have the same number."""
    return most(number) == -most(-number)


def average_gradients(parameters: Iterable[Any]) -> None:
    """Make each gradient its mean over the processes; where one has none, it counts as zero."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    if not is_several() or not learning:
        return
    has = torch.tensor([parameter.grad is not None for parameter in learning], device=_device()).int()
    distributed.all_reduce(has, op=distributed.ReduceOp.MAX)
    wanted = [parameter for parameter, any_has in zip(learning, has.tolist(), strict=True) if any_has]
    for parameter in wanted:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    for together in _alike([parameter.grad for parameter in wanted]):
        _average(together)


def _average(gradients: list[Any]) -> None:
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def _alike(gradients: list[Any]) -> Iterator[list[Any]]:
    """Neighbours of one number format, few enough to be copied."""
    begun: list[Any] = []
    for gradient in gradients:
        is_full = sum(g.numel() for g in begun) + gradient.numel() > _AT_ONCE
        if begun and (is_full or begun[0].dtype != gradient.dtype):
            yield begun
            begun = []
        begun.append(gradient)
    if begun:
        yield begun


def _device() -> str:
    return "cpu" if distributed.get_backend() == "gloo" else "cuda"
