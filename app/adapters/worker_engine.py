"""The inference engine of this computer: a second process that alone loads torch.

It is started by the first prompt and stays, with its model in memory, until another model is asked for,
nobody has asked for a while, or `unload`. One answer at a time. Its death at any moment is one sentence
now and a fresh process at the next prompt; a process that was dead already when it was asked is replaced
without a word, once.
"""

import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from app.adapters.child_process import ProcessEndedError
from app.adapters.worker_process import WorkerProcess
from app.domain.chat import AnswerFacts, EngineStatus, LoadedFacts, Sampling
from app.domain.errors import BusyError, EngineError
from app.domain.sessions import Message
from app.domain.talkers import LoadableModel
from app.worker.protocol import (
    Cancel,
    Done,
    Error,
    Generate,
    Load,
    Loading,
    Ready,
    Render,
    Rendered,
    Reply,
    Token,
)

log = logging.getLogger(__name__)

IDLE_MINUTES = 10.0
CANCEL_SECONDS = 5.0
"""After a cancel the process has this long to say that it stopped; then it is killed."""
_BUSY = "Another answer is being generated."

Told = Callable[[AnswerFacts], None] | None


class _StoppedError(Exception):
    """Somebody pressed Stop before the process was asked."""


@dataclass
class _Answer:
    """The one generation under way."""

    id: int
    stopped: bool = False
    was_heard: bool = False
    """Whether the process has said anything since it was asked."""
    has_own_process: bool = False
    """Whether the process was started for it."""

    def receive_from(self, process: WorkerProcess) -> Reply:
        """The next reply, waiting for it. Raises ProcessEndedError."""
        reply = process.receive()
        self.was_heard = True
        return reply

    @property
    def may_begin_again(self) -> bool:
        """Whether the process that ended may have been dead when it was asked: one that is being killed is
        taken for living for some milliseconds. Never true a second time."""
        return not (self.stopped or self.was_heard or self.has_own_process)


_Work = Callable[[WorkerProcess, _Answer], Iterator[str]]


