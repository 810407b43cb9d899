"""Runs as processes on this computer, without Docker.

A supervisor in a session of its own stays with each run, so that the run goes on when the app ends.
"""

import importlib.util
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from app.adapters import job_processes
from app.adapters.gpu import cuda_name
from app.adapters.run_files import Job, read_exit_code, read_job, resume_options, write_config
from app.domain.errors import TargetError, is_passing
from app.domain.runs import DockerOptions, JobHandle, JobPhase, JobState, Run
from trainer_image import network
from trainer_image.config import MEMORY_HISTORY_VARIABLE, ROWS_CACHE_VARIABLE

log = logging.getLogger(__name__)

SUPERVISOR_LOG: Final = "supervisor.log"
_NEEDED: Final = ("torch", "transformers", "trl", "peft")
_SECRET: Final = re.compile(r"(^|_)(TOKENS?|KEYS?|SECRETS?|PASSWORD|PASSWD|CREDENTIALS?)(_|$)", re.IGNORECASE)
_POLL_SECONDS: Final = 0.02


class ProcessLauncher:
    """Starts `train.py` of `trainer_dir` with `python`. Keeps no state: the run folder tells all."""

    def __init__(
        self,
        trainer_dir: Path,
        python: str = sys.executable,
        *,
        rows_cache: Path | None = None,
        memory_history: Path | None = None,
        save_patience_seconds: float = 300,
        leave_patience_seconds: float = 15,
        start_patience_seconds: float = 60,
    ) -> None:
        self._trainer_dir = trainer_dir
        self._python = python
        places = {ROWS_CACHE_VARIABLE: rows_cache, MEMORY_HISTORY_VARIABLE: memory_history}
        self._shared = {name: str(path) for name, path in places.items() if path}
        self._patience = {True: save_patience_seconds, False: leave_patience_seconds}
        self._start_patience = start_patience_seconds

    def problems(self, docker: DockerOptions) -> Sequence[str]:
        problem = missing_packages(self._python)
        return (problem,) if problem else ()

    def launch(
        self,
        run: Run,
        *,
        resume: bool,
        extend: bool = False,
        resume_from: str = "",
        secrets: Mapping[str, str],
    ) -> JobHandle:
        """Start the supervisor and wait until it has started the trainer, a fraction of a second."""
        for problem in self.problems(run.docker):
            raise TargetError(problem, "Install it where Tunewright runs, then start the run again.")
        self._refuse_if_alive(run)
        write_config(run.folder, run.config)
        command = self._command(run, resume_options(resume=resume, extend=extend, resume_from=resume_from))
        try:
            with (run.folder / SUPERVISOR_LOG).open("ab") as errors:
                said_before = errors.tell()
                process = subprocess.Popen(
                    command,
                    cwd=run.folder,
                    env=job_environment(secrets, self._shared, offline=run.config.offline, gpu=run.gpu),
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    **_detached(),
                )
        except OSError as error:
            raise TargetError(
                f"The trainer could not be started: {error.strerror or error}.",
                f"Check that {self._python} exists and that the disk has room.",
                may_pass=is_passing(error),
            ) from error
        threading.Thread(target=process.wait, name=f"reap {process.pid}", daemon=True).start()
        return self._started(run, process, said_before).handle

    def find(self, run: Run) -> JobHandle | None:
        job = read_job(run.folder, run.attempt)
        if job is None and (supervisor := job_processes.find_supervisor(run.folder, run.attempt)):
            _wait(lambda: read_job(run.folder, run.attempt) or not supervisor.is_running(), 10)
            job = read_job(run.folder, run.attempt)
        return job.handle if job else None

    def state(self, handle: JobHandle) -> JobState:
        job = Job.of(handle)
        if _supervisor(job):
            return JobState(JobPhase.RUNNING)
        # Only now: the supervisor writes the exit code as its last act.
        code = read_exit_code(Path(job.folder), job.attempt)
        if code is not None:
            return JobState(JobPhase.EXITED, code)
        return JobState(JobPhase.RUNNING if _child(job) else JobPhase.GONE)

    def stop(self, handle: JobHandle, *, save: bool, passed_on: Callable[[], None] = lambda: None) -> None:
        job = Job.of(handle)
        if not self._is_running(handle):
            return
        tree = job_processes.with_children(filter(None, (_child(job), _supervisor(job))))
        _ask(job, save=save)
        passed_on()
        if not _wait(lambda: not self._is_running(handle), self._patience[save]):
            log.warning("The run in %s did not leave when asked and is ended by force", job.folder)
        self._end_by_force(job, tree)

    def sync_log(self, run: Run, handle: JobHandle) -> None:
        """Nothing to do: the supervisor writes the log."""

    def clean_up(self, handle: JobHandle) -> None:
        """Nothing to do: an ended process leaves nothing."""

    def _command(self, run: Run, options: list[str]) -> list[str]:
        where = ["--run-dir", str(run.folder), "--attempt", str(run.attempt)]
        supervisor = [self._python, str(self._trainer_dir / "supervisor.py"), *where, "--"]
        trainer = [self._python, str(self._trainer_dir / "train.py"), *where]
        return [*supervisor, *trainer, *options]

    def _refuse_if_alive(self, run: Run) -> None:
        job = read_job(run.folder)
        if job and (_supervisor(job) or _child(job)):
            raise TargetError("This run is still going.", "Stop it first.")

    def _started(self, run: Run, process: "subprocess.Popen[bytes]", said_before: int) -> Job:
        """Wait for the supervisor's word that the trainer runs. Raises TargetError; nothing runs then."""
        _wait(lambda: read_job(run.folder, run.attempt) or process.poll() is not None, self._start_patience)
        if job := read_job(run.folder, run.attempt):
            return job
        if process.poll() is None:
            job_processes.kill(
                job_processes.with_children([psutil.Process(process.pid)]), patience_seconds=10
            )
        raise TargetError(
            f"The trainer could not be started: {_last_words(run, said_before)}",
            f"Look into {SUPERVISOR_LOG} in the run's folder {run.folder}.",
        )

    def _is_running(self, handle: JobHandle) -> bool:
        return self.state(handle).phase is JobPhase.RUNNING

    def _end_by_force(self, job: Job, tree: list[psutil.Process]) -> None:
        """End what is left of a job. The supervisor goes last, so that it can note how the trainer ended."""
        child, supervisor = _child(job), _supervisor(job)
        tree += job_processes.with_children(filter(None, (child, supervisor)))
        rest = [process for process in tree if process != supervisor]
        gone = job_processes.kill(rest, patience_seconds=10)
        _wait(lambda: not _supervisor(job), 5)
        gone &= job_processes.kill(filter(None, [_supervisor(job)]), patience_seconds=10)
        if not gone:
            raise TargetError(
                "The run could not be ended, not even by force.",
                "A disk or GPU that does not answer can cause this. Restart the computer.",
            )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def missing_packages(python: str) -> str:
    """What training with this Python lacks, as a sentence; of another one than ours nobody knows."""
    if python == sys.executable and any(not _is_installed(name) for name in _NEEDED):
        return 'Training on this computer needs the extra: pip install "tunewright[local]".'
    return ""


