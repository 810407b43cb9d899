"""Measuring before a run: rows of its own, nothing left behind, and later estimates know it."""

import os
from pathlib import Path

import pytest

from app.adapters.speed_file import SpeedFile
from app.domain.errors import StudioError
from app.domain.probes import ProbeCancelledError
from app.domain.runs import JobPhase, JobState, RunRequest, Target
from app.services.probing import ProbingService
from tests.known_prober import KnownProber
from trainer_image.config import DATA_FILE, RunConfig

CONFIG = RunConfig(base_model="owner/model")


@pytest.fixture
def prober() -> KnownProber:
    return KnownProber()


@pytest.fixture
def probing(world, prober, tmp_path) -> ProbingService:
    world.library.ensure_sample()
    return ProbingService(
        world.training, world.library, world.runs, prober, SpeedFile(tmp_path / "speeds.jsonl"),
        cache=tmp_path / "probes",
        seen_by=lambda config: config.model_copy(update={"base_model": "/here"}), offline=lambda: "",
        make_room=lambda: prober.asked.append("room"),
    )  # fmt: skip


def request(world, target: Target = Target.LOCAL) -> RunRequest:
    return RunRequest(CONFIG, target, session_id=world.library.sessions()[0].id)


def test_it_measures_the_runs_own_rows_and_leaves_nothing_behind(world, probing, prober, tmp_path):
    told: list[str] = []

    found, remark = probing.probe(request(world), told.append)

    assert prober.rows == world.library.sessions()[0].row_count
    assert prober.asked == ["room", "/here"]
    assert told[0] == "Writing the rows"
    assert found.sentences == (
        "Measured on the longest rows: 5.0 GB of memory (3.0 GB were estimated, 2.0 GB to 4.0 GB).",
        "A step takes about 1.5 s, 40 steps roughly 60 s.",
    )
    assert remark == ""
    assert list((tmp_path / "probes").iterdir()) == []
    assert list(world.runs.all()) == []


@pytest.mark.parametrize("error", [ProbeCancelledError(), StudioError("No memory."), OSError(28, "full")])
def test_cancelled_failed_or_on_a_full_disk_nothing_is_left(world, probing, prober, tmp_path, error):
    prober.fail_with = error

    with pytest.raises(StudioError) as raised:
        probing.probe(request(world), lambda _: None)

    assert isinstance(error, OSError) == ("could not be written" in raised.value.message)
    assert list((tmp_path / "probes").iterdir()) == []


def test_a_rented_gpu_is_not_measured_here_and_says_why(world, probing, prober):
    with pytest.raises(StudioError, match="measured by the run itself"):
        probing.probe(request(world, Target.RUNPOD), lambda _: None)

    assert prober.asked == []


def test_how_fast_it_was_is_kept_for_later_and_said_if_it_cannot_be(world, probing, prober, tmp_path):
    probing.probe(request(world), lambda _: None)
    (kept,) = SpeedFile(tmp_path / "speeds.jsonl").newest_first()
    (tmp_path / "speeds.jsonl").unlink()
    (tmp_path / "speeds.jsonl").mkdir()

    _, remark = probing.probe(request(world), lambda _: None)

    assert (kept.model, kept.method, kept.rows) == ("/here", "lora", request(world).session_id)
    assert kept.seconds_per_example == 1.5 / CONFIG.effective_batch_size
    assert "The speed could not be kept for later: Is a directory" in remark


def test_what_is_missing_is_said(world, probing):
    with pytest.raises(StudioError, match="Choose a dataset"):
        probing.probe(RunRequest(CONFIG, Target.LOCAL), lambda _: None)


def test_beside_a_run_that_goes_the_time_is_said_to_be_longer(world, probing):
    world.launcher.state_to_report = JobState(JobPhase.RUNNING)
    run = world.training.start(request(world))
    world.monitoring.refresh(run.id)

    _, remark = probing.probe(request(world), lambda _: None)

    assert "longer than it would be alone" in remark


def test_what_a_killed_app_left_is_removed_and_another_ones_measuring_is_not(world, probing, tmp_path):
    old, young = (tmp_path / "probes" / name for name in ("probe-old", "probe-young"))
    for folder in (old, young):
        (folder / Path(DATA_FILE).parent).mkdir(parents=True)
    os.utime(old, (1, 1))

    probing.probe(request(world), lambda _: None)

    assert [path.name for path in (tmp_path / "probes").iterdir()] == ["probe-young"]
