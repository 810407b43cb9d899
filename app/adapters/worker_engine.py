"""The inference engine of this computer: a second process that alone loads torch.

It is started by the first prompt and stays, with its model in memory, until another model is asked for,
nobody has asked for a while, or `unload`. One answer at a time (`worker_turns`). Its death at any moment is
one sentence now and a fresh process at the next prompt; a process that was dead already when it was asked is
replaced without a word, once.
"""

import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from app.adapters.child_process import ProcessEndedError
from app.adapters.models_in_memory import ModelsInMemory
from app.adapters.worker_memory import HeldModel
from app.adapters.worker_process import WorkerProcess
from app.adapters.worker_replies import Told, cancel, pieces, readiness, rendering
from app.adapters.worker_requests import load_request, sendable, whole
from app.adapters.worker_turns import Answer, Turns
from app.domain.chat import EngineStatus, IsWanted, Sampling, always
from app.domain.errors import BusyError, EngineError
from app.domain.sessions import Message
from app.domain.talkers import LoadableModel
from app.worker.protocol import Done, Error, Generate, Render, Rendered

log = logging.getLogger(__name__)

IDLE_MINUTES = 10.0
_BUSY = ("Another answer is being generated.", "Wait for it to end, or press Stop.")
_LOADING = ("A model is being loaded.", "Ask again once it is in memory.")
GAVE_WAY = (
    "A run or an export needed the memory, so the model was let go of; it is loaded again with the next "
    "question."
)


class _StoppedError(Exception):
    """Somebody pressed Stop before the process was asked."""


_Work = Callable[[WorkerProcess, Answer], Iterator[str]]


