"""What the trainer says: events for the app, lines for people, and `result.json` as the last word.

Each event is one `write` of one line, so that a kill can tear only the last line, which the next
attempt terminates before it appends. Usable from several threads. Imports no training library.
"""

import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from trainer_image.config import EVENTS_FILE, OUTPUT_DIR, RESULT_FILE
from trainer_image.events import EXIT_FAILED, Ended, Event, Metrics, Notice, Phase, Problem, Result
from trainer_image.problems import RunFailedError

_SECRETS: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN")
_PHASES: Final = {
    "load_data": "Reading the data",
    "download": "Downloading the model",
    "load_model": "Loading the model",
    "prepare": "Preparing",
    "train": "Training",
    "save": "Saving",
    "done": "Done",
}


class Listener(Protocol):
    """Gets a copy of every event. Never raises, never waits long."""

    def take(self, event: Event) -> None: ...

    def close(self) -> None: ...


PhaseName = Literal["load_data", "download", "load_model", "prepare", "train", "save", "done"]
Status = Literal["finished", "stopped", "failed"]


class Reporter:
    """Writes the run folder's `events.jsonl` and `result.json`, and the log on stdout.

    `attempt` defaults to one more than the launches already in the file. Raises OSError if the run
    folder cannot be written.
    """

    def __init__(self, run_dir: Path, *, attempt: int | None = None) -> None:
        self._run_dir = run_dir
        self._lock = threading.RLock()
        self._finished = False
        self._is_without_result = False
        self._last_metrics: Metrics | None = None
        self._listeners: list[Listener] = []
        path = run_dir / EVENTS_FILE
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        self._torn = _last_byte(self._file) not in {b"", b"\n"}
        self.attempt = attempt if attempt is not None else 1 + _count_started(path)

    def follow(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def close_listeners(self) -> None:
        """Let them end; what they have to say must come before the run's last words."""
        while self._listeners:
            self._listeners.pop().close()

    def emit(self, event: Event) -> None:
        """Append one event; its time is set here. Raises OSError, for instance on a full disk, and
        RunFailedError if the run folder has been removed, as nobody would ever read on."""
        line = event.model_copy(update={"time": time.time()}).model_dump_json().encode() + b"\n"
        with self._lock:
            data = b"\n" + line if self._torn else line
            self._torn = True
            written = os.write(self._file, data)
            if written < len(data):  # a disk that has just become full takes a part, then raises
                os.write(self._file, data[written:])
            self._torn = False
            if os.fstat(self._file).st_nlink == 0 and not self._finished:
                raise RunFailedError(
                    "The run's folder was removed while it was training, and with it what it had learnt.",
                    "Start the run again.",
                )
            if isinstance(event, Metrics):
                self._last_metrics = event
        for listener in self._listeners:
            listener.take(event)

    def phase(self, name: PhaseName) -> None:
        self.emit(Phase(name=name))
        self.say(_PHASES[name])

    def notice(self, message: str, *, level: Literal["info", "warning"] = "info") -> None:
        self.emit(Notice(level=level, message=redact(message)))
        self.say(f"{'Warning' if level == 'warning' else 'Note'}: {message}")

    def say(self, text: str) -> None:
        """Print a line for people; never a row of the data, never a token."""
        try:
            print(redact(text), flush=True)  # noqa: T201
        except OSError:  # the log's disk is full or its reader has gone: no reason to end a run
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115

    def finish(self, status: Status, **fields: Any) -> bool:
        """Write the run's last words, once: False if another thread has already done so.

        A full disk cannot keep it from trying each of them.
        """
        with self._lock:
            if self._finished:
                return False
            self._finished = True
            result = Result(status=status, attempt=self.attempt, **(self._last_step() | fields))
            self._write_last_words(result)
        if status == "failed" or not self._is_without_result:
            self.say(f"{status.capitalize()}. {result.message} {result.hint}".rstrip())
        return True

    def code(self, code: int) -> int:
        """The exit code: a run that could not leave its result has failed, however it ended."""
        return EXIT_FAILED if self._is_without_result else code

    def _last_step(self) -> dict[str, Any]:
        last = self._last_metrics
        return {"step": last.step, "total_steps": last.total_steps, "final_loss": last.loss} if last else {}

    def _write_last_words(self, result: Result) -> None:
        last_words: list[Event] = [Ended(status=result.status)]
        if result.status == "failed":
            last_words.insert(0, Problem(message=redact(result.message), hint=redact(result.hint)))
        for event in last_words:
            try:
                self.emit(event)
            except OSError as error:
                self.say(f"An event could not be written: {error.strerror}")
        try:
            content = json.loads(redact(result.model_dump_json()))
            write_json_atomically(self._run_dir / RESULT_FILE, content)
        except OSError as error:
            self._is_without_result = True
            self._say_without_result(result, error)

    def _say_without_result(self, result: Result, error: OSError) -> None:
        if result.status == "failed":  # has said why already
            self.say(f"{RESULT_FILE} could not be written: {error.strerror}")
            return
        message = f"The run came to its end, but {RESULT_FILE} could not be written: {error.strerror}."
        hint = f"What it learnt is in {OUTPUT_DIR} and its checkpoints; see to the disk, then resume the run."
        self.say(f"{message} {hint}")
        with suppress(OSError, RunFailedError):
            self.emit(Problem(message=message, hint=hint))
            self.emit(Ended(status="failed"))


class SilentReporter(Reporter):
    """Of several processes that train together only the first speaks; this is what the others have."""

    def __init__(self) -> None:
        self.attempt = 0
        self._listeners = []

    def emit(self, event: Event) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def finish(self, status: Status, **fields: Any) -> bool:
        return True

    def code(self, code: int) -> int:
        return code


def redact(text: str) -> str:
    """Take out the tokens this process was given."""
    for name in _SECRETS:
        secret = os.environ.get(name)
        if secret:
            text = text.replace(secret, "[token]")
    return text


def write_json_atomically(path: Path, content: object) -> None:
    """Write a JSON file that a reader sees whole or not at all, also after a power cut."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def _last_byte(file: int) -> bytes:
    size = os.fstat(file).st_size
    if size == 0:
        return b""
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1)


def _count_started(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(b'"type":"started"' in line.replace(b" ", b"") for line in lines)
