"""The inference engine of this computer: a second process that alone loads torch.

It is started by the first prompt and stays, with its model in memory, until another model is asked for,
nobody has asked for a while, or `unload`. One answer at a time. Its death at any moment is one sentence
now and a fresh process at the next prompt.
"""

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.adapters.child_process import ProcessEndedError
from app.adapters.worker_process import WorkerProcess
from app.domain.chat import EngineStatus, Sampling, Voice
from app.domain.errors import EngineError
from app.domain.runs import Run
from app.worker.protocol import Cancel, Done, Error, Generate, Load, Loading, Ready, Token
from trainer_image import network

IDLE_MINUTES = 10.0
CANCEL_SECONDS = 5.0
"""After a cancel the process has this long to say that it stopped; then it is killed."""


class _StoppedError(Exception):
    """Somebody pressed Stop before the process was asked."""


@dataclass(frozen=True)
class _Wanted:
    """What has to be in memory for an answer."""

    load: Load
    newest_file: int
    """Nanoseconds; a run that was trained further is another model."""
    offline: bool


@dataclass
class _Answer:
    """The one generation under way."""

    id: int
    stopped: bool = False


class WorkerEngine:
    """Implements `InferenceEngine`. Every method may be called from any thread."""

    def __init__(
        self,
        python: str = sys.executable,
        *,
        log_dir: Path,
        secrets: Callable[[], str | None] | None = None,
        idle_minutes: float = IDLE_MINUTES,
    ) -> None:
        """Start nothing yet. `secrets` gives the Hugging Face token, asked at each start of the process."""
        self._python = python
        self._log_dir = log_dir
        self._secrets = secrets
        self._idle_minutes = idle_minutes
        self._ids = itertools.count(1)
        self._turn = threading.Lock()  # held by the generation under way
        self._state = threading.Lock()  # guards what follows; nobody waits for anything while holding it
        self._status = EngineStatus()
        self._answer: _Answer | None = None
        self._process: WorkerProcess | None = None
        self._loaded: _Wanted | None = None
        self._idle_timer: threading.Timer | None = None

    @property
    def pid(self) -> int | None:
        """The process's id, while there is one."""
        process = self._process
        return process.pid if process else None

    def status(self) -> EngineStatus:
        """What the process is doing now; never waits."""
        status, process = self._status, self._process
        if status.state == "ready" and process is not None and process.has_ended:
            return EngineStatus("error", str(process.why_it_ended()))
        return status

    def generate(self, run: Run, voice: Voice, prompt: str, sampling: Sampling) -> Iterator[str]:
        """Load what is needed (once), then yield the answer in pieces; see `InferenceEngine`."""
        if not self._turn.acquire(blocking=False):
            raise EngineError("Another answer is being generated.", "Wait for it to end, or press Stop.")
        answer = _Answer(next(self._ids))
        try:
            self._begin(answer)
            yield from self._pieces(answer, run, voice, prompt, sampling)
        except EngineError as error:
            self._status = EngineStatus("error", str(error))
            raise
        finally:
            self._finish()
            self._turn.release()

    def stop(self) -> None:
        """Stop the generation under way, if any. A model still being loaded is let go of."""
        with self._state:
            answer, process, state = self._answer, self._process, self._status.state
            if answer is None or answer.stopped:
                return
            answer.stopped = True
        if process is not None and state == "loading":
            process.kill()
        elif process is not None and state == "generating":
            self._cancel(process, answer)

    def unload(self) -> None:
        """End the process, and with it a generation under way. Its memory is free when this returns."""
        self._unload(only_if_idle=False)

    def _unload(self, *, only_if_idle: bool) -> None:
        with self._state:
            if self._answer is not None:
                if only_if_idle:
                    return
                self._answer.stopped = True
            process, self._process, self._loaded = self._process, None, None
            self._status = EngineStatus()
        if process is not None:
            process.end()

    def _begin(self, answer: _Answer) -> None:
        with self._state:
            self._answer = answer
            self._status = EngineStatus("ready" if self._loaded else "idle")
            if self._idle_timer is not None:
                self._idle_timer.cancel()

    def _finish(self) -> None:
        """Leave a process that is ready or none, and unload it when nobody asks for a while."""
        if self._status.state in ("loading", "generating"):  # interrupted, in the middle of a reply perhaps
            self._forget_process()
            self._status = EngineStatus()
        with self._state:
            self._answer = None
            if self._process is None:
                return
            self._idle_timer = threading.Timer(
                self._idle_minutes * 60, self._unload, kwargs={"only_if_idle": True}
            )
            self._idle_timer.daemon = True  # never keeps the app alive
            self._idle_timer.start()

    def _pieces(
        self, answer: _Answer, run: Run, voice: Voice, prompt: str, sampling: Sampling
    ) -> Iterator[str]:
        """Load and generate. A process that dies meanwhile is an EngineError, unless it was stopped."""
        wanted = _wanted(run, voice)
        try:
            process = self._start(wanted, answer)
            self._ensure_loaded(process, wanted, answer)
            yield from self._answer_pieces(process, answer, voice, prompt, sampling)
        except _StoppedError:
            self._status = EngineStatus("ready" if self._loaded else "idle")
        except ProcessEndedError as error:
            ended = self._forget_process()
            if not answer.stopped:
                raise ended.why_it_ended() if ended else EngineError("The model process ended.") from error
            self._status = EngineStatus()
        else:
            self._status = EngineStatus("ready")

    def _start(self, wanted: _Wanted, answer: _Answer) -> WorkerProcess:
        """The running process, or a new one where it has died or may not reach the network any more."""
        process = self._process
        if process is not None and not process.has_ended and process.offline == wanted.offline:
            return process
        self._forget_process()
        token = self._secrets() if self._secrets and not wanted.offline else None
        process = WorkerProcess(self._python, self._log_dir, offline=wanted.offline, token=token)
        with self._state:
            self._process = process
            stopped = answer.stopped
        if stopped:
            raise ProcessEndedError
        return process

    def _ensure_loaded(self, process: WorkerProcess, wanted: _Wanted, answer: _Answer) -> None:
        if self._loaded == wanted:
            return
        self._become("loading", "Loading the model…", answer)
        self._loaded = None
        process.send(wanted.load)
        while True:
            match process.receive():
                case Loading(message=message):
                    self._status = EngineStatus("loading", message)
                case Ready():
                    self._loaded = wanted
                    return
                case Error() as error:
                    raise self._failure(error)
                case other:
                    raise AssertionError(f"{other.kind} while loading")

    def _answer_pieces(
        self, process: WorkerProcess, answer: _Answer, voice: Voice, prompt: str, sampling: Sampling
    ) -> Iterator[str]:
        self._become("generating", "", answer)
        text = prompt.encode("utf-8", "replace").decode()  # half a surrogate pair cannot travel
        messages = [{"role": "user", "content": text}]
        process.send(Generate(id=answer.id, messages=messages, sampling=sampling, voice=voice))
        while True:
            match process.receive():
                case Token(text=piece):
                    if answer.stopped:
                        continue
                    try:
                        yield piece
                    except GeneratorExit:
                        self._abandon(process, answer)
                        raise
                case Done():
                    return
                case Error() as error:
                    raise self._failure(error)
                case other:
                    raise AssertionError(f"{other.kind} while generating")

    def _failure(self, error: Error) -> EngineError:
        """The error to raise; a process in an unknown state is ended first."""
        if error.fatal:
            self._forget_process()
        return EngineError(error.message, error.hint)

    def _abandon(self, process: WorkerProcess, answer: _Answer) -> None:
        """Cancel a generation nobody reads any more, and hear it out, so that the process stays usable."""
        already, answer.stopped = answer.stopped, True
        try:
            if not already:
                self._cancel(process, answer)
            while not isinstance(process.receive(), Done | Error):
                pass
        except ProcessEndedError:
            return  # `_finish` sees that it did not become ready
        self._status = EngineStatus("ready")

    def _cancel(self, process: WorkerProcess, answer: _Answer) -> None:
        def kill_if_deaf() -> None:
            if self._answer is answer:
                process.kill()

        try:
            process.send(Cancel(id=answer.id))
        except ProcessEndedError:
            return  # whoever receives from it learns that, too
        timer = threading.Timer(CANCEL_SECONDS, kill_if_deaf)
        timer.daemon = True
        timer.start()

    def _become(self, state: Literal["loading", "generating"], message: str, answer: _Answer) -> None:
        """Enter a state in which `stop` knows what to do; a stop that came before it takes effect here."""
        with self._state:
            if answer.stopped:
                raise _StoppedError
            self._status = EngineStatus(state, message)

    def _forget_process(self) -> WorkerProcess | None:
        """Make sure the process is gone; returns it for its reason."""
        with self._state:
            process, self._process, self._loaded = self._process, None, None
        if process is not None:
            process.end()
        return process


