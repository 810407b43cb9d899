"""What makes one of several processes another than the first, as GPUs that differ in the last bit may be.

Each is applied in that process, before the trainer begins.
"""

# ruff: noqa: PLC0415 — the pytest process imports none of it

import itertools
from collections.abc import Callable
from typing import Any, Final


def measures_worse_each_time() -> None:
    """It would never find a better model than the first, and give up early."""
    from trainer_image import validation

    count = itertools.count(1)
    validation.mean_loss = lambda *_: 100.0 * next(count)


def answers_longer() -> None:
    """It goes on where the others have come to the end of an answer."""
    from trainer_image import sampling

    make = sampling.Samples.__init__

    def longer(self: Any, *args: Any) -> None:
        make(self, *args)
        self._longest += 5

    sampling.Samples.__init__ = longer  # type: ignore[method-assign]


def cannot_decode() -> None:
    """It fails while it writes down an answer, where the others do not."""
    from trainer_image import sampling

    def fail(*_: Any) -> None:
        raise ValueError("says the test")

    sampling.Samples._report = fail  # type: ignore[method-assign, assignment]


def has_room_for_one_row() -> None:
    """Memory runs out with two rows at once."""
    _limit(lambda _, hidden: hidden.shape[0] > 1)


def has_no_room_for_activations() -> None:
    """Memory runs out unless activations are recomputed."""
    _limit(lambda model, _: model.training and not model.is_gradient_checkpointing)


def has_no_room_for_what_is_not_wrapped() -> None:
    """Memory runs out with two rows, and with one unless accelerate recomputes: the model in parts."""

    def is_full(model: Any, hidden: Any) -> bool:
        is_wrapped = "_checkpoint_wrapped_module" in str(model)
        return bool(model.training and (hidden.shape[0] > 1 or not is_wrapped))

    _limit(is_full)


def has_room_to_measure_one_row() -> None:
    _limit(lambda model, hidden: not model.training and hidden.shape[0] > 1)


def has_no_room_at_all() -> None:
    _limit(lambda model, _: bool(model.training))


def has_no_room_and_another_disk() -> None:
    """It does not see the run folder of the first process."""
    from trainer_image import computers

    computers._BEGIN = ".elsewhere-"  # type: ignore[misc]
    has_room_for_one_row()


def has_other_rows() -> None:
    from trainer_image import data

    data.TrainingRows.sha256 = lambda _: "f" * 64  # type: ignore[method-assign]


def _limit(full: Callable[[Any, Any], bool]) -> None:
    import torch

    from trainer_image import models

    load = models.load_model

    def load_limited(*args: Any, **kwargs: Any) -> Any:
        model = load(*args, **kwargs)

        def forward(_: Any, args: Any, kwargs: Any) -> None:
            if full(model, args[0] if args else kwargs["hidden_states"]):
                raise torch.OutOfMemoryError("out of memory, says the test")

        model.model.layers[1].register_forward_pre_hook(forward, with_kwargs=True)
        return model

    models.load_model = load_limited


NAMED: Final[dict[str, Callable[[], None]]] = {
    act.__name__: act
    for act in (
        measures_worse_each_time,
        answers_longer,
        cannot_decode,
        has_room_for_one_row,
        has_no_room_for_activations,
        has_no_room_for_what_is_not_wrapped,
        has_room_to_measure_one_row,
        has_no_room_at_all,
        has_no_room_and_another_disk,
        has_other_rows,
    )
}
