"""Loss curves that other trainers wrote: training_hub, instructlab-training, mini-trainer, transformers.

Known by name, in this order: `training_log.jsonl`, instructlab's `training_params_and_metrics_global0.jsonl`,
mini-trainer's `training_metrics_0.jsonl`, `training_metrics.jsonl`, `metrics.jsonl`, any other JSON Lines
file that isn't data, and the newest `checkpoint-N/trainer_state.json`. Torn and foreign lines are passed
over; a file without a loss in its first lines is left.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

LOSS_KEYS: Final = ("avg_loss", "loss", "avg_loss_backwards", "avg_loss_backward", "train_loss")
"""Looked for in this order, in each record."""
EMA_SPAN: Final = 30
_LONGEST_LINE: Final = 1024 * 1024
"""Characters; no trainer writes as many of one step."""
_LINES_WITHOUT_LOSS: Final = 100
"""After so many a file counts as none of a trainer; instructlab begins with a line of settings."""
_LARGEST_STATE: Final = 256 * 1024 * 1024
_STEP_KEYS: Final = ("step", "global_step")
_NAMES: Final = (
    r"training_log\.jsonl", r"training_params_and_metrics_global0*\.jsonl", r"training_metrics_0*\.jsonl",
    r"training_metrics\.jsonl", r"metrics\.jsonl", r"(?!.*data\.jsonl$).*\.jsonl",
)  # fmt: skip


@dataclass(frozen=True)
class LossPoint:
    """`step` is the trainer's optimiser step, so that runs that logged at other intervals compare."""

    step: int
    loss: float


@dataclass(frozen=True)
class LossCurve:
    """One trainer's losses by step, with the file they came from."""

    file: Path
    points: tuple[LossPoint, ...]


def read_losses(folder: Path) -> LossCurve | None:
    """The curve of a trainer's output folder, or of one such file; None if there is none in it."""
    for path in _candidates(folder):
        if points := _points(_records(path)):
            return LossCurve(path, points)
    return None


def smoothed(losses: Sequence[float], *, span: int = EMA_SPAN) -> list[float]:
    """Exponential moving average, alpha = 2 / (span + 1), corrected for its beginning.

    Uncorrected, as training_hub draws it, the first value counts for a whole span: on a first run of 50 steps
    the line stays far above a loss that falls. Divided by what the weights add up to, 1 - (1 - alpha)^n
    (Adam's correction, arXiv 1412.6980), it begins at the first value as well and follows at once; after some
    spans both are the same. As pandas' `ewm(span, adjust=True)`. What is no number is passed over: the
    average stays as it was.
    """
    alpha, average, weight, result = 2 / (span + 1), math.nan, 0.0, list[float]()
    for loss in losses:
        if math.isfinite(loss):
            weight = alpha + (1 - alpha) * weight
            average = loss if math.isnan(average) else average + alpha / weight * (loss - average)
        result.append(average)
    return result


def _candidates(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    files = sorted(path for path in folder.glob("*.jsonl") if path.is_file())
    for name in _NAMES:
        yield from (path for path in files if re.fullmatch(name, path.name))
    states = [*folder.glob("checkpoint-*/trainer_state.json"), *folder.glob("trainer_state.json")]
    yield from sorted(states, key=_checkpoint_step, reverse=True)


def _checkpoint_step(state: Path) -> int:
    number = state.parent.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.name == "trainer_state.json":
        if path.stat().st_size > _LARGEST_STATE:
            return
        state = _parse(path.read_text(encoding="utf-8", errors="replace"))
        history = state.get("log_history") if state else None
        yield from (record for record in history or () if isinstance(record, dict))
        return
    yield from _records_of_lines(path)


def _records_of_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """One line in memory at a time, and none after the first ones if no loss is in them: the file may be a
    data set of any size."""
    is_log = False
    with path.open(encoding="utf-8", errors="replace") as file:
        for number in count(1):
            line = file.readline(_LONGEST_LINE)
            is_over = not line or len(line) == _LONGEST_LINE
            if is_over or (number > _LINES_WITHOUT_LOSS and not is_log):
                return
            if record := _parse(line):
                is_log = is_log or any(key in record for key in LOSS_KEYS)
                yield record


def _points(records: Iterable[Mapping[str, Any]]) -> tuple[LossPoint, ...]:
    """By step, a step reported again (after a resume) counting as last reported."""
    found: dict[int, float] = {}
    for record in records:
        loss = next((record[key] for key in LOSS_KEYS if _is_number(record.get(key))), None)
        if loss is None or "train_runtime" in record:  # transformers' summary of the whole run
            continue
        step = next((record[key] for key in _STEP_KEYS if _is_number(record.get(key))), None)
        at = int(step) if step is not None else max(found, default=0) + 1
        found[at] = float(loss)
    return tuple(LossPoint(step, found[step]) for step in sorted(found))


def _parse(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
