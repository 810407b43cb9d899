"""Stopping and deleting runs, and what is asked of one while it goes on."""

from dataclasses import replace

import pytest

from app.domain.errors import StudioError, TargetError, UnknownRunError
from app.domain.runs import JobPhase, RunStatus
from tests.services.conftest import stopped_run
from trainer_image.config import SAMPLE_COMMAND, SAVE_COMMAND
from trainer_image.events import Result


def test_stop_passes_on_whether_to_save_and_reports_the_true_end(world, request_):
    run = world.training.start(request_)
    run.result_path.write_text(Result(status="stopped", step=4).model_dump_json())

    stopped = world.training.stop(run.id, save=True)

    assert world.launcher.job(run).stops == [True]
    assert (stopped.status, stopped.step) == (RunStatus.STOPPED, 4)


@pytest.fixture
def stopped_meanwhile(world):
    """Each run is stopped by another window while it is being launched: there is no job yet."""
    launch = world.launcher.launch

    def slow_launch(run, **how):
        world.training.stop(run.id, save=False)
        return launch(run, **how)

    world.launcher.launch = slow_launch


@pytest.mark.usefixtures("stopped_meanwhile")
def test_a_run_stopped_while_it_was_being_launched_does_not_go_on(world, request_):
    run = world.training.start(request_)

    assert world.monitoring.refresh(run.id).status is RunStatus.STOPPED
    assert world.launcher.job(run).state.phase is JobPhase.EXITED


@pytest.mark.usefixtures("stopped_meanwhile")
@pytest.mark.parametrize(
    ("error", "why", "hint"),
    [
        (TargetError("Docker does not answer.", "Start Docker."), "Docker does not answer.", "Start Docker."),
        (RuntimeError("a bug"), "The run could not be stopped because of an error inside the app.", "log"),
    ],
)
def test_a_run_stopped_while_it_was_being_launched_is_told_as_going_if_that_cannot_be_passed_on(
    world, request_, error, why, hint
):
    stop = world.launcher.stop

    def out_of_reach(handle, **_):
        [run] = world.runs.all()
        world.runs.update(run.id, lambda stored: replace(stored, note="mine"))  # meanwhile
        raise error

    world.launcher.stop = out_of_reach
    run = world.training.start(request_)
    assert run.status is RunStatus.RUNNING
    run = world.monitoring.refresh(run.id)
    assert f"but goes on: {why}" in run.message
    assert run.hint.startswith("Stop it again. ")
    assert hint in run.hint
    assert run.note == "mine"

    state = world.launcher.state

    def cannot_be_asked(handle):
        raise TargetError("Docker does not answer.", "Start Docker.")

    world.launcher.state = cannot_be_asked
    run = world.monitoring.refresh(run.id)
    assert f"but goes on: {why}" in run.message
    assert run.hint == "What the run is doing cannot be seen now: Docker does not answer. Start Docker."
    world.launcher.state = state
    assert world.monitoring.refresh(run.id).hint == "Stop it again."

    world.launcher.stop = stop
    assert world.training.stop(run.id, save=False).status is RunStatus.STOPPED
    assert world.launcher.job(run).state.phase is JobPhase.EXITED


def test_stopping_an_ended_run_does_nothing(world, request_):
    run = stopped_run(world, request_)

    assert world.training.stop(run.id, save=False).status is RunStatus.STOPPED
    assert world.launcher.job(run).stops == []


def test_a_run_that_was_stopped_before_it_could_say_so_was_stopped_not_failed(world, request_):
    run = world.training.start(request_)
    world.launcher.job(run).stubborn = True  # ended by force: it leaves no result

    stopped = world.training.stop(run.id, save=False)

    assert (stopped.status, stopped.hint) == (RunStatus.STOPPED, "")


def test_a_going_run_is_asked_for_a_checkpoint_by_a_file_in_its_folder(world, request_):
    run = world.training.start(request_)

    world.training.save_now(run.id)

    assert (run.folder / SAVE_COMMAND).is_file()
    assert world.launcher.job(run).stops == []


def test_a_going_run_is_asked_for_samples_by_a_file_in_its_folder(world, request_):
    run = world.training.start(request_)

    world.training.sample_now(run.id)

    assert (run.folder / SAMPLE_COMMAND).is_file()


def test_an_ended_run_has_nothing_to_save(world, request_):
    run = stopped_run(world, request_)

    with pytest.raises(StudioError, match="not going"):
        world.training.save_now(run.id)


def test_a_going_run_is_not_deleted(world, request_):
    run = world.training.start(request_)

    with pytest.raises(StudioError, match="still going"):
        world.training.delete(run.id, files=True)

    assert run.folder.exists()


@pytest.mark.parametrize("files", [True, False])
def test_deleting_a_run_takes_its_files_only_when_asked(world, request_, files):
    run = stopped_run(world, request_)

    world.training.delete(run.id, files=files)

    assert run.folder.exists() is not files
    with pytest.raises(UnknownRunError):
        world.runs.get(run.id)


def test_files_that_cannot_be_deleted_are_said_and_the_run_stays(world, request_):
    run = stopped_run(world, request_)
    run.folder.rename(world.home / "elsewhere")
    run.folder.symlink_to(world.home / "elsewhere")  # what is linked here is not ours to delete

    with pytest.raises(StudioError, match="could not all be deleted"):
        world.training.delete(run.id, files=True)

    assert world.monitoring.find(run.id) == run
    assert (world.home / "elsewhere" / "config.json").exists()


