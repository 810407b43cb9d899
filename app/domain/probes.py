"""A probe: what a run takes in memory and time, measured by its first steps and without training anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.domain.errors import StudioError
from app.domain.preflight_words import duration
from app.domain.sizes import sized
from app.domain.timeline import as_timeline
from trainer_image.config import RunConfig
from trainer_image.events import Event, Memory, Metrics, Probed

Tell = Callable[[str], None]
"""Told what is under way; may raise `ProbeCancelledError` to stop."""


class ProbeCancelledError(StudioError):
    def __init__(self) -> None:
        super().__init__("Measuring was cancelled.", "Nothing was trained and nothing is left behind.")


@dataclass(frozen=True)
class ProbeOutcome:
    """Bytes and seconds. The estimate is the one made before anything was measured."""

    device: str
    peak: int
    seconds_per_step: float
    total_steps: int
    estimated: tuple[int, int, int] | None
    """Lowest, expected, highest; None for a kind of model that is not counted."""
    context: int = 0
    """Of the estimate, what a GPU's driver takes, which no peak has in it."""
    tokens_per_second: float | None = None

    @property
    def seconds(self) -> float:
        """Of the whole run, roughly: without loading, measuring and saving."""
        return self.seconds_per_step * self.total_steps

    @property
    def sentences(self) -> tuple[str, ...]:
        where = "of the GPU's memory" if self.device == "cuda" else "of memory"
        measured = f"Measured on the longest rows: {sized(self.peak)} {where}"
        if self.estimated:
            low, expected, high = (size - self.context for size in self.estimated)
            measured += f" ({sized(expected)} were estimated, {sized(low)} to {sized(high)})"
        if self.context:
            measured += f"; the driver takes about {sized(self.context)} besides"
        steps = "1 step" if self.total_steps == 1 else f"{self.total_steps:,} steps"
        time = (
            f"A step takes about {_seconds(self.seconds_per_step)}, {steps} roughly {duration(self.seconds)}"
        )
        return (f"{measured}.", f"{time}.")


def outcome_of(events: Sequence[Event]) -> ProbeOutcome | None:
    """None if the probe did not come to its end."""
    end = next((event for event in events if isinstance(event, Probed)), None)
    if end is None:
        return None
    guess = next((event for event in events if isinstance(event, Memory)), None)
    return ProbeOutcome(
        device=guess.device if guess else "cpu",
        peak=end.peak,
        seconds_per_step=end.seconds_per_step,
        total_steps=end.total_steps,
        estimated=(guess.low, guess.expected, guess.high) if guess else None,
        context=guess.terms.get("context", 0) if guess else 0,
        tokens_per_second=next(
            (event.tokens_per_second for event in reversed(events) if isinstance(event, Metrics)), None
        ),
    )


def news_of(event: Event) -> str:
    """What a probe is at, in a few words; empty if the event does not tell."""
    if isinstance(event, Metrics):
        return f"Step {event.step} measured"
    told = as_timeline(event) if event.type in {"phase", "download"} else None
    return told.text if told else ""


class Prober(Protocol):
    """Runs the trainer as far as its first steps, in a process of its own."""

    def problem(self) -> str:
        """Why nothing can be measured on this computer, as a sentence; empty if it can. Quick."""
        ...

    def probe(self, config: RunConfig, folder: Path, tell: Tell) -> Sequence[Event]:
        """Measure a run whose data lies in `folder`; what it reported. Blocking, up to minutes.

        Raises StudioError, also what `tell` raises; no process is left then.
        """
        ...


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else duration(seconds)
