"""How and where a run goes on, and that nothing is ordered for it without a yes."""

import json
import shutil
from dataclasses import replace

import pytest

from app.domain.errors import StudioError
from app.domain.renting import PodOptions
from app.domain.runs import DockerOptions, JobPhase, JobState, RunStatus, Target
from app.services.resuming import Place
from tests.launchers.places import make_run
from tests.services.conftest import ends, started, step, stopped_run, whole_checkpoint, write_events
from trainer_image.checkpoints import is_extension
from trainer_image.config import Push
from trainer_image.events import CheckpointSaved, Result


@pytest.mark.parametrize(("was", "to"), [(Target.RUNPOD, None), (Target.LOCAL, Target.RUNPOD)])
def test_no_pod_is_ordered_for_a_run_that_goes_on_unless_somebody_said_yes(tmp_path, was, to):
    run = make_run(tmp_path, "a", target=was)

    with pytest.raises(StudioError, match="it costs money"):
        Place.of(run, to, None, None)
    agreed = Place.of(run, to, None, PodOptions(image="a/b")).applied(run)

    assert (agreed.target, agreed.pod.image) == (Target.RUNPOD, "a/b")


def test_a_run_goes_on_in_another_place_with_what_that_place_needs(tmp_path):
    run = make_run(tmp_path, "a", target=Target.RUNPOD)

    here = Place.of(run, Target.DOCKER, DockerOptions(image="mine"), None).applied(run)

    assert (here.target, here.docker.image, here.pod) == (Target.DOCKER, "mine", run.pod)


def test_resume_is_a_new_attempt_of_the_same_run_in_the_same_folder(world, request_):
    run = stopped_run(world, request_)

    resumed = world.training.resume(run.id)

    assert (resumed.id, resumed.folder, resumed.attempt) == (run.id, run.folder, 2)
    assert resumed.status is RunStatus.RUNNING
    assert [job.resume for job in world.launcher.jobs.values()] == [False, True]


def test_a_finished_run_is_made_longer_on_purpose(world, request_):
    run = world.training.start(request_)
    whole_checkpoint(run, 40, 10)
    write_events(run, started(), step(10), CheckpointSaved(step=10, path="checkpoints/samples_40"))
    ends(world, run, JobState(JobPhase.EXITED, 0), Result(status="finished", step=10))
    finished = world.monitoring.refresh(run.id)
    assert "finished" in world.training.resume_blocked(finished)

    longer = world.training.resume(run.id, extend=("num_epochs", 7))

    assert (longer.status, longer.attempt) == (RunStatus.RUNNING, 2)
    job = world.launcher.job(run)
    assert (job.resume, job.extend, job.run.config.num_epochs) == (True, True, 7)
    assert world.monitoring.refresh(run.id).config.num_epochs == 7
    # Whatever happens now, the trainer knows this length as one that was asked for.
    assert is_extension(run.folder, job.run.config)
    assert not is_extension(run.folder, run.config)


def test_a_length_no_run_can_have_is_refused_and_nothing_starts(world, request_):
    run = stopped_run(world, request_)

    with pytest.raises(StudioError, match="cannot have num_epochs = 0"):
        world.training.resume(run.id, extend=("num_epochs", 0))

    assert world.monitoring.refresh(run.id).status is RunStatus.STOPPED


def test_an_earlier_attempts_result_does_not_end_a_resumed_run(world, request_):
    run = world.training.resume(stopped_run(world, request_).id)

    assert world.monitoring.refresh(run.id).status is RunStatus.RUNNING
    ends(world, run, JobState(JobPhase.EXITED, 0))
    ended = world.monitoring.refresh(run.id)

    assert (ended.status, "left no result" in ended.message) == (RunStatus.FAILED, True)


def test_a_run_without_a_checkpoint_cannot_be_resumed_and_says_why(world, request_):
    run = world.training.start(request_)
    ends(world, run, JobState(JobPhase.EXITED, 1))

    with pytest.raises(StudioError, match="before its first checkpoint"):
        world.training.resume(run.id)


def test_a_going_run_that_is_to_be_resumed_is_not_said_to_need_a_new_one(world, request_):
    run = world.training.start(request_)

    with pytest.raises(StudioError, match="still going") as refused:
        world.training.resume(run.id)

    assert refused.value.hint == "Let it go on, or stop it."


