"""What is done when memory runs out in a step: the same effective batch again, in smaller parts.

A step that fails half-way has left part of its gradients behind, so the whole effective batch is computed
anew from the same weights; no row is lost and none is counted twice. In this order, each once it is needed
and then for the rest of the run, also when it is resumed: half as many rows at once, or half as many tokens
of packed rows (again and again), gradient checkpointing, and, only with consent, rows cut to half their
length.

Of several processes with a whole model each, the one that runs out repeats its part of the step by itself,
while nothing is brought together; after the step the others take the smaller parts too (`agree`).
"""

import gc
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch

from trainer_image import agreement
from trainer_image.checkpoints import FoundMemory
from trainer_image.data import IGNORED
from trainer_image.parts import Batch, cut, is_packed, largest_to_split, longest_row, split
from trainer_image.problems import is_out_of_memory
from trainer_image.reporting import Reporter

Compute = Callable[[Batch, Any], Any]
"""Forward and backward of one microbatch, given the tokens the loss is divided by → its share of the loss."""

_SHORTEST: Final = 16
"""Tokens; cutting further would teach nothing."""


class Recovery:
    """Runs the microbatches of each step, padded or packed; smaller ones after memory has run out."""

    def __init__(
        self,
        model: Any,
        reporter: Reporter,
        *,
        may_shorten: bool,
        found: FoundMemory | None = None,
        is_in_parts: bool = False,
        recomputes: bool = False,
    ) -> None:
        """`found` is what an earlier attempt of the run has found to fit. With the model in parts nothing
        changes in the middle of a run (`smaller`); there `recomputes` says that activations are."""
        self._model = model
        self._reporter = reporter
        self._may_shorten = may_shorten
        self._limit = found.limit if found else None
        """Rows at once (tokens, if they are packed); None: as many as come."""
        self._length = found.length if found else None
        self._is_in_parts = is_in_parts
        self._recomputes = recomputes
        self._measured = found.measured if found else None
        self.has_given_way = found is not None
        """Whether memory has ever run out."""
        self._step: list[Batch] = []
        self._done: list[Any] = []
        if found:
            self._begin_with(found)

    @property
    def found(self) -> FoundMemory | None:
        """For the next attempt; None if memory has never run out."""
        if not self.has_given_way:
            return None
        return FoundMemory(
            limit=self._limit, length=self._length, recompute=self._recomputes, measured=self._measured
        )

    def smaller(self) -> FoundMemory | None:
        """What all processes could begin again with, now that the step at hand does not fit; None if nothing
        is left to try."""
        found = self.found or FoundMemory()
        if size := largest_to_split(self._step, self._limit):
            return found.model_copy(update={"limit": (size + 1) // 2})
        if self._recomputes or not _can_checkpoint(self._model):
            return None
        return found.model_copy(update={"recompute": True})

    def parts_of(self, batch: Batch) -> Iterator[Batch]:
        """The microbatch, in parts as large as was found to fit."""
        return split(batch, self._limit)

    def measuring_fewer(self, rows: int | None) -> FoundMemory | None:
        """What all could begin again with, now that a measurement does not fit."""
        return (self.found or FoundMemory()).model_copy(update={"measured": rows}) if rows else None

    def _begin_with(self, found: FoundMemory) -> None:
        if found.recompute:
            self._recompute()
        if self._is_in_parts:
            self._warn(_begun_again(found))
            return
        self._reporter.notice(
            "Memory ran out in an earlier attempt of this run; it goes on with the smaller parts found then. "
            "Effective batch and loss stay the same."
        )

    def agree(self) -> None:
        """Between two steps, in all processes: each takes the smallest parts that one of them has found."""
        if not agreement.is_several() or not agreement.any_of(self.has_given_way):
            return
        before = self.found
        self.has_given_way = True
        self._limit = agreement.least(self._limit)
        if agreement.any_of(self._recomputes) and not self._recomputes:
            self._recompute()
        if before != self.found:
            self._warn(
                "Memory ran out in one of the processes that train together. From here on all compute in its "
                "smaller parts; effective batch and loss stay the same."
            )

    def start_step(self, batches: list[Batch]) -> None:
        """A new effective batch begins, of these microbatches."""
        self._step, self._done = batches, []

    def run(self, batch: Batch, tokens: Any, compute: Compute) -> Any:
        """Compute the next microbatch of the step and return its share of the step's loss.

        Raises what `compute` raised if nothing is left to try; the step's gradients are then incomplete.
        """
        try:
            loss = self._compute(batch, tokens, compute)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            failure = error.with_traceback(None)  # the traceback holds every tensor of the failed pass
        else:
            self._done.append(loss)
            return loss
        return self._again(failure, tokens, compute)

    def _again(self, failure: Exception, tokens: Any, compute: Compute) -> Any:
        """The step from its first microbatch on; returns what its loss is more than already reported."""
        reported = sum(self._done)
        while True:
            self._model.zero_grad()
            free_memory()
            self.has_given_way = True
            if not self._give_way(tokens):
                raise failure
            try:
                begun = self._step[: len(self._done) + 1]
                self._done = [self._compute(batch, tokens, compute) for batch in begun]
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                failure = error.with_traceback(None)
            else:
                return sum(self._done) - reported

    def _compute(self, batch: Batch, tokens: Any, compute: Compute) -> Any:
        tokens = self._tokens() if self._length and tokens is not None else tokens
        parts = split(cut(batch, self._length), self._limit)
        losses = [compute(part, tokens) for part in parts]
        return torch.stack(losses).sum() if len(losses) > 1 else losses[0]

    def _tokens(self) -> Any:
        """What the loss is divided by, rows being cut; a row's first token is never trained."""
        trained = [(cut(batch, self._length)["labels"][:, 1:] != IGNORED).sum() for batch in self._step]
        return torch.stack(trained).sum().clamp(min=1)

    def _give_way(self, tokens: Any) -> bool:
        """Take the next step down; False if there is none."""
        size = largest_to_split([cut(batch, self._length) for batch in self._step], self._limit)
        if size and tokens is not None:  # a loss divided by anything but the step's tokens can't be split
            self._limit = (size + 1) // 2
            unit = "tokens of packed rows" if is_packed(self._step[0]) else "rows"
            self._warn(
                f"Memory ran out with {size} {unit} at once. From here on {self._limit} are in memory at "
                "once and more parts are summed; effective batch and loss stay the same.",
            )
            return True
        if not getattr(self._model, "is_gradient_checkpointing", False) and _can_checkpoint(self._model):
            self._recompute()
            self._warn(
                "Memory ran out again. From here on activations are recomputed: slower, the same loss."
            )
            return True
        return self._shorten()

    def _recompute(self) -> None:
        if not self._is_in_parts:  # else accelerate does, as it cuts the model
            self._model.gradient_checkpointing_enable({"use_reentrant": False})
        self._recomputes = True

    def _shorten(self) -> bool:
        longest = max(longest_row(cut(batch, self._length)) for batch in self._step)
        if not self._may_shorten or longest // 2 < _SHORTEST:
            return False
        self._length = longest // 2
        self._warn(
            f"Memory ran out again. From here on rows are cut to {self._length} tokens, as the config allows."
        )
        return True

    def _warn(self, message: str) -> None:
        self._reporter.notice(message, level="warning")


def _begun_again(found: FoundMemory) -> str:
    sizes = [
        f"{found.limit} rows (or tokens of packed rows) are in memory at once" if found.limit else "",
        f"{found.measured} rows are measured at once" if found.measured else "",
        "activations are recomputed" if found.recompute else "",
    ]
    return (
        "Memory ran out in one of the processes that hold the model in parts, and all have begun again from "
        f"the last checkpoint. From here on {', '.join(filter(None, sizes))}; effective batch and loss stay "
        "the same."
    )


def _can_checkpoint(model: Any) -> bool:
    return bool(getattr(model, "supports_gradient_checkpointing", False))


def free_memory() -> None:
    """Give back what a failed pass has left."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
