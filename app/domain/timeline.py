"""What a trainer's events mean to a person: metrics for charts, sentences for the timeline."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from app.domain.runs import Measurement, Metric, RunEvent, SampleAnswer
from app.domain.sizes import sized_of
from trainer_image.events import (
    CheckpointSaved,
    Download,
    Ended,
    Evaluation,
    Event,
    Memory,
    Metrics,
    Notice,
    Overfitting,
    Phase,
    Plan,
    Probed,
    Problem,
    Rows,
    Sample,
    Started,
    parse_event,
)

PHASES: Final = {
    "download": "Downloading the model",
    "load_data": "Reading the data",
    "load_model": "Loading the model",
    "prepare": "Preparing",
    "train": "Training",
    "save": "Saving",
    "done": "Done",
}
"""Phase of the trainer → what the status line says."""

BUCKETS: Final = {
    "trained": "used for training",
    "too_long": "too long",
    "malformed": "malformed",
    "empty_answer": "with an empty answer",
    "no_trained_token": "with nothing to learn from",
    "validation": "kept aside for validation",
    "too_short": "too short",
    "duplicate": "seen before",
    "refused_by_template": "refused by the model's chat template",
}
"""Bucket of the row ledger → words."""

_LONGEST_SAMPLE: Final = 80
_KEPT: Final = {"trained", "validation"}


def as_metric(event: Metrics) -> Metric:
    return Metric(
        step=event.step,
        total_steps=event.total_steps,
        epoch=event.epoch,
        loss=event.loss,
        learning_rate=event.learning_rate,
        grad_norm=event.grad_norm,
        tokens_per_second=event.tokens_per_second,
        elapsed_seconds=event.elapsed_seconds,
        eta_seconds=event.eta_seconds,
        time=_time(event),
        gpu_memory_gb=event.gpu_memory_gb,
        gpu_utilisation=event.gpu_utilisation,
        gpu_temperature=event.gpu_temperature,
    )


def as_measurement(entry: RunEvent) -> Measurement | None:
    """The numbers behind a line of the timeline; None if it is not about a measurement."""
    event = parse_event(entry.detail)
    return Measurement(event.step, event.loss, event.best) if isinstance(event, Evaluation) else None


def as_sample(entry: RunEvent) -> SampleAnswer | None:
    """The texts behind a line of the timeline; None if it is not about a sample."""
    event = parse_event(entry.detail)
    if not isinstance(event, Sample):
        return None
    return SampleAnswer(event.step, event.prompt, event.answer, event.reference)


def as_timeline(event: Event) -> RunEvent | None:
    """The event as one sentence; None for metrics, which have their chart."""
    match event:
        case Metrics():
            return None
        case Started():
            resumed = f", resumed from step {event.resumed_from_step}" if event.resumed_from_step else ""
            return _entry(event, f"Started on {event.device} (attempt {event.attempt}{resumed})")
        case Phase():
            return _in_full(event, PHASES.get(event.name, event.name))
        case Rows():
            return _rows(event)
        case Plan():
            share = 100 * event.trainable_parameters / max(event.parameters, 1)
            return _entry(
                event,
                f"{event.total_steps} steps of {event.effective_batch_size} examples, {event.num_rows} "
                f"{event.unit}; trains {event.trainable_parameters:,} of {event.parameters:,} parameters "
                f"({share:.1f} %)",
            )
        case Evaluation(step=0):
            return replace(_in_full(event, f"Validation loss before training {event.loss:.4f}"), step=0)
        case Evaluation():
            best = ", the best so far" if event.best else ""
            text = f"Validation loss {event.loss:.4f}{best}"
            return replace(_in_full(event, text), step=event.step)
        case Sample():
            when = f"at step {event.step}" if event.step else "before training"
            text = f"Sample {when}: {_short(event.answer) or '(nothing)'}"
            return replace(_in_full(event, text), step=event.step)
        case Memory():
            return _memory(event)
        case Download():
            text = f"Downloaded {sized_of(event.done, event.total)} of {event.name}"
            return _in_full(event, text)
        case CheckpointSaved():
            return replace(_in_full(event, f"Checkpoint at step {event.step}"), step=event.step)
        case _:
            return _said(event)


def _said(event: Notice | Overfitting | Probed | Problem | Ended) -> RunEvent:
    match event:
        case Probed():
            text = f"A step takes about {event.seconds_per_step:.3g} s; the run has {event.total_steps:,}"
            return _entry(event, text)
        case Notice():
            return _entry(event, event.message, level=event.level)
        case Overfitting():
            text = (
                "It begins to learn its rows by heart: the validation loss rose three times in a row while "
                f"the training loss fell. The best model is that of step {event.best_step} (validation loss "
                f"{event.best_loss:.4f})."
            )
            return _entry(event, text, level="warning", step=event.step)
        case Problem():
            return _entry(event, f"{event.message} {event.hint}".strip(), level="error")
        case Ended():
            return _entry(event, event.status.capitalize())


def _rows(event: Rows) -> RunEvent:
    kept = event.buckets.get("trained", 0)
    aside = event.buckets.get("validation", 0)
    lost = ", ".join(
        f"{count} {BUCKETS.get(bucket, bucket.replace('_', ' '))}"
        for bucket, count in event.buckets.items()
        if bucket not in _KEPT and count
    )
    text = f"{event.total:,} rows in, {kept:,} used for training"
    if event.truncated:
        text += f" ({event.truncated:,} of those kept were cut to the longest length)"
    if aside:
        text += f", {aside:,} {BUCKETS['validation']}"
    if lost:
        text += f"; left out: {lost}"
    return _entry(event, text, level="warning" if lost else "info")


def _memory(event: Memory) -> RunEvent:
    """An estimate, or how a measured peak compares with it; a peak has no part in the GPU's own context."""
    if event.peak is not None:
        guess = event.expected - event.terms.get("context", 0)
        return _entry(
            event,
            f"Memory: {_gb(event.peak)} measured on the longest rows; {_gb(guess)} were estimated",
        )
    text = f"Memory: about {_gb(event.expected)} expected ({_gb(event.low)} to {_gb(event.high)})"
    if event.runs_known:
        error = max(event.expected - event.low, event.high - event.expected)
        runs = "1 run" if event.runs_known == 1 else f"{event.runs_known} runs"
        text += f", ±{_gb(error)}, from {runs} like this on this computer"
    if event.available is None:
        return _entry(event, text)
    text += f", {_gb(event.available)} there"
    if event.expected > event.available:
        return _entry(event, f"{text}: it will probably not fit", level="warning")
    return _entry(event, f"{text}: it may not fit" if event.high > event.available else text)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_SAMPLE else line[:_LONGEST_SAMPLE] + "…"


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"


def _entry(event: Event, text: str, *, level: str = "info", step: int | None = None) -> RunEvent:
    return RunEvent(time=_time(event), type=event.type, text=text, level=level, step=step)


def _in_full(event: Event, text: str) -> RunEvent:
    """With the event itself, for those who need its numbers."""
    return replace(_entry(event, text), detail=event.model_dump_json())


def _time(event: Event) -> datetime:
    return datetime.fromtimestamp(event.time, UTC)