def job_environment(
    secrets: Mapping[str, str], shared: Mapping[str, str], *, offline: bool, gpu: int | None
) -> dict[str, str]:
    """What the job inherits: everything but what looks like a secret, plus the secrets meant for it.

    What runs share, and where, is said too, unless the user's own environment says it. With `gpu`, counted as
    NVML counts those that may be used, it sees that one alone.
    """
    inherited = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    one_gpu = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": cuda_name(gpu)}
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if gpu is not None else {}
    environment = {**shared, **order, **inherited, **one_gpu, **network.NO_TELEMETRY}
    environment |= {"PYTHONUNBUFFERED": "1", **secrets}
    if not offline:
        return environment
    return {**network.without_proxies(environment), **network.OFFLINE_ENVIRONMENT}


def _detached() -> dict[str, Any]:
    """Out of reach of what ends the app: its process group, its terminal, its console."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}


def _supervisor(job: Job) -> psutil.Process | None:
    return job_processes.living(job.supervisor_pid, job.supervisor_started, job.folder)


def _child(job: Job) -> psutil.Process | None:
    return job_processes.living(job.child_pid, job.child_started, job.folder)


def _ask(job: Job, *, save: bool) -> None:
    supervisor = _supervisor(job)
    if supervisor is None and save and sys.platform == "linux":
        return  # the kernel asked the child when the supervisor died; twice means "at once, unsaved"
    process = supervisor or _child(job)
    try:
        if process:
            process.send_signal(signal.SIGTERM if save else signal.SIGINT)
    except (psutil.Error, ValueError):  # ended meanwhile; Windows has no SIGINT for others
        log.debug("Could not signal %s", process)


def _wait(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _last_words(run: Run, said_before: int) -> str:
    """What the supervisor complained about in this attempt, else the end of the log."""
    for path, start in ((run.folder / SUPERVISOR_LOG, said_before), (run.log_path, 0)):
        try:
            lines = path.read_bytes()[start:].decode("utf-8", errors="replace").strip().splitlines()
        except OSError:
            continue
        if lines:
            return lines[-1][:300]
    return "it ended without a word."