def test_a_stop_that_could_not_be_passed_on_is_said_and_taken_back(world, request_):
    """Else a crash days later would count as the stop that nobody heard."""
    run = world.training.start(request_)
    refuse_stops(world, TargetError("Docker does not answer.", "Start it."))

    with pytest.raises(TargetError, match="does not answer"):
        world.training.stop(run.id, save=True)

    going = world.monitoring.refresh(run.id)
    assert (going.status, going.is_stopping) == (RunStatus.RUNNING, False)
    world.launcher.end(run, exit_code=1)
    assert world.monitoring.refresh(run.id).status is RunStatus.FAILED


def test_a_stop_can_be_asked_for_again_after_one_that_failed(world, request_):
    run = world.training.start(request_)
    with_stops = world.launcher.stop
    refuse_stops(world, TargetError("Docker does not answer.", "Start it."))
    with pytest.raises(TargetError):
        world.training.stop(run.id, save=True)

    world.launcher.stop = with_stops

    assert world.training.stop(run.id, save=True).status is RunStatus.STOPPED


def test_a_second_stop_that_fails_does_not_take_the_first_back(world, request_):
    run = world.training.start(request_)
    world.launcher.stop = lambda handle, **how: None  # it takes its time
    assert world.training.stop(run.id, save=True).is_stopping

    refuse_stops(world, TargetError("Docker does not answer.", "Start it."))
    with pytest.raises(TargetError):
        world.training.stop(run.id, save=False)

    world.launcher.end(run, exit_code=-9)
    assert world.monitoring.refresh(run.id).status is RunStatus.STOPPED


def test_a_stop_whose_app_was_killed_before_it_passed_it_on_is_taken_back(world, request_):
    run = world.training.start(request_)
    killed = "1:0.00"
    world.runs.update(run.id, lambda r: r.stopping(killed))

    assert not world.monitoring.refresh(run.id).is_stopping
    world.launcher.end(run, exit_code=1)
    assert world.monitoring.refresh(run.id).status is RunStatus.FAILED


def test_a_stop_that_is_being_passed_on_is_left_alone_by_whoever_looks(world, request_):
    run = world.training.start(request_)
    seen = []
    world.launcher.stop = lambda handle, **how: seen.append(world.monitoring.refresh(run.id).is_stopping)

    stopped = world.training.stop(run.id, save=True)

    assert (seen, stopped.is_stopping, stopped.owner) == ([True], True, None)


@pytest.mark.parametrize("error", [TargetError("Docker does not answer."), KeyboardInterrupt()])
def test_a_stop_that_was_passed_on_stands_whatever_comes_then(world, request_, error):
    """Runpod's pod takes its time, Docker's next answer does not come, or somebody leaves the terminal."""
    run = world.training.start(request_)
    refuse_stops(world, error, after=True)

    with pytest.raises(type(error)):
        world.training.stop(run.id, save=True)

    going = world.monitoring.refresh(run.id)
    assert (going.is_stopping, going.owner) == (True, None)
    world.launcher.end(run, exit_code=-9)
    assert world.monitoring.refresh(run.id).status is RunStatus.STOPPED


def test_a_stop_that_was_passed_on_outlives_the_app_that_waits_for_its_end(world, request_):
    run = world.training.start(request_)
    seen = []

    def stop(handle, *, save, passed_on):
        passed_on()
        seen.append(world.runs.get(run.id))

    world.launcher.stop = stop
    world.training.stop(run.id, save=True)

    assert [(r.stop_requested, r.owner) for r in seen] == [(True, None)]  # nobody who could be found gone


def test_a_second_stop_cut_short_does_not_take_the_first_back(world, request_):
    run = world.training.start(request_)
    world.launcher.stop = lambda handle, **how: None  # it takes its time
    world.training.stop(run.id, save=True)

    world.runs.update(run.id, lambda r: r.stopping("1:0.00"))  # by an app that was then killed

    assert world.monitoring.refresh(run.id).is_stopping


def test_a_stop_that_fails_leaves_alone_what_another_window_passed_on(world, request_):
    run = world.training.start(request_)

    def stop(handle, *, save, passed_on):
        world.runs.update(run.id, lambda r: r.stopping("1:0.00"))
        world.runs.update(run.id, lambda r: r.stop_told(True, by="1:0.00", attempt=run.attempt))
        raise TargetError("Docker does not answer.", "Start it.")

    world.launcher.stop = stop
    with pytest.raises(TargetError):
        world.training.stop(run.id, save=True)

    assert world.monitoring.refresh(run.id).is_stopping


def test_looking_at_a_run_while_its_stop_is_passed_on_does_not_count_as_passed_on(world, request_):
    run = world.training.start(request_)

    def stop(handle, *, save, passed_on):
        world.runs.update(run.id, lambda r: replace(r, message="It cannot be seen now."))
        world.monitoring.refresh(run.id)
        raise TargetError("Docker does not answer.", "Start it.")

    world.launcher.stop = stop
    with pytest.raises(TargetError):
        world.training.stop(run.id, save=True)

    assert not world.monitoring.refresh(run.id).is_stopping


def refuse_stops(world, error, *, after=False):
    """`after`: the wish is passed on before."""

    def stop(handle, *, save, passed_on):
        if after:
            passed_on()
        raise error

    world.launcher.stop = stop
