"""Sees rows through the trainer's own program `look.py`: the very functions that `train.py` trains with.

One process answers questions about single rows and stays for a while, so that stepping from row to row is
quick; a survey of many rows has a process of its own, which a cancel ends at once. Neither loads weights,
and neither has to do with the process that chats.
"""

import importlib.util
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, TypeVar

from app.adapters.look_process import LookProcess
from app.domain.previews import PreviewError, Progress
from trainer_image import look_protocol as say
from trainer_image import network
from trainer_image.config import MEMORY_HISTORY_VARIABLE, RunConfig
from trainer_image.look_protocol import Estimated, Examined, LayersFound, Opened, Shown, Surveyed

IDLE_SECONDS: Final = 120.0
_NEEDED: Final = ("transformers", "tokenizers", "numpy")
_MISSING: Final = (
    "Seeing what the model will see needs the extra “local”, which is not installed: "
    'pip install "tunewright[local]".'
)

Answer = TypeVar("Answer")


class TrainerLooker:
    """Implements `Looker`. Every method may be called from any thread; questions wait for each other."""

    def __init__(
        self,
        trainer: Path,
        python: str = sys.executable,
        *,
        log_dir: Path,
        secrets: Callable[[], str | None],
        memory_history: Path | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Start nothing yet. `memory_history` is the file where runs on this computer keep what they took."""
        places = {MEMORY_HISTORY_VARIABLE: memory_history}
        self._shared = {name: str(path) for name, path in places.items() if path}
        self._trainer, self._python, self._log_dir = trainer, python, log_dir
        self._secrets, self._idle_seconds = secrets, idle_seconds
        self._turn = threading.Lock()
        self._process: LookProcess | None = None
        self._timer: threading.Timer | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that answers about single rows, while there is one."""
        process = self._process
        return process.pid if process else None

    def problem(self) -> str:
        is_here = self._python == sys.executable
        return _MISSING if is_here and not all(map(_is_installed, _NEEDED)) else ""

    def open(self, config: RunConfig) -> tuple[str, Sequence[str]]:
        opened = self._asked(lambda process: _open(process, config), config)
        return opened.name, opened.notices

    def show(self, config: RunConfig, line: str, *, number: int, start: int, limit: int) -> Shown:
        def ask(process: LookProcess) -> Shown:
            _open(process, config)
            process.send(say.Show(line=line, number=number, start=start, limit=limit))
            return _expect(process, Shown)

        return self._asked(ask, config)

    def survey(self, config: RunConfig, data: Path, target: Path, progress: Progress, *, apart: bool) -> int:
        def ask(process: LookProcess) -> int:
            _open(process, config)
            process.send(say.Survey(data=str(data), target=str(target)))
            while isinstance(reply := process.receive(), say.Progress):
                progress(reply.rows)
            assert isinstance(reply, Surveyed), reply
            return reply.rows

        if not apart:
            return self._asked(ask, config)
        process = self._start(config)
        try:
            return ask(process)
        finally:
            process.end()

    def estimate(
        self,
        config: RunConfig,
        *,
        device: Literal["cpu", "cuda"] | None = None,
        rows: int | None = None,
        longest: Sequence[int] | None = None,
    ) -> Estimated:
        def ask(process: LookProcess) -> Estimated:
            among = None if longest is None else tuple(longest)
            process.send(say.Estimate(config=config, device=device, rows=rows, longest=among))
            return _expect(process, Estimated)

        return self._asked(ask, config)

    def layers(self, config: RunConfig) -> Sequence[str]:
        def ask(process: LookProcess) -> Sequence[str]:
            process.send(say.Layers(config=config))
            return _expect(process, LayersFound).names

        return self._asked(ask, config)

    def examine(self, config: RunConfig) -> Examined:
        def ask(process: LookProcess) -> Examined:
            process.send(say.Examine(logging=config.logging))
            return _expect(process, Examined)

        return self._asked(ask, config)

    def close(self) -> None:
        process, self._process = self._process, None
        if process:
            process.end()

    def _asked(self, ask: Callable[[LookProcess], Answer], config: RunConfig) -> Answer:
        """Ask the process that stays. After anything but an answer it is ended: who knows what it is at."""
        with self._turn:
            process = self._ready(config)
            try:
                return ask(process)
            except PreviewError:
                if process.has_ended:
                    self.close()
                raise
            except BaseException:
                self.close()
                raise
            finally:
                self._end_when_idle()

    def _ready(self, config: RunConfig) -> LookProcess:
        process = self._process
        if process is not None and not process.has_ended and process.offline == _is_offline(config):
            return process
        self.close()
        self._process = self._start(config)
        return self._process

    def _start(self, config: RunConfig) -> LookProcess:
        if problem := self.problem():
            raise PreviewError(problem, "Install it where Tunewright runs, then look again.")
        offline = _is_offline(config)
        token = None if offline else self._secrets()
        return LookProcess(
            self._trainer, self._python, self._log_dir, offline=offline, token=token, shared=self._shared
        )

    def _end_when_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_seconds, self._end_idle)
        self._timer.daemon = True  # never keeps the app alive
        self._timer.start()

    def _end_idle(self) -> None:
        with self._turn:
            self.close()


def _is_offline(config: RunConfig) -> bool:
    return config.offline or bool(network.reason())


def _open(process: LookProcess, config: RunConfig) -> Opened:
    """Have the config open; asked again only for another one."""
    if process.opened and process.opened[0] == config:
        return process.opened[1]
    process.opened = None
    process.send(say.Open(config=config))
    process.opened = (config, _expect(process, Opened))
    return process.opened[1]


def _expect(process: LookProcess, kind: type[Answer]) -> Answer:
    reply = process.receive()
    assert isinstance(reply, kind), reply
    return reply


def _is_installed(name: str) -> bool:
    with suppress(ImportError, ValueError):
        return importlib.util.find_spec(name) is not None
    return False
