"""Runs and curves made by hand, for the rules that read them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.domain.runs import DockerOptions, Measurement, Metric, Run, RunId, RunStatus, Target
from trainer_image.config import RunConfig

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
CONFIG = RunConfig(base_model="owner/model")
_OF_A_GPU = ("gpu_memory_gb", "gpu_utilisation", "gpu_temperature")


def metrics(
    losses: Sequence[float], *, total: int | None = None, epochs: float = 1.0, **facts
) -> list[Metric]:
    """A step for each loss, from step 1; `facts` may be functions of the step."""
    total = total or len(losses)
    return [
        Metric(
            step=step,
            total_steps=total,
            epoch=step / total * epochs,
            loss=loss,
            learning_rate=2e-4,
            grad_norm=_of(facts.get("grad_norm", 1.0), step),
            tokens_per_second=_of(facts.get("tokens_per_second", 900.0), step),
            elapsed_seconds=float(step),
            eta_seconds=None,
            time=NOON,
            **{name: _of(facts[name], step) for name in _OF_A_GPU if name in facts},
        )
        for step, loss in enumerate(losses, start=1)
    ]


def measured(*pairs: tuple[int, float]) -> list[Measurement]:
    best = min(loss for _, loss in pairs)
    return [Measurement(step, loss, loss == best) for step, loss in pairs]


def falling(count: int, start: float = 2.5, end: float = 1.0) -> list[float]:
    return [end + (start - end) * 0.97**step for step in range(count)]


def failed(message: str, *, config: RunConfig = CONFIG, target: Target = Target.LOCAL, **facts) -> Run:
    run = Run(
        id=RunId("a"),
        name="a",
        target=target,
        config=config,
        docker=DockerOptions(),
        folder=Path("somewhere"),
        data_label="rows",
        session_id=None,
        status=RunStatus.FAILED,
        created_at=NOON,
        message=message,
    )
    return replace(run, **facts)


def _of(fact: float | Callable[[int], float], step: int) -> float:
    return fact(step) if callable(fact) else fact
