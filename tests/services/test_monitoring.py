"""What is true of a run, whatever was killed when."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from app.domain.errors import TargetError
from app.domain.runs import JobPhase, JobState, Measurement, RunRequest, RunStatus, SampleAnswer, Target
from tests.services.conftest import ends, started, step, write_events
from trainer_image.config import RunConfig
from trainer_image.events import CheckpointSaved, Evaluation, Notice, Plan, Result, Sample


@pytest.fixture
def request_(session):
    return RunRequest(RunConfig(base_model="owner/model"), Target.LOCAL, session_id=session.id)


@pytest.fixture
def run(world, request_):
    return world.training.start(request_)


def losses(world, run):
    return [(metric.step, metric.loss) for metric in world.monitoring.metrics(run.id)]


def test_what_the_trainer_reports_is_stored_once_however_often_one_looks(world, run):
    write_events(run, started(), step(1, 2.0), Notice(message="Half a day"), step(2, 1.5))

    for _ in range(3):
        seen = world.monitoring.refresh(run.id)

    assert losses(world, run) == [(1, 2.0), (2, 1.5)]
    assert [event.type for event in world.monitoring.events(run.id)] == ["started", "notice"]
    assert (seen.step, seen.total_steps, seen.loss) == (2, 10, 1.5)


def test_a_torn_last_line_is_read_once_it_is_whole(world, run):
    line = step(1, 2.0).model_dump_json()
    run.events_path.write_text(line[:20])
    world.monitoring.refresh(run.id)
    with run.events_path.open("a") as file:
        file.write(line[20:] + "\n")

    world.monitoring.refresh(run.id)

    assert losses(world, run) == [(1, 2.0)]


def test_lines_nobody_knows_are_passed_over(world, run):
    run.events_path.write_text('{"type": "from_the_future", "x": 1}\nnot json\n')
    write_events(run, step(1))

    assert world.monitoring.refresh(run.id).step == 1


def test_a_number_the_store_cannot_hold_does_not_keep_the_run_from_ending(world, run):
    write_events(run, started(), step(3), step(4, total=10**30))
    ends(world, run, JobState(JobPhase.EXITED, 0), Result(status="finished", step=4))

    ended = world.monitoring.refresh(run.id)

    assert (ended.status, ended.step, ended.total_steps) == (RunStatus.FINISHED, 4, 10)
    assert losses(world, run) == [(3, 1.0)]


def test_a_resumed_run_replaces_the_steps_it_repeats(world, run):
    write_events(run, step(1, 2.0), step(2, 9.9), step(2, 1.5), step(3, 1.2))

    world.monitoring.refresh(run.id)

    assert losses(world, run) == [(1, 2.0), (2, 1.5), (3, 1.2)]


def test_measurements_and_samples_keep_their_numbers_and_texts(world, run):
    answers = [Sample(step=2, prompt="Q", answer=answer, reference="R") for answer in ("older", "newer")]
    again = (Evaluation(step=2, loss=2.5, best=True), Evaluation(step=2, loss=2.25, best=True))
    write_events(run, *again, Evaluation(step=1, loss=3.0, best=False), *answers)

    world.monitoring.refresh(run.id)

    assert world.monitoring.measurements(run.id) == [Measurement(1, 3.0, False), Measurement(2, 2.25, True)]
    assert world.monitoring.samples(run.id, last=1) == [SampleAnswer(2, "Q", "newer", "R")]
    assert world.monitoring.samples(run.id)[-1].answer == "older"


def test_a_finished_run_carries_its_result_and_its_last_events(world, run):
    write_events(
        run, Plan(total_steps=3, num_rows=1, effective_batch_size=2, parameters=10, trainable_parameters=1)
    )
    write_events(run, step(3, 0.5, total=3))
    result = Result(status="finished", step=3, output="output", output_kind="adapter")
    ends(world, run, JobState(JobPhase.EXITED, 0), result)

    ended = world.monitoring.refresh(run.id)

    assert (ended.status, ended.output, ended.output_kind) == (RunStatus.FINISHED, "output", "adapter")
    assert losses(world, run) == [(3, 0.5)]
    assert world.launcher.job(run).cleaned_up


def test_what_an_app_could_not_clean_up_before_it_was_killed_is_cleaned_up_by_the_next(
    world, run, monkeypatch
):
    ends(world, run, JobState(JobPhase.EXITED, 0), Result(status="finished", step=3))

    def killed(_):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(world.launcher, "clean_up", killed)
        with pytest.raises(SystemExit):
            world.monitoring.refresh(run.id)

    assert world.monitoring.refresh(run.id).status is RunStatus.FINISHED
    assert world.launcher.job(run).cleaned_up


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (JobState(JobPhase.EXITED, 137, out_of_memory=True), "memory ran out"),
        (JobState(JobPhase.EXITED, 137), "killed from outside"),
        (JobState(JobPhase.EXITED, -11), "native library"),
        (JobState(JobPhase.EXITED, 127), "could not be started"),
        (JobState(JobPhase.EXITED, 7), "code 7"),
        (JobState(JobPhase.GONE), "without a trace"),
    ],
)
def test_a_job_that_left_no_result_ends_in_a_sentence(world, run, state, words):
    ends(world, run, state)

    ended = world.monitoring.refresh(run.id)

    assert ended.status is RunStatus.FAILED
    assert words in ended.message
    assert ended.hint


def test_a_torn_result_counts_as_none(world, run):
    run.result_path.write_text('{"status": "fini')
    ends(world, run, JobState(JobPhase.EXITED, 1))

    assert world.monitoring.refresh(run.id).status is RunStatus.FAILED


def test_a_target_that_cannot_be_asked_is_said_and_forgotten_when_it_answers(world, run):
    write_events(run, step(1))
    world.launcher.unreachable = TargetError("Docker is not running.", "Start it.")
    silent = world.monitoring.refresh(run.id)
    world.launcher.unreachable = None

    again = world.monitoring.refresh(run.id)

    assert (silent.status, silent.step) == (RunStatus.RUNNING, 1)
    assert "Docker is not running" in silent.message
    assert (again.status, again.message) == (RunStatus.RUNNING, "")


def test_a_launch_cut_short_by_a_killed_app_is_failed_not_starting(world, run):
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    cut = replace(run, status=RunStatus.STARTING, handle=None, owner=f"{dead.pid}:1.0")
    world.launcher.jobs.clear()
    world.runs.update(run.id, lambda _: cut)

    ended = world.monitoring.refresh(run.id)

    assert (ended.status, ended.message) == (
        RunStatus.FAILED,
        "The app ended while it was starting this run.",
    )


def test_a_launch_under_way_elsewhere_is_left_alone(world, run):
    starting = replace(run, status=RunStatus.STARTING, handle=None, owner=world.training._processes.me())
    world.launcher.jobs.clear()
    world.runs.update(run.id, lambda _: starting)

    assert world.monitoring.refresh(run.id).status is RunStatus.STARTING


def test_a_job_whose_launch_was_never_recorded_is_found_and_followed(world, run):
    world.runs.update(run.id, lambda r: replace(r, status=RunStatus.STARTING, handle=None, owner="1:1.0"))

    found = world.monitoring.refresh(run.id)

    assert (found.status, found.handle) == (RunStatus.RUNNING, run.handle)


def test_the_log_is_read_in_whole_lines_and_goes_on_where_it_ended(world, run):
    run.log_path.write_bytes("first\nsécond\nhal".encode())
    text, position = world.monitoring.log_text(run)
    with run.log_path.open("a") as file:
        file.write("f\n")

    assert text == "first\nsécond\n"
    assert world.monitoring.log_text(run, start=position)[0] == "half\n"


def test_the_tail_of_a_long_log_is_whole_lines(world, run):
    run.log_path.write_text("".join(f"line {n}\n" for n in range(1000)))

    text, position = world.monitoring.log_tail(run, limit=100)

    assert text.splitlines()[-1] == "line 999"
    assert text.splitlines()[0].startswith("line ")
    assert position == run.log_path.stat().st_size


def test_a_run_whose_folder_was_removed_says_so_and_offers_no_resume(world, run):
    write_events(run, started(), step(5), CheckpointSaved(step=5, path="checkpoints/step_5"))
    world.monitoring.refresh(run.id)

    shutil.rmtree(run.folder)
    world.launcher.vanish(run)

    ended = world.monitoring.refresh(run.id)
    assert ended.status is RunStatus.FAILED
    assert "folder was removed" in ended.message
    assert not ended.can_resume


def test_a_run_that_something_else_stopped_says_so(world, run):
    ends(world, run, JobState(JobPhase.EXITED, 3), Result(status="stopped", step=2))

    assert "outside the app" in world.monitoring.refresh(run.id).message


def test_a_run_that_cannot_be_read_hides_no_other(world, run, request_):
    other = world.training.start(request_)
    write_events(other, started(), step(3))
    state = world.launcher.state
    world.launcher.state = lambda handle: state(handle) if handle == other.handle else 1 / 0

    listed = {found.id: found for found in world.monitoring.refresh_all()}

    assert listed[other.id].step == 3
    assert "cannot be read" in listed[run.id].message


def test_runs_are_listed_true_after_refresh_all(world, run):
    ends(world, run, JobState(JobPhase.EXITED, 0), Result(status="finished"))

    assert [r.status for r in world.monitoring.refresh_all()] == [RunStatus.FINISHED]


def test_a_search_that_is_not_wanted_any_more_does_not_read_the_log_to_its_end(world, run):
    run.log_path.write_text("".join(f"line {n} says it\n" for n in range(100_000)))
    looks = iter([True, True, False])

    _, count = world.monitoring.find_in_log(run, "SAYS", is_wanted=lambda: next(looks))

    assert 0 < count < 10_000
    assert world.monitoring.find_in_log(run, "SAYS")[1] == 100_000