def test_a_resume_whose_checkpoint_was_deleted_says_so(world, request_):
    run = stopped_run(world, request_)
    shutil.rmtree(run.checkpoints_dir / "samples_20")

    assert "no longer on disk" in world.training.resume_blocked(run)


@pytest.mark.parametrize("harm", ["put aside", "deleted", "a file is missing", "a file is cut short"])
def test_a_run_whose_newest_checkpoint_is_no_longer_whole_goes_on_from_the_one_before(world, request_, harm):
    """The trainer puts a damaged one aside as it begins, and may be killed before it saves the next."""
    run = stopped_run(world, request_)
    newest = whole_checkpoint(run, 40, 10)
    world.runs.update(run.id, lambda r: replace(r, checkpoint="checkpoints/samples_40"))
    match harm:
        case "put aside":
            newest.rename(newest.with_name(".damaged-samples_40"))
        case "deleted":
            shutil.rmtree(newest)
        case "a file is missing":
            (newest / "model.bin").unlink()
        case _:
            (newest / "model.bin").write_bytes(b"1")
    found = world.monitoring.refresh(run.id)

    ground = world.training.ground(found)
    assert world.training.resume_blocked(found) == ""
    assert (ground.state.step, ground.lost) == (5, "samples_40")

    again = world.training.resume(run.id)
    assert (again.status, again.checkpoint) == (RunStatus.RUNNING, "checkpoints/samples_20")


def test_a_run_that_went_back_on_purpose_goes_on_from_there_and_nothing_is_said_to_be_lost(world, request_):
    run = stopped_run(world, request_)
    whole_checkpoint(run, 10, 2)
    world.runs.update(run.id, lambda r: replace(r, checkpoint="checkpoints/samples_10"))

    ground = world.training.ground(world.monitoring.refresh(run.id))

    assert (ground.state.step, ground.lost) == (5, "")


def test_a_run_whose_only_checkpoint_lacks_a_file_is_not_resumed_and_says_which(world, request_):
    run = stopped_run(world, request_)
    (run.checkpoints_dir / "samples_20" / "model.bin").unlink()

    said = world.training.resume_blocked(run)

    assert said == "no checkpoint of it is whole: its file model.bin is damaged or missing"


def test_a_run_that_goes_on_offline_uses_the_network_again_when_it_goes_on_online(world, request_):
    push = Push(repo_id="me/mine")
    request = replace(request_, config=request_.config.model_copy(update={"push": push}))
    run, reason = stopped_run(world, request), ["Offline mode is on."]
    world.secrets.token = "hf_secret"
    training = world.training
    world.why_offline.append(lambda: reason[0])

    training.resume(run.id)
    sent = world.launcher.job(run)
    assert (sent.run.config.offline, sent.run.config.push, sent.secrets) == (True, None, {})
    assert json.loads(run.config_path.read_text())["push"] is None

    ends(world, run, JobState(JobPhase.EXITED, 3), Result(status="stopped", step=5, attempt=2))
    world.monitoring.refresh(run.id)
    reason[0] = ""
    training.resume(run.id)
    sent = world.launcher.job(run)
    assert (sent.run.config.offline, sent.run.config.push) == (False, push)
    assert sent.secrets == {"HF_TOKEN": "hf_secret"}


def test_two_resumes_at_once_launch_one_job(world, request_):
    run = stopped_run(world, request_)
    world.training.resume(run.id)

    with pytest.raises(StudioError, match="still going"):
        world.training.resume(run.id)

    assert len(world.launcher.jobs) == 2


def test_checkpoints_of_weights_only_are_no_ground_for_resuming(world, request_):
    config = request_.config.model_copy(update={"save_full_state": False})
    run = stopped_run(world, replace(request_, config=config))

    assert "weights only" in world.training.resume_blocked(run)


def test_a_resumed_run_that_is_killed_later_failed_though_it_was_stopped_before(world, request_):
    first = world.training.start(request_)
    whole_checkpoint(first, 20, 5)
    write_events(first, CheckpointSaved(step=5, path="checkpoints/samples_20"))
    world.training.stop(first.id, save=False)
    run = world.training.resume(first.id)

    ends(world, run, JobState(JobPhase.EXITED, -9))

    assert world.monitoring.refresh(run.id).status is RunStatus.FAILED