class WorkerEngine:
    """Implements `InferenceEngine`. Every method may be called from any thread."""

    def __init__(
        self,
        python: str = sys.executable,
        *,
        log_dir: Path,
        secrets: Callable[[], str | None] | None = None,
        idle_minutes: Callable[[], float] = lambda: IDLE_MINUTES,
    ) -> None:
        """Start nothing yet. `secrets` gives the Hugging Face token, asked at each start of the process.

        `idle_minutes` is asked after each answer; 0 keeps the model until something else wants its place.
        """
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
        self._loaded: LoadableModel | None = None
        self._facts: LoadedFacts | None = None
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
        return replace(status, loaded=self._facts if self._loaded else None)

    def load(self, model: LoadableModel) -> None:
        """Have it in memory; see `InferenceEngine`."""
        for _ in self._turns(model, lambda process, answer: iter(())):
            pass

    def generate(
        self, model: LoadableModel, messages: Sequence[Message], sampling: Sampling, told: Told = None
    ) -> Iterator[str]:
        """Load what is needed (once), then yield the answer in pieces; see `InferenceEngine`."""

        def pieces(process: WorkerProcess, answer: _Answer) -> Iterator[str]:
            speakable = replace(sampling, stop=tuple(map(_whole, sampling.stop)))
            request = Generate(
                id=answer.id, messages=_sendable(messages), sampling=speakable, voice=model.voice
            )
            return self._answer_pieces(process, answer, request, told)

        return self._turns(model, pieces)

    def render(self, model: LoadableModel, messages: Sequence[Message]) -> tuple[str, Sequence[int]]:
        """What it reads for these messages; see `InferenceEngine`."""
        found: list[Rendered] = []

        def ask(process: WorkerProcess, answer: _Answer) -> Iterator[str]:
            process.send(Render(id=answer.id, messages=_sendable(messages)))
            match answer.receive_from(process):
                case Rendered() as rendered:
                    found.append(rendered)
                case Error() as error:
                    raise self._failure(error)
                case other:
                    raise AssertionError(f"{other.kind} while rendering")
            return iter(())

        for _ in self._turns(model, ask):
            pass
        if not found:
            raise EngineError("The model process was stopped.", "Ask again.")
        return found[0].text, found[0].ids

    def _turns(self, model: LoadableModel, work: _Work) -> Iterator[str]:
        """Do `work` with the model in memory, alone."""
        if not self._turn.acquire(blocking=False):
            raise BusyError(_BUSY, "Wait for it to end, or press Stop.")
        answer = _Answer(next(self._ids))
        try:
            self._begin(answer)
            yield from self._pieces(answer, model, work)
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
        minutes = self._idle_minutes()
        with self._state:
            self._answer = None
            if self._process is None or minutes <= 0:
                return
            self._idle_timer = threading.Timer(minutes * 60, self._unload, kwargs={"only_if_idle": True})
            self._idle_timer.daemon = True  # never keeps the app alive
            self._idle_timer.start()

    def _pieces(self, answer: _Answer, model: LoadableModel, work: _Work) -> Iterator[str]:
        """Load and work. A process that dies meanwhile is an EngineError, unless it was stopped."""
        try:
            try:
                yield from self._attempt(answer, model, work)
            except ProcessEndedError:
                if not answer.may_begin_again:
                    raise
                log.info("the model process had ended when it was asked; starting another one")
                self._forget_process()
                yield from self._attempt(answer, model, work)
        except _StoppedError:
            self._status = EngineStatus("ready" if self._loaded else "idle")
        except ProcessEndedError as error:
            ended = self._forget_process()
            if not answer.stopped:
                raise ended.why_it_ended() if ended else EngineError("The model process ended.") from error
            self._status = EngineStatus()
        else:
            self._status = EngineStatus("ready")

    def _attempt(self, answer: _Answer, model: LoadableModel, work: _Work) -> Iterator[str]:
        process = self._start(model, answer)
        self._ensure_loaded(process, replace(model, voice="tuned"), answer)
        yield from work(process, answer)

    def _start(self, model: LoadableModel, answer: _Answer) -> WorkerProcess:
        """The running process, or a new one where it has died or may not reach the network any more."""
        process = self._process
        if process is not None and not process.has_ended and process.offline == model.offline:
            return process
        self._forget_process()
        answer.has_own_process = True
        token = self._secrets() if self._secrets and not model.offline else None
        process = WorkerProcess(self._python, self._log_dir, offline=model.offline, token=token)
        with self._state:
            self._process = process
            stopped = answer.stopped
        if stopped:
            raise ProcessEndedError
        return process

    def _ensure_loaded(self, process: WorkerProcess, model: LoadableModel, answer: _Answer) -> None:
        if self._loaded == model:
            return
        self._become("loading", "Loading the model…", answer)
        self._loaded = None
        process.send(_request(model))
        while True:
            match answer.receive_from(process):
                case Loading(message=message):
                    self._status = EngineStatus("loading", message)
                case Ready() as ready:
                    self._facts = LoadedFacts(
                        model.label, ready.device, ready.seconds, ready.memory_bytes, ready.adapter_effect
                    )
                    self._loaded = model
                    return
                case Error() as error:
                    raise self._failure(error)
                case other:
                    raise AssertionError(f"{other.kind} while loading")

    def _answer_pieces(
        self, process: WorkerProcess, answer: _Answer, request: Generate, told: Told
    ) -> Iterator[str]:
        self._become("generating", "", answer)
        process.send(request)
        while True:
            match answer.receive_from(process):
                case Token(text=piece):
                    if answer.stopped:
                        continue
                    try:
                        yield piece
                    except GeneratorExit:
                        self._abandon(process, answer)
                        raise
                case Done() as done:
                    if told is not None:
                        told(AnswerFacts(done.prompt_tokens, done.tokens, done.seconds, done.finish_reason))
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


def _request(model: LoadableModel) -> Load:
    return Load(
        base_model=model.base_model,
        words=model.words,
        adapter=model.adapter,
        base_stamp=model.base_stamp,
        adapter_stamp=model.adapter_stamp,
        precision=model.placing.precision,
        device=model.placing.device,
    )


def _sendable(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Role and text of each."""
    return [{"role": str(m["role"]), "content": _whole(str(m["content"]))} for m in messages]


def _whole(text: str) -> str:
    """Half a surrogate pair cannot travel."""
    return text.encode("utf-8", "replace").decode()
