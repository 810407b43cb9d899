"""Steps that are thrown away: what memory takes, and how many tokens fit at once.

They stand between two steps of the loop; their time and tokens are not the run's.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from trainer_image import token_bound
from trainer_image.batches import longest, parts_of
from trainer_image.clock import Clock
from trainer_image.probe import Probe
from trainer_image.recovery import Recovery
from trainer_image.reporting import Reporter


class Trials:
    """What is tried out once in a run, each after its first step."""

    def __init__(
        self,
        loop: Any,
        *,
        lengths: Sequence[int],
        recovery: Recovery,
        clock: Clock,
        reporter: Reporter,
        bounded: token_bound.Splitter | None,
        probe: Probe | None,
    ) -> None:
        """`bounded` is the collator whose bound in tokens is to be found; None if it is known."""
        self._loop = loop
        self._lengths = lengths
        self._recovery = recovery
        self._clock = clock
        self._reporter = reporter
        self._bounded = bounded
        self._probe = probe

    def run(self) -> None:
        """Called after each step, by all processes; what is to be tried is tried once."""
        bounded, self._bounded = self._bounded, None
        if bounded:
            self._beside_the_run(lambda: token_bound.find(self, bounded, self._reporter))
        probe, self._probe = self._probe, None
        if probe:
            self._beside_the_run(lambda: probe.measure(self))

    def _beside_the_run(self, work: Callable[[], None]) -> None:
        began, counted = time.perf_counter(), self._loop._total_train_tokens
        work()
        self._loop._total_train_tokens = counted
        self._clock.leave_out(time.perf_counter() - began)

    @property
    def args(self) -> Any:
        return self._loop.args

    @property
    def model(self) -> Any:
        return self._loop.model

    @property
    def memory_ran_out(self) -> bool:
        """Whether it computes in smaller parts than the config says, because it had to."""
        return self._recovery.has_given_way

    def largest_microbatch(self) -> dict[str, Any]:
        """Made of the longest rows: of those in memory at once, it takes the most."""
        loop = self._loop
        rows = longest(self._lengths, self.args.per_device_train_batch_size)
        parts = parts_of([loop.data_collator([loop.train_dataset[at] for at in rows])])
        return max(parts, key=lambda part: part["input_ids"].numel())

    def tokens_of_largest_batch(self) -> int:
        """Of one process, as if all its rows were as long as the longest."""
        rows = longest(self._lengths, self.args.per_device_train_batch_size)
        return len(rows) * self._lengths[rows[0]]

    def try_step(self, batch: Any) -> None:
        """Forward and backward of a microbatch as it is, gradients thrown away. Raises what it raises."""
        count = self._loop._get_num_items_in_batch([batch], self.args.device)
        self._loop.forward_and_backward(batch, count)
        self.model.zero_grad()

    def probe_step(self, batch: Any, times: int) -> None:
        """Forward and backward as in a step, `times` microbatches of it, gradients thrown away."""
        loop, model = self._loop, self._loop.model_wrapped
        count = loop._get_num_items_in_batch([batch] * times, self.args.device)
        self._recovery.start_step([batch] * times)
        for at in range(1, times + 1):
            # The last one brings the gradients together: until then a model in parts keeps them where
            # zero_grad does not reach, and the next step would add them to its own.
            waits = nullcontext() if at == times else loop.accelerator.no_sync(model)
            with waits:
                loop.training_step(model, batch, count)
        model.zero_grad()
