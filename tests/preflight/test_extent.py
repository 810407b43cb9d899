"""How long a run will be, as far as it is known before it starts."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from app.adapters.speed_file import SpeedFile
from app.domain.preflight import Extent, Readiness
from app.domain.preflight_words import duration, length
from app.domain.runs import Metric, Run, RunRequest, Target
from app.domain.speeds import MeasuredSpeed
from app.paths import Paths
from tests.preflight.conftest import Checked, previews_of
from trainer_image.config import Distributed, RunConfig


def extent(checked: Checked, **config: object) -> Extent:
    found: Readiness = checked.check(**config)
    assert found.extent is not None
    return found.extent


def many_rows(checked: Checked) -> None:
    file = checked.world.home / "many.jsonl"
    file.write_text("".join(f'{{"prompt": "{n}?", "completion": "{n}!"}}\n' for n in range(100)))
    checked.world.library.import_file(file)


def test_rows_kept_aside_are_not_learnt_and_a_last_batch_counts(checked: Checked) -> None:
    many_rows(checked)

    found = extent(checked, num_epochs=2, per_device_batch_size=4, gradient_accumulation_steps=4)

    assert (found.rows, found.steps) == (84, 2 * 6)
    assert not found.is_exact
    assert extent(checked, max_steps=7).steps == 7


@pytest.mark.parametrize(
    "config", [{"distributed": Distributed(nproc_per_node="gpu")}, {"is_pretraining": True, "block_size": 64}]
)
def test_what_nobody_knows_yet_is_not_guessed(checked: Checked, config: dict) -> None:
    assert extent(checked, **config).steps is None
    assert extent(checked, max_steps=5, **config).steps == 5


def test_the_time_is_that_of_an_earlier_run_of_this_model_method_and_session(checked: Checked) -> None:
    many_rows(checked)
    run = earlier_run(checked)
    metric = Metric(
        step=10, total_steps=10, epoch=1.0, loss=1.0, learning_rate=1e-4, grad_norm=None,
        tokens_per_second=None, elapsed_seconds=40.0, eta_seconds=None, time=datetime.now(UTC),
    )  # fmt: skip
    checked.world.runs.ingest(run.id, 0, 1, [metric], [], lambda r: r)

    # 10 steps of 2 examples took 40 s: 2 s an example.
    found = extent(checked, max_steps=30, per_device_batch_size=4, gradient_accumulation_steps=1)

    assert found.seconds == pytest.approx(30 * 4 * 2)
    assert "roughly 4 min" in length(found)
    assert extent(checked, max_steps=30, method={"kind": "sft"}).seconds is None


@pytest.mark.parametrize(("age_seconds", "per_example"), [(60, 3), (-60, 2)], ids=["older", "newer"])
def test_a_probe_tells_the_time_too_and_the_newer_of_it_and_a_run_counts(
    checked: Checked, age_seconds: int, per_example: float
) -> None:
    many_rows(checked)
    session, model = checked.world.library.sessions()[0], str(checked.model())
    run_at = datetime.now(UTC)
    probe = MeasuredSpeed(model, "lora", session.id, 2.0, 7.0, run_at - timedelta(seconds=age_seconds))
    SpeedFile(Paths(checked.world.home).speeds).add(probe)
    settings = {"max_steps": 30, "per_device_batch_size": 4, "gradient_accumulation_steps": 1}
    alone = extent(checked, **settings).seconds
    metric = Metric(
        step=10, total_steps=10, epoch=1.0, loss=1.0, learning_rate=1e-4, grad_norm=None,
        tokens_per_second=5.0, elapsed_seconds=60.0, eta_seconds=None, time=run_at,
    )  # fmt: skip
    checked.world.runs.ingest(earlier_run(checked).id, 0, 1, [metric], [], lambda r: r)

    found = extent(checked, **settings)

    assert alone == pytest.approx(30 * 4 * 2)
    assert found.seconds == pytest.approx(30 * 4 * per_example)
    assert extent(checked, method={"kind": "sft"}, **settings).seconds is None
    previews = previews_of(checked.world, checked.trainer)
    assert previews.speed(RunConfig(base_model=model)) == (5.0 if per_example == 3 else 7.0)


def test_before_anything_was_measured_the_time_is_by_size_alone_and_on_a_processor_only(
    checked: Checked,
) -> None:
    long = checked.world.home / "long.jsonl"
    long.write_text("".join(f'{{"prompt": "{n:04}", "completion": "{"a" * 396}"}}\n' for n in range(20)))
    checked.world.library.import_file(long)
    settings = {"max_steps": 30, "per_device_batch_size": 4, "gradient_accumulation_steps": 2}
    unknown = extent(checked, **settings)
    checked.trainer.estimated = checked.trainer.estimated.model_copy(update={"parameters": 3 * 10**8})

    found = extent(checked, **settings)
    half = extent(checked, max_seq_len=50, **settings)
    all_weights = extent(checked, method={"kind": "sft"}, **settings)
    checked.trainer.estimated = checked.trainer.estimated.model_copy(update={"device": "cuda"})
    on_a_gpu = extent(checked, **settings)

    passes, operations = 30 * 2 * 0.03, 4 * 3e8 * (30 * 8 * 100) / (30e9 * (os.cpu_count() or 1))
    assert (unknown.seconds, on_a_gpu.seconds) == (None, None)
    assert found.seconds == pytest.approx(passes + operations)
    assert half.seconds == pytest.approx(passes + operations / 2)
    assert all_weights.seconds == pytest.approx(passes + operations * 1.5)
    assert f"very roughly {duration(found.seconds / 3)} to {duration(found.seconds * 3)}" in length(found)
    assert "by size alone" in length(found)


def earlier_run(checked: Checked) -> Run:
    config = RunConfig(
        base_model=str(checked.model()), per_device_batch_size=2, gradient_accumulation_steps=1
    )
    session = checked.world.library.sessions()[0]
    return checked.world.training.start(RunRequest(config, Target.LOCAL, session_id=session.id))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (89, "89 s"), (95, "2 min"), (5_000, "83 min"), (9_000, "2 h 30 min")],
)
def test_durations_are_as_coarse_as_they_are_rough(seconds: float, words: str) -> None:
    assert duration(seconds) == words