def _wanted(run: Run, voice: Voice) -> _Wanted:
    """What must be in memory for this voice of this run. Raises EngineError if its files are not there."""
    folder = run.output_dir
    if folder is None:
        raise EngineError("This run has no model yet.", "Wait until it has finished.")
    files = [file for file in folder.glob("*") if file.is_file()]
    if not files:
        raise EngineError(f"The run's output folder {folder} is missing.", "Choose another run.")
    kind = run.output_kind or ("adapter" if (folder / "adapter_config.json").exists() else "weights")
    if kind == "adapter":  # one thing in memory for both voices
        load = Load(base_model=_base_model(run), adapter=str(folder))
    elif voice == "base":
        load = Load(base_model=_base_model(run), weights=str(folder), voice="base")
    else:
        load = Load(base_model=run.config.base_model, weights=str(folder))
    is_offline = run.config.offline or bool(network.reason())
    return _Wanted(load, max(file.stat().st_mtime_ns for file in files), is_offline)


def _base_model(run: Run) -> str:
    """The base model's folder or Hub name; relative folders start at the run folder, then at the current one.

    A folder that is gone must not be looked up on the Hub. Raises EngineError.
    """
    name = run.config.base_model
    asked = Path(name).expanduser()
    folder = next((folder for folder in (run.folder / asked, asked) if folder.is_dir()), None)
    if folder is not None:
        return str(folder.resolve())
    if asked.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or "\\" in name:
        raise EngineError(
            f"The base model's folder {name} is missing.",
            "Put it back where it was when the run was started.",
        )
    return name
