"""What only processes have: recycled ids, helpers of their own, a supervisor that may be killed."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from app.adapters import docker_engine, process_launcher
from app.adapters.gpu import describe_gpus, nvidia_gpus
from app.adapters.process_launcher import SUPERVISOR_LOG, ProcessLauncher
from app.adapters.run_files import JOB_FILE, Job, read_job
from app.domain.errors import TargetError
from app.domain.runs import DockerOptions, JobPhase, JobState, Run
from tests.docker_engine import CHECKOUT
from tests.launchers.places import Place, behave, ended_state, seen, wait_until
from trainer_image.config import MEMORY_HISTORY_VARIABLE, ROWS_CACHE_VARIABLE


@pytest.fixture
def run(process_place: Place, new_run: Callable[[Place], Run]) -> Run:
    return new_run(process_place)


@pytest.fixture
def launcher(process_place: Place) -> ProcessLauncher:
    launcher = process_place.launcher()
    assert isinstance(launcher, ProcessLauncher)
    return launcher


@pytest.fixture
def bystander() -> Iterator["subprocess.Popen[bytes]"]:
    """A program that has nothing to do with any run."""
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


def ticks(pid: int) -> float:
    return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


@pytest.mark.parametrize("started_like", ["another", "the very same"])
def test_a_recycled_id_is_neither_taken_for_the_run_nor_killed(launcher, run, bystander, started_like):
    started = ticks(bystander.pid) if started_like == "the very same" else 1.0
    job = Job(str(run.folder), 1, bystander.pid, started, bystander.pid, started)

    state = launcher.state(job.handle)
    launcher.stop(job.handle, save=False)

    assert state == JobState(JobPhase.GONE)
    assert bystander.poll() is None


def test_a_run_of_the_same_id_after_a_restart_is_gone(launcher, run):
    handle = launcher.launch(run, resume=False, secrets={})
    job = Job.of(handle)
    before = Job(job.folder, 1, job.supervisor_pid, job.supervisor_started - 1, job.child_pid, 1.0)

    assert launcher.state(before.handle) == JobState(JobPhase.GONE)
    launcher.stop(before.handle, save=False)

    assert launcher.state(handle).phase is JobPhase.RUNNING
    launcher.stop(handle, save=False)


def test_ending_by_force_takes_the_runs_own_helpers_along(launcher, run):
    behave(run, ignore_signals=True, with_child=True)
    handle = launcher.launch(run, resume=False, secrets={})
    child = psutil.Process(seen(run)["child"])

    launcher.stop(handle, save=False)

    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert launcher.state(handle) == JobState(JobPhase.EXITED, -9)


def test_a_run_whose_supervisor_was_killed_is_still_saved(launcher, run):
    handle = launcher.launch(run, resume=False, secrets={})
    seen(run)
    os.kill(Job.of(handle).supervisor_pid, signal.SIGKILL)
    wait_until((run.folder / "saving").exists)

    launcher.stop(handle, save=True)

    assert launcher.state(handle) == JobState(JobPhase.GONE)
    assert (run.folder / "saved").exists()


def test_a_stubborn_run_without_supervisor_goes_by_force(launcher, run):
    behave(run, ignore_signals=True)
    handle = launcher.launch(run, resume=False, secrets={})
    child = psutil.Process(seen(run)["pid"])
    os.kill(Job.of(handle).supervisor_pid, signal.SIGKILL)
    assert launcher.state(handle).phase is JobPhase.RUNNING

    launcher.stop(handle, save=False)

    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert launcher.state(handle) == JobState(JobPhase.GONE)


def test_a_run_that_has_not_written_down_its_ids_yet_is_found(launcher, run):
    handle = launcher.launch(run, resume=False, secrets={})
    job_file = run.folder / JOB_FILE
    job_file.rename(run.folder / "later")
    found: list[object] = []
    finder = threading.Thread(target=lambda: found.append(launcher.find(run)))

    finder.start()
    (run.folder / "later").rename(job_file)
    finder.join()

    assert found == [handle]
    launcher.stop(handle, save=False)


def test_a_trainer_that_fails_at_once_has_its_exit_code(launcher, run, trainer_dir):
    (trainer_dir / "train.py").unlink()

    handle = launcher.launch(run, resume=False, secrets={})

    assert ended_state(launcher, handle) == JobState(JobPhase.EXITED, 2)
    assert "No such file" in run.log_path.read_text()


def test_a_supervisor_that_cannot_start_is_explained_in_its_own_words(launcher, run, trainer_dir):
    (trainer_dir / "supervisor.py").unlink()
    (run.folder / SUPERVISOR_LOG).write_text("words of an earlier attempt\n")

    with pytest.raises(TargetError, match="No such file") as caught:
        launcher.launch(run, resume=False, secrets={})

    assert SUPERVISOR_LOG in caught.value.hint
    assert "earlier" in (run.folder / SUPERVISOR_LOG).read_text()


def test_a_python_that_does_not_exist_is_explained(run, trainer_dir):
    launcher = ProcessLauncher(trainer_dir, "/no/such/python")

    with pytest.raises(TargetError, match="could not be started"):
        launcher.launch(run, resume=False, secrets={})


def test_a_run_folder_that_vanished_is_explained(launcher, run):
    run.folder.rmdir()

    with pytest.raises(TargetError, match="config could not be written"):
        launcher.launch(run, resume=False, secrets={})


def test_a_supervisor_that_says_nothing_in_time_is_ended(run, trainer_dir):
    (trainer_dir / "supervisor.py").write_text("import signal; signal.pause()")
    launcher = ProcessLauncher(trainer_dir, start_patience_seconds=0.5)

    with pytest.raises(TargetError, match="could not be started"):
        launcher.launch(run, resume=False, secrets={})

    left = [p for p in psutil.process_iter() if str(run.folder) in command(p)]
    assert left == []


@pytest.mark.parametrize(("own", "named"), [(None, "shared"), ("my-own", "my-own")])
def test_a_job_is_told_where_runs_share_rows_and_measurements_unless_the_user_says_it(
    run, trainer_dir, monkeypatch, own, named
):
    monkeypatch.delenv(ROWS_CACHE_VARIABLE, raising=False)
    monkeypatch.delenv(MEMORY_HISTORY_VARIABLE, raising=False)
    if own:
        monkeypatch.setenv(ROWS_CACHE_VARIABLE, own)
    launcher = ProcessLauncher(
        trainer_dir,
        leave_patience_seconds=1,
        rows_cache=Path("shared"),
        memory_history=Path("memory.jsonl"),
    )

    handle = launcher.launch(run, resume=False, secrets={})
    seen(run)
    environment = psutil.Process(Job.of(handle).child_pid).environ()
    launcher.stop(handle, save=False)

    assert environment[ROWS_CACHE_VARIABLE] == named
    assert environment[MEMORY_HISTORY_VARIABLE] == "memory.jsonl"


def command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_missing_packages_are_a_problem_with_the_way_to_get_them(launcher, monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)

    [problem] = launcher.problems(DockerOptions())

    assert 'pip install "tunewright[local]"' in problem


def test_looking_for_problems_and_launchers_loads_nothing_heavy():
    script = """
