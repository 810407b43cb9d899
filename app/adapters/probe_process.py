"""Measures a run by a `train.py --probe` of its own, which ends with this process at the latest."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import psutil

from app.adapters import job_processes
from app.adapters.process_launcher import job_environment, missing_packages
from app.adapters.run_files import write_config
from app.domain.errors import StudioError
from app.domain.gpus import Gpus, freest
from app.domain.probes import Tell, news_of
from trainer_image.config import EVENTS_FILE, MEMORY_HISTORY_VARIABLE, ROWS_CACHE_VARIABLE, RunConfig
from trainer_image.events import Ended, Event, Problem, parse_event

_LOOK_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 10.0


class ProbeProcess:
    """Implements `Prober`. Several may measure at once, each in a folder of its own."""

    def __init__(
        self,
        trainer: Path,
        python: str = sys.executable,
        *,
        rows_cache: Path,
        memory_history: Path,
        secrets: Callable[[], str | None],
        gpus: Gpus = tuple,
    ) -> None:
        """What is measured goes to `memory_history`, where later estimates find it."""
        self._trainer, self._python = trainer, python
        self._shared = {
            ROWS_CACHE_VARIABLE: str(rows_cache),
            MEMORY_HISTORY_VARIABLE: str(memory_history),
        }
        self._secrets, self._gpus = secrets, gpus

    def problem(self) -> str:
        return missing_packages(self._python)

    def probe(self, config: RunConfig, folder: Path, tell: Tell) -> Sequence[Event]:
        write_config(folder, config)
        with tempfile.TemporaryFile() as log:
            process = self._start(config, folder, log)
            try:
                events = list(_followed(process, folder / EVENTS_FILE, tell))
            finally:
                _end(process)
            if process.returncode:
                raise _failure(events, log)
        return events

    def _start(self, config: RunConfig, folder: Path, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        token = None if config.offline else self._secrets()
        gpus = self._gpus()
        environment = job_environment(
            {"HF_TOKEN": token} if token else {},
            self._shared,
            offline=config.offline,
            gpu=freest(gpus) if len(gpus) > 1 else None,
        )
        words = ["--run-dir", str(folder), "--probe", "--attended"]
        try:
            return subprocess.Popen(
                [self._python, str(self._trainer / "train.py"), *words],
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,  # it closes when this process ends, however it ends
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise StudioError(
                f"The trainer could not be started: {error.strerror or error}.",
                f"Check that {self._python} exists.",
            ) from error


def _followed(process: "subprocess.Popen[bytes]", path: Path, tell: Tell) -> Iterator[Event]:
    """Every event of the file until the process has ended."""
    read, news = 0, "Starting the trainer"
    while True:
        has_ended = process.poll() is not None
        for line in _whole_lines(path, read):
            read += len(line)
            if event := parse_event(line):
                news = news_of(event) or news
                yield event
        if has_ended:
            return
        tell(news)
        try:
            process.wait(_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _whole_lines(path: Path, start: int) -> Sequence[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return [line for line in file if line.endswith(b"\n")]
    except FileNotFoundError:
        return ()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Leave nothing of it running."""
    if process.poll() is None:
        tree = job_processes.with_children([psutil.Process(process.pid)])
        job_processes.kill(tree, patience_seconds=_PATIENCE_SECONDS)
    if process.stdin:
        process.stdin.close()
    process.wait()


def _failure(events: Sequence[Event], log: IO[bytes]) -> StudioError:
    for event in events:
        if isinstance(event, Problem):
            return StudioError(event.message, event.hint)
    if any(isinstance(event, Ended) for event in events):
        return StudioError("Measuring was stopped from outside.", "Measure again.")
    log.seek(0)
    words = log.read().decode("utf-8", errors="replace").strip().splitlines()
    last = words[-1][:300] if words else "it ended without a word; memory may have run out."
    return StudioError(f"Measuring ended before there was anything to tell: {last}", "Start the run instead.")