class WorkerEngine:
    """Implements `InferenceEngine`. Every method may be called from any thread."""

    def __init__(
        self,
        python: str = sys.executable,
        *,
        log_dir: Path,
        secrets: Callable[[], str | None] | None = None,
        idle_minutes: Callable[[], float] = lambda: IDLE_MINUTES,
        in_memory: ModelsInMemory | None = None,
    ) -> None:
        """Start nothing yet. `secrets` gives the Hugging Face token, asked at each start of the process.

        `idle_minutes` is asked after each answer; 0 keeps the model until something else wants its place.
        By `in_memory` other processes may ask for that.
        """
        self._python = python
        self._log_dir = log_dir
        self._secrets = secrets
        self._idle_minutes = idle_minutes
        self._in_memory = in_memory
        self._ids = itertools.count(1)
        self._turn = Turns()
        self._state = threading.Lock()  # guards what follows; nobody waits for anything while holding it
        self._status = EngineStatus()
        self._answer: Answer | None = None
        self._last: Answer | None = None
        self._process: WorkerProcess | None = None
        self._held = HeldModel()
        self._idle_timer: threading.Timer | None = None

    @property
    def pid(self) -> int | None:
        """The process's id, while there is one."""
        process = self._process
        return process.pid if process else None

    @property
    def loads_online(self) -> bool:
        """Whether a model is being loaded by a process that may fetch it."""
        process = self._process
        return self._status.state == "loading" and process is not None and not process.offline

    def status(self) -> EngineStatus:
        """What the process is doing now; never waits."""
        status, process = self._status, self._process
        if status.state == "ready" and process is not None and process.has_ended:
            return EngineStatus("error", str(process.why_it_ended()))
        return replace(status, loaded=self._held.facts)

    def holds(self, model: LoadableModel) -> bool:
        """See `InferenceEngine`."""
        process = self._process
        return process is not None and not process.has_ended and self._held.has_base_of(model)

    def is_loaded(self, model: LoadableModel) -> bool:
        """See `InferenceEngine`."""
        return self.holds(model) and self._held.speaks_as(replace(model, voice="tuned"))

    def load(self, model: LoadableModel) -> None:
        """Have it in memory; see `InferenceEngine`."""
        for _ in self._turns(model, lambda process, answer: iter(()), only_loads=True):
            pass

    def generate(
        self,
        model: LoadableModel,
        messages: Sequence[Message],
        sampling: Sampling,
        told: Told = None,
        asker: str = "",
        is_wanted: IsWanted = always,
    ) -> Iterator[str]:
        """Load what is needed (once), then yield the answer in pieces; see `InferenceEngine`."""

        def work(process: WorkerProcess, answer: Answer) -> Iterator[str]:
            speakable = replace(sampling, stop=tuple(map(whole, sampling.stop)))
            request = Generate(
                id=answer.id, messages=sendable(messages), sampling=speakable, voice=model.voice
            )
            return self._answer_pieces(process, answer, request, told)

        return self._turns(model, work, asker, is_wanted)

    def render(self, model: LoadableModel, messages: Sequence[Message]) -> tuple[str, Sequence[int]]:
        """What it reads for these messages; see `InferenceEngine`."""
        found: list[Rendered] = []

        def ask(process: WorkerProcess, answer: Answer) -> Iterator[str]:
            process.send(Render(id=answer.id, messages=sendable(messages)))
            found.append(rendering(process, answer, self._forget_process))
            return iter(())

        for _ in self._turns(model, ask):
            pass
        if not found:
            raise EngineError("The model process was stopped.", "Ask again.")
        return found[0].text, found[0].ids

    def count_tokens(self, model: LoadableModel, messages: Sequence[Message]) -> int | None:
        """See `InferenceEngine`. Takes milliseconds, for which a question waits."""
        with self._turn.briefly() as is_free:
            process = self._process
            if not is_free or process is None or process.has_ended:
                return None
            if not self._held.speaks_as(replace(model, voice="tuned")):
                return None
            try:
                process.send(Render(id=next(self._ids), messages=sendable(messages)))
                reply = process.receive()
            except ProcessEndedError:
                return None
            return len(reply.ids) if isinstance(reply, Rendered) else None

    def _turns(
        self,
        model: LoadableModel,
        work: _Work,
        asker: str = "",
        is_wanted: IsWanted = always,
        *,
        only_loads: bool = False,
    ) -> Iterator[str]:
        """Do `work` with the model in memory, alone."""
        answer = Answer(next(self._ids), asker, is_wanted, only_loads)
        if not self._turn.take(answer, self._refusal):
            return
        try:
            self._begin(answer)
            yield from self._pieces(answer, model, work)
        except EngineError as error:
            self._status = EngineStatus("error", str(error))
            raise
        finally:
            self._finish()
            self._turn.give_back()

    def stop(self, asker: str = "") -> None:
        """See `InferenceEngine`. A model still being loaded is let go of, but not where a question waits."""
        if self._turn.stop_waiting(asker):
            return
        with self._state:
            answer, process, state = self._answer, self._process, self._status.state
            if answer is None or answer.stopped or answer.asker != asker:
                return
            answer.stopped = True
        if process is not None and state == "loading":
            process.kill()
        elif process is not None and state == "generating":
            cancel(process, answer, lambda: self._answer is answer)

    def unload(self) -> None:
        """End the process, and with it a generation under way. Its memory is free when this returns."""
        self._unload()

    def _unload(self, after: Answer | None = None, why: str = "") -> None:
        """Only if nothing came `after` that one and is under way or done, where one is given."""
        with self._state:
            if after is not None and (self._answer is not None or self._last is not after):
                return
            if self._answer is not None:
                self._answer.stopped = True
            process, self._process = self._process, None
            self._held.forget()
            self._status = EngineStatus(message=why)
        self._turn.stop_waiting()
        if process is not None:
            process.end()

    def _refusal(self) -> BusyError:
        return BusyError(*(_LOADING if self._status.state == "loading" else _BUSY))

    def _give_way(self, process: WorkerProcess) -> None:
        if self._process is process:
            self._unload(why=GAVE_WAY)

    def _begin(self, answer: Answer) -> None:
        with self._state:
            self._answer = answer
            answer.heed()  # from now on `stop` finds it
            self._status = EngineStatus("ready" if self._held.is_there else "idle")

    def _finish(self) -> None:
        """Leave a process that is ready or none, and unload it when nobody asks for a while."""
        if self._status.state in ("loading", "generating"):  # interrupted, in the middle of a reply perhaps
            self._forget_process()
            self._status = EngineStatus()
        minutes = self._idle_minutes()
        with self._state:
            self._answer, self._last = None, self._answer
            if self._idle_timer is not None:
                self._idle_timer.cancel()  # not before the answer: waking its thread would delay that
            if self._process is None or minutes <= 0:
                return
            self._idle_timer = threading.Timer(minutes * 60, self._unload, [self._last])
            self._idle_timer.daemon = True  # never keeps the app alive
            self._idle_timer.start()

    def _pieces(self, answer: Answer, model: LoadableModel, work: _Work) -> Iterator[str]:
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
            self._status = EngineStatus("ready" if self._held.is_there else "idle")
        except ProcessEndedError as error:
            ended = self._forget_process()
            if not answer.stopped:
                raise ended.why_it_ended() if ended else EngineError("The model process ended.") from error
            if self._status.state != "idle":  # who unloaded it said why
                self._status = EngineStatus()
        else:
            self._status = EngineStatus("ready")

    def _attempt(self, answer: Answer, model: LoadableModel, work: _Work) -> Iterator[str]:
        if answer.stopped:
            raise _StoppedError
        process = self._start(model, answer)
        self._ensure_loaded(process, replace(model, voice="tuned"), answer)
        yield from work(process, answer)

    def _start(self, model: LoadableModel, answer: Answer) -> WorkerProcess:
        """The running process, or a new one where it has died or may not reach the network any more."""
        process = self._process
        if process is not None and not process.has_ended and process.offline == model.offline:
            return process
        self._forget_process()
        answer.has_own_process = True
        token = self._secrets() if self._secrets and not model.offline else None
        process = WorkerProcess(self._python, self._log_dir, offline=model.offline, token=token)
        if self._in_memory is not None:
            self._in_memory.add(
                process.pid, has_ended=lambda: process.has_ended, let_go=partial(self._give_way, process)
            )
        with self._state:
            self._process = process
            stopped = answer.stopped
        if stopped:
            raise ProcessEndedError
        return process

    def _ensure_loaded(self, process: WorkerProcess, model: LoadableModel, answer: Answer) -> None:
        if self._held.speaks_as(model):
            return
        self._become("loading", "Loading the model…", answer)
        self._held.forget()
        process.send(load_request(model))
        self._held.became(model, readiness(process, answer, self._loading, self._forget_process))

    def _loading(self, message: str) -> None:
        self._status = EngineStatus("loading", message)

    def _answer_pieces(
        self, process: WorkerProcess, answer: Answer, request: Generate, told: Told
    ) -> Iterator[str]:
        self._become("generating", "", answer)
        process.send(request)
        yield from pieces(
            process, answer, told, partial(self._abandon, process, answer), self._forget_process
        )

    def _abandon(self, process: WorkerProcess, answer: Answer) -> None:
        """Cancel a generation nobody reads any more, and hear it out, so that the process stays usable."""
        already, answer.stopped = answer.stopped, True
        try:
            if not already:
                cancel(process, answer, lambda: self._answer is answer)
            while not isinstance(process.receive(), Done | Error):
                pass
        except ProcessEndedError:
            return  # `_finish` sees that it did not become ready
        self._status = EngineStatus("ready")

    def _become(self, state: Literal["loading", "generating"], message: str, answer: Answer) -> None:
        """Enter a state in which `stop` knows what to do; a stop that came before it takes effect here."""
        with self._state:
            if answer.stopped:
                raise _StoppedError
            self._status = EngineStatus(state, message)

    def _forget_process(self) -> WorkerProcess | None:
        """Make sure the process is gone; returns it for its reason."""
        with self._state:
            process, self._process = self._process, None
            self._held.forget()
        if process is not None:
            process.end()
        return process