import json, sys
from pathlib import Path
from app.adapters.docker_launcher import DockerLauncher
from app.adapters.process_launcher import ProcessLauncher
from app.domain.runs import DockerOptions
DockerLauncher(Path("data"))
ProcessLauncher(Path("trainer")).problems(DockerOptions())
heavy = ("torch", "transformers", "docker", "requests", "pynvml")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == []


def test_gpus_are_found_exactly_where_there_is_a_driver():
    has_driver = Path("/proc/driver/nvidia/version").exists()

    assert bool(nvidia_gpus()) is has_driver
    assert len(describe_gpus()) == len(nvidia_gpus())


def test_a_run_made_longer_is_resumed_with_that_word(launcher, run):
    handle = launcher.launch(replace(run, attempt=2), resume=True, extend=True, secrets={})

    job = read_job(run.folder)
    assert job
    assert psutil.Process(job.child_pid).cmdline()[-2:] == ["--resume", "--extend"]
    launcher.stop(handle, save=False)


@pytest.mark.parametrize(
    ("said", "handed_over"),
    [(None, (-1, None)), ("1", (None, ["1"])), ("GPU-8a7f, 3", (None, ["GPU-8a7f", "3"]))],
)
def test_a_container_for_no_card_in_particular_gets_only_those_the_person_chose(
    monkeypatch, said, handed_over
):
    if said is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)

    [asked] = docker_engine.gpus(None)

    assert (asked.get("Count") or None, asked.get("DeviceIDs") or None) == handed_over


@pytest.mark.parametrize("said", ["", "-1"])
def test_a_container_gets_no_card_where_the_person_chose_none(monkeypatch, said):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)

    assert docker_engine.gpus(None) == []


@pytest.mark.parametrize(
    ("said", "number", "told"),
    [(None, 1, "1"), ("2,3", 1, "3"), ("GPU-8a7f, GPU-11", 0, "GPU-8a7f"), ("3,-1,2", 1, "1")],
    ids=["nothing", "numbers", "UUIDs", "what follows none"],
)
def test_a_card_is_told_as_the_persons_own_choice_of_cards_counts_it(monkeypatch, said, number, told):
    if said is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)

    environment = process_launcher.job_environment({}, {}, offline=False, gpu=number)

    assert environment["CUDA_VISIBLE_DEVICES"] == told
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert docker_engine.gpus(number)[0]["DeviceIDs"] == [told]
    assert (
        process_launcher.job_environment({}, {}, offline=False, gpu=None).get("CUDA_VISIBLE_DEVICES") == said
    )
