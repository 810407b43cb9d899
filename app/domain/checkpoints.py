"""The checkpoints a run has written, with what was measured there."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.domain.runs import Measurement, Metric, RunEvent
from trainer_image.events import CheckpointSaved, parse_event


@dataclass(frozen=True)
class SavedCheckpoint:
    step: int
    path: str
    """Relative to the run folder."""
    samples: int | None
    """Examples seen until then."""
    epoch: float | None
    loss: float | None
    validation_loss: float | None
    is_best: bool
    is_on_disk: bool = True
    damage: str = ""
    """What of it is not as it was written, in half a sentence; it can't be used for anything then."""


def checkpoints_of(
    events: Iterable[RunEvent], metrics: Sequence[Metric], measurements: Sequence[Measurement]
) -> tuple[SavedCheckpoint, ...]:
    """The newest first; one saved again, after a resume, counts once."""
    told = (parse_event(event.detail) for event in events if event.detail)
    saved = {event.step: event for event in told if isinstance(event, CheckpointSaved)}
    by_step = {m.step: m for m in metrics if m.step in saved}
    measured = {m.step: m.loss for m in measurements}
    best = min(measured, key=lambda step: measured[step], default=None)
    return tuple(
        SavedCheckpoint(
            step=step,
            path=saved[step].path,
            samples=_samples(saved[step].path),
            epoch=by_step[step].epoch if step in by_step else None,
            loss=by_step[step].loss if step in by_step else None,
            validation_loss=measured.get(step),
            is_best=step == best,
        )
        for step in sorted(saved, reverse=True)
    )


def _samples(path: str) -> int | None:
    found = re.search(r"samples_(\d+)$", path)
    return int(found.group(1)) if found else None
