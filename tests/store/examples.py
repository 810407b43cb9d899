"""Rows, runs and metrics to store."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.renting import Order, PodOptions
from app.domain.runs import DockerOptions, JobHandle, Metric, Run, RunEvent, RunId, RunStatus, Target
from trainer_image.config import Lora, RunConfig
from trainer_image.rows import Row

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def messages(question: str, answer: str = "Yes.") -> tuple[dict[str, Any], ...]:
    return ({"role": "user", "content": question}, {"role": "assistant", "content": answer})


def rows(count: int) -> Iterator[Row]:
    for n in range(count):
        yield Row(n + 1, messages(f"Does ferry {n} run today?"))


def run(run_id: str = "run-1", **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "id": RunId(run_id),
        "name": f"name of {run_id}",
        "target": Target.LOCAL,
        "config": RunConfig(base_model="some/model"),
        "docker": DockerOptions(),
        "folder": Path("/somewhere") / run_id,
        "data_label": "Sample",
        "session_id": None,
        "status": RunStatus.RUNNING,
        "created_at": NOON,
    }
    return Run(**fields | changes)


def full_run(run_id: str, session_id: str) -> Run:
    """Every field away from its default."""
    return run(
        run_id,
        target=Target.DOCKER,
        config=RunConfig(base_model="a/b", method=Lora(lora_r=7), max_steps=3, learning_rate=1e-5),
        docker=DockerOptions("image:tag", Path("/host/data"), False, True, "my-container"),
        data_label="tatsu-lab/alpaca",
        session_id=session_id,
        status=RunStatus.FAILED,
        created_at=NOON - timedelta(days=1),
        attempt=3,
        stop_requested=True,
        owner="17:1234.5",
        handle=JobHandle("docker:abc"),
        started_at=NOON + timedelta(seconds=1),
        ended_at=NOON + timedelta(hours=2),
        phase="train",
        step=12,
        total_steps=50,
        loss=1.25,
        eta_seconds=9.5,
        message="It stopped – “so” 🚢.",
        hint="Try again.",
        output="output",
        output_kind="adapter",
        checkpoint="checkpoints/samples_48",
        events_offset=4711,
        session_version=3,
        content_hash="5e" * 32,
        queue_position=4,
        gpu=1,
        cloned_from=RunId("run-0"),
        note="Better than the last one.",
        origin="mini-trainer",
        pod=PodOptions(
            "ghcr.io/a/b:1", ("NVIDIA L4",), Order.FASTEST, 2.5, 1.5, 0.7, "EU-RO-1", "vol", 60, True
        ),
    )


def metric(step: int, loss: float = 1.0) -> Metric:
    return Metric(
        step, 1000, step / 100, loss, 2e-4, 0.5, 812.5, step * 0.1, 3.5, NOON + timedelta(seconds=step)
    )


def event(text: str) -> RunEvent:
    return RunEvent(NOON, "notice", text, "warning", 4)
