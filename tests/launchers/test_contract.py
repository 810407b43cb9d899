"""What every launcher promises. A new one is done when it passes as a parameter here."""

from collections.abc import Callable

import pytest

from app.domain.errors import TargetError
from app.domain.runs import JobPhase, JobState, Run
from tests.launchers.places import Place, ended_state, next_attempt
from trainer_image.config import RunConfig
from trainer_image.events import EXIT_STOPPED

NewRun = Callable[[Place], Run]


@pytest.mark.parametrize("exit_code", [0, 1, 42])
def test_a_run_goes_on_until_it_exits_with_its_code(place: Place, new_run: NewRun, exit_code: int):
    launcher, run = place.launcher(), new_run(place)

    handle = launcher.launch(run, resume=False, secrets={})
    before = launcher.state(handle)
    place.finish(run, exit_code)

    assert before == JobState(JobPhase.RUNNING)
    assert ended_state(launcher, handle) == JobState(JobPhase.EXITED, exit_code)


def test_two_runs_are_two_jobs(place: Place, new_run: NewRun):
    launcher, one, other = place.launcher(), new_run(place), new_run(place)

    first = launcher.launch(one, resume=False, secrets={})
    second = launcher.launch(other, resume=False, secrets={})
    place.finish(one, 0)

    assert first != second
    assert ended_state(launcher, first).exit_code == 0
    assert launcher.state(second).phase is JobPhase.RUNNING
    launcher.stop(second, save=False)


def test_a_job_is_found_by_its_run_alone(place: Place, new_run: NewRun):
    run = new_run(place)
    handle = place.launcher().launch(run, resume=False, secrets={})

    found = place.launcher().find(run)

    assert found == handle
    place.launcher().stop(handle, save=False)
    assert place.launcher().find(run) == handle


def test_nothing_is_found_of_an_attempt_that_never_started(place: Place, new_run: NewRun):
    run = new_run(place)
    assert place.launcher().find(run) is None

    handle = place.launcher().launch(run, resume=False, secrets={})
    place.launcher().stop(handle, save=False)

    assert place.launcher().find(next_attempt(run)) is None


@pytest.mark.parametrize("save", [True, False])
def test_a_stop_saves_only_if_asked_to(place: Place, new_run: NewRun, save: bool):
    run = new_run(place)
    handle = place.launcher().launch(run, resume=False, secrets={})
    place.wait_until_trained(run)

    place.launcher().stop(handle, save=save)

    assert place.launcher().state(handle) == JobState(JobPhase.EXITED, EXIT_STOPPED)
    assert place.has_saved(run) is save


@pytest.mark.parametrize("save", [True, False])
def test_a_stop_is_passed_on_before_its_end_is_waited_for(place: Place, new_run: NewRun, save: bool):
    launcher, run = place.launcher(), new_run(place)
    handle = launcher.launch(run, resume=False, secrets={})
    place.wait_until_trained(run)

    def leave() -> None:
        raise InterruptedError("Whoever asked waits no longer.")

    with pytest.raises(InterruptedError):
        launcher.stop(handle, save=save, passed_on=leave)

    assert ended_state(launcher, handle) == JobState(JobPhase.EXITED, EXIT_STOPPED)


def test_stopping_an_ended_job_does_nothing(place: Place, new_run: NewRun):
    launcher, run = place.launcher(), new_run(place)
    handle = launcher.launch(run, resume=False, secrets={})
    place.finish(run, 7)
    ended = ended_state(launcher, handle)

    launcher.stop(handle, save=True)

    assert launcher.state(handle) == ended
    assert not place.has_saved(run)


@pytest.mark.parametrize("save", [True, False])
def test_a_job_that_does_not_listen_is_ended_by_force(place: Place, new_run: NewRun, save: bool):
    launcher, run = place.launcher(), new_run(place)
    place.make_stubborn(run)
    handle = launcher.launch(run, resume=False, secrets={})
    place.wait_until_trained(run)

    launcher.stop(handle, save=save)

    assert place.leaves_by_force(launcher.state(handle))


def test_a_run_that_is_still_going_is_not_launched_again(place: Place, new_run: NewRun):
    launcher, run = place.launcher(), new_run(place)
    handle = launcher.launch(run, resume=False, secrets={})

    with pytest.raises(TargetError, match="still going"):
        place.launcher().launch(next_attempt(run), resume=True, secrets={})

    assert launcher.state(handle).phase is JobPhase.RUNNING
    launcher.stop(handle, save=False)


def test_a_resumed_run_is_a_second_job(place: Place, new_run: NewRun):
    launcher, run = place.launcher(), new_run(place)
    first = launcher.launch(run, resume=False, secrets={})
    launcher.stop(first, save=False)
    again = next_attempt(run)

    second = launcher.launch(again, resume=True, secrets={})

    assert second != first
    assert launcher.find(again) == second
    assert launcher.state(second).phase is JobPhase.RUNNING
    launcher.stop(second, save=False)


def test_the_config_in_the_run_folder_is_one_the_trainer_accepts(place: Place, new_run: NewRun):
    run = new_run(place)

    handle = place.launcher().launch(run, resume=False, secrets={})

    assert RunConfig.model_validate_json(run.config_path.read_bytes()) == run.config
    place.launcher().stop(handle, save=False)


def test_cleaning_up_leaves_the_files_of_the_run(place: Place, new_run: NewRun):
    launcher, run = place.launcher(), new_run(place)
    handle = launcher.launch(run, resume=False, secrets={})
    launcher.stop(handle, save=False)
    launcher.sync_log(run, handle)
    files = {path.name for path in run.folder.iterdir()}

    launcher.clean_up(handle)

    assert {path.name for path in run.folder.iterdir()} == files
    assert run.log_path.exists()
