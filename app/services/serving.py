"""Let other programs of this computer talk to a model, as they talk to OpenAI's."""

import secrets as dice
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from app.domain.chat import DEFAULT_PRESET, PRESETS, AnswerFacts, Sampling
from app.domain.errors import BusyError
from app.domain.local_api import HOST, ApiServer, Asked, Served
from app.domain.ports import InferenceEngine
from app.domain.talkers import AUTOMATIC, LoadableModel, ModelRef, Placing
from app.services.talkers import TalkerService

_PATIENCE_SECONDS: Final = 120.0
"""For an answer that somebody else is being given."""
_LOOKS_EVERY_SECONDS: Final = 0.05
_ASKER: Final = "local API"
"""Stop in the window is not for its answers."""


class ServingService:
    """Blocking: the UI calls it off the event loop. Off until it is started."""

    def __init__(self, talkers: TalkerService, engine: InferenceEngine, server: ApiServer) -> None:
        self._talkers = talkers
        self._engine = engine
        self._server = server
        self._served: Served | None = None
        self._lock = threading.Lock()

    @property
    def served(self) -> Served | None:
        """Where; None while it is off."""
        return self._served

    def start(
        self,
        ref: ModelRef,
        placing: Placing = AUTOMATIC,
        *,
        sampling: Sampling = PRESETS[DEFAULT_PRESET],
        port: int | None = None,
        token: str = "",
    ) -> Served:
        """Load the model and listen, with a new token unless one is given. Raises StudioError."""
        with self._lock:
            model = self._talkers.resolve(ref, placing)
            self._engine.load(model)
            secret = token or dice.token_urlsafe(24)

            def backend(at: int) -> _Backend:
                served = Served(f"http://{HOST}:{at}/v1", secret, model.label)
                return _Backend(self._engine, model, served, sampling)

            self._served = self._server.start(backend, port).served
            return self._served

    def stop(self) -> None:
        """Listen no longer; the model stays until its place is wanted."""
        with self._lock:
            self._server.stop()
            self._served = None


@dataclass
class _Backend:
    """Answers one request at a time; the others wait."""

    _engine: InferenceEngine
    _model: LoadableModel
    served: Served
    defaults: Sampling
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Asked, told: Callable[[AnswerFacts], None]) -> "_Answer":
        return _Answer(self._engine, self._model, asked, told, self._turn)


@dataclass
class _Answer:
    """Has an asker of its own, so that who hangs up ends no answer but theirs."""

    _engine: InferenceEngine
    _model: LoadableModel
    _asked: Asked
    _told: Callable[[AnswerFacts], None]
    _turn: threading.Lock
    _asker: str = field(default_factory=lambda: f"{_ASKER} {dice.token_hex(8)}")
    _is_cancelled: threading.Event = field(default_factory=threading.Event)

    def pieces(self) -> Iterator[str]:
        end = time.monotonic() + _PATIENCE_SECONDS
        if not self._takes_its_turn(end):
            return
        try:
            while not self._is_cancelled.is_set():
                try:
                    yield from self._made()
                except BusyError:  # the window is given an answer
                    if time.monotonic() > end:
                        raise
                    self._is_cancelled.wait(_LOOKS_EVERY_SECONDS)
                else:
                    return
        finally:
            self._turn.release()

    def cancel(self) -> None:
        self._is_cancelled.set()
        self._engine.stop(self._asker)

    def _takes_its_turn(self, end: float) -> bool:
        """False where nobody waits for it any more. Raises BusyError."""
        while not self._turn.acquire(timeout=_LOOKS_EVERY_SECONDS):
            if self._is_cancelled.is_set():
                return False
            if time.monotonic() > end:
                raise BusyError("Other requests are being answered.", "Try again later.")
        return True

    def _made(self) -> Iterator[str]:
        return self._engine.generate(
            self._model,
            self._asked.messages,
            self._asked.sampling,
            self._told,
            self._asker,
            lambda: not self._is_cancelled.is_set(),
        )
