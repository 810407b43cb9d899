"""The run in this pod: it begins when the app says so, goes on after a restart, and ends once.

Whatever is done is written down before, so that a kill at any moment leaves the truth behind.
"""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from trainer_image.pod import durable
from trainer_image.pod.journal import Journal
from trainer_image.pod.lines import Log, ToldFile
from trainer_image.pod.outputs import Outputs
from trainer_image.pod.platform import Platform
from trainer_image.pod.processes import Processes
from trainer_image.pod.recovery import Verdict, judge, newest_checkpoint, result_of
from trainer_image.pod.refusals import Refusal, disk_full
from trainer_image.pod.settings import Settings
from trainer_image.pod.start_request import StartRequest
from trainer_image.pod.state import Outcome, StateFile
from trainer_image.pod.training import AnotherTrainsError, Training
from trainer_image.pod.uploads import Uploads
from trainer_image.pod.watchdog import Seen, Watchdog

_TRAINS: Final = {"running", "stopping"}
_PROGRAM_SECONDS: Final = 60
_ASKED: Final = {"save", "sample", "finish"}
_OUTCOMES: Final[Mapping[int, Outcome]] = {0: "finished", 1: "failed", 2: "failed", 3: "stopped"}
"""By train.py's exit code, where it left no result."""


class Supervisor:
    """Its methods are what the agent's requests do; they may be called from several threads."""

    def __init__(self, settings: Settings, processes: Processes) -> None:
        self.settings = settings
        self._processes = processes
        self._lock = threading.RLock()
        self._leaving = False
        own = settings.own_dir
        with suppress(OSError):
            own.mkdir(parents=True, exist_ok=True)
        durable.keep_spare(own)
        self._state = StateFile(own / "state.json")
        self._same_pod = self._note_boot()
        self.journal = Journal(own / "journal.jsonl")
        self._log = Log(settings.run_dir / "log.txt", self.journal, say)
        self._events = ToldFile(settings.run_dir / "events.jsonl", self.journal, "event")
        self._training = Training(settings, processes, self._log, self._events, self._on_end)
        self.uploads = Uploads(settings.run_dir, own / "uploads")
        self.outputs = Outputs(settings.run_dir, own)
        booted = time.time()
        self._seen = Seen(request=booted, upload=0.0, fetch=0.0)
        self.watchdog = Watchdog(
            settings,
            Platform(settings, self._run_program),
            state=lambda: self._state.now,
            seen=lambda: self._seen,
            save=self._save_because,
            tell=self._notice,
        )

    @property
    def phase(self) -> str:
        return self._state.now.phase

    def boot(self) -> None:
        """Find out what was going on before, and go on with it."""
        with self._lock:
            self._log.catch_up()
            self._events.tell()
            for problem in self.settings.problems:
                self._notice(problem)
            if self.phase in _TRAINS:
                self._pick_up(judge(self.settings.run_dir, self._state.now, same_pod=self._same_pod))
            elif self._state.now.outcome:
                self._announce_end()

    def _note_boot(self) -> bool:
        """Whether it was this pod that was here before. Comes before the watchdog looks at anything."""
        before, now = self._state.now, time.time()
        same_pod = before.pod_id == self.settings.pod_id and bool(before.boots)
        changes: dict[str, Any] = {"boots": before.boots + 1, "pod_id": self.settings.pod_id}
        if not same_pod:
            changes |= {"booted_at": now, "retrieved_at": None, "lease_seconds": None}
        if not same_pod and before.phase not in _TRAINS:
            changes |= {"phase": "waiting", "since": now}
        self._state.change(**changes)
        return same_pod

    def health(self) -> dict[str, Any]:
        state, end, look = self._state.now, self.watchdog.next_end(), self.watchdog.look
        return {
            "agent": 1,
            "run_id": self.settings.run_id,
            "pod_id": self.settings.pod_id,
            "boots": state.boots,
            "phase": state.phase,
            "attempt": state.attempt,
            "exit_code": state.exit_code,
            "outcome": state.outcome,
            "message": " ".join(self.settings.problems) or state.message,
            "last_event": self.journal.last,
            "epoch": self.journal.epoch,
            "can_self_terminate": look.ok if look else None,
            "why_not": look.why_not if look else "",
            "ends_at": end.at if end else None,
            "ends_because": end.because if end else "",
            "ending": self.watchdog.ending,
            "free_bytes": _free(self.settings.home),
            "time": time.time(),
        }

    def events(self, after: int, wait_seconds: float) -> dict[str, Any]:
        events = self.journal.after(after, wait_seconds=wait_seconds)
        return {
            "epoch": self.journal.epoch,
            "boots": self._state.now.boots,
            "last": self.journal.last,
            "phase": self.phase,
            "events": events,
        }

    def saw(self, *, upload: bool = False, fetch: bool = False) -> None:
        """The app was there."""
        now, seen = time.time(), self._seen
        self._seen = Seen(now, now if upload else seen.upload, now if fetch else seen.fetch)

    def require_no_training(self) -> None:
        """Raise Refusal if no file must come now."""
        if self.phase in _TRAINS:
            raise Refusal(409, "busy", "The run trains; its files cannot be changed.")

    def start(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises Refusal; then nothing was started."""
        with self._lock:
            state = self._state.now
            if self.settings.problems:
                raise Refusal(409, "bad_settings", " ".join(self.settings.problems))
            request = StartRequest.of(body)
            if request.attempt == state.attempt and state.phase in {*_TRAINS, "ended"}:
                return self._standing()
            continues = request.attempt == state.attempt and state.phase == "interrupted"
            if state.phase in _TRAINS or (request.attempt <= (state.attempt or 0) and not continues):
                raise Refusal(409, "busy", "The run trains, or a later attempt of it was begun.")
            options = request.options
            if continues and "--resume" not in options:
                options = ("--resume", *options)
            self._begin(request, options)
            return self._standing()

    def stop(self, *, save: bool) -> dict[str, Any]:
        with self._lock:
            phase = self.phase
            wish = "save" if save else "leave"
            if phase in _TRAINS:
                self._change_phase("stopping", wish=wish)
                self._training.stop(wish)
            elif phase == "interrupted":
                self._end("stopped", None, "It was stopped before it could go on.")
            return self._standing()

    def ask(self, what: str) -> dict[str, Any]:
        if what not in _ASKED:
            raise Refusal(422, "bad_request", "What is asked for must be save, sample or finish.")
        if self.phase != "running":
            raise Refusal(409, "not_running", "Nothing trains here now.")
        try:
            command = self.settings.run_dir / "commands" / what
            command.parent.mkdir(exist_ok=True)
            command.touch()
        except OSError as error:
            raise disk_full() from error
        return self._standing()

    def lease(self, seconds: float | None) -> dict[str, Any]:
        self._state.change(lease_seconds=seconds)
        return self._standing()

    def retrieved(self) -> dict[str, Any]:
        if self.phase != "ended":
            raise Refusal(409, "not_ended", "The run has not ended.")
        self._state.change(retrieved_at=time.time())
        return self._standing()

    def manifest(self, wait_seconds: float) -> dict[str, Any]:
        phase = self.phase
        ended = phase not in _TRAINS
        found = self.outputs.manifest(ended=ended, uploaded=self.uploads.paths(), wait_seconds=wait_seconds)
        return {**found, "phase": phase}

    def leave(self) -> None:
        """The platform ends the container. What trains saves, and goes on if the container comes back."""
        with self._lock:
            self._leaving = True
            self._state.change(left_for_platform=True)
            if self.phase not in _TRAINS:
                self._processes.leave()
                return
            self._notice("The platform stops the pod; the training saves and leaves.")
            self._training.send(signal.SIGTERM)

    def _begin(self, request: StartRequest, options: tuple[str, ...]) -> None:
        run_dir = self.settings.run_dir
        try:
            (run_dir / "data").mkdir(exist_ok=True)
            durable.write_json(run_dir / "config.json", request.config)
            self._events.begin_here()
            self._log.told.begin_here()
            fresh = {"exit_code": None, "outcome": None, "message": "", "retrieved_at": None, "wish": ""}
            self._change_phase(
                "running",
                must_last=True,
                attempt=request.attempt,
                options=options,
                started_at=time.time(),
                had_secrets=bool(request.secrets),
                left_for_platform=False,
                continued=0,
                continued_from="",
                **fresh,
            )
        except OSError as error:
            raise disk_full() from error
        self._launch(request.attempt, options, request.secrets)

    def _launch(
        self,
        attempt: int,
        options: tuple[str, ...],
        secrets: Mapping[str, str],
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """With more variables for the trainer."""
        try:
            self._training.start(attempt, options, more, secrets)
        except AnotherTrainsError:
            self._change_phase("interrupted", message="Another trainer of this run is still alive here.")
        except OSError as error:
            self._end("failed", None, f"The trainer could not be started: {error.strerror}.")

    def _pick_up(self, verdict: Verdict) -> None:
        state = self._state.now
        self._notice(verdict.message)
        if verdict.outcome:
            self._end(verdict.outcome, verdict.exit_code, verdict.message)
        elif verdict.options is None:
            self._change_phase("interrupted", message=verdict.message)
        else:
            mark = newest_checkpoint(self.settings.run_dir)
            self._change_phase(
                "running",
                left_for_platform=False,
                continued=state.continued + 1 if mark == state.continued_from else 1,
                continued_from=mark,
            )
            more = {"HF_HUB_OFFLINE": "1"} if state.had_secrets else {}
            self._launch(state.attempt or 1, verdict.options, {}, more)

    def _on_end(self, code: int) -> None:
        with self._lock:
            state = self._state.now
            if self._leaving:
                self._processes.leave()
                return
            result = result_of(self.settings.run_dir, state.attempt)
            outcome = result.get("status") or _OUTCOMES.get(code, "lost")
            said = f"{result.get('message', '')} {result.get('hint', '')}".strip()
            self._end(outcome, code, said or ("" if code in _OUTCOMES else _died(code)))

    def _end(self, outcome: Outcome, code: int | None, message: str) -> None:
        self._change_phase("ended", outcome=outcome, exit_code=code, message=message)
        self._announce_end()

    def _announce_end(self) -> None:
        """Once, also if a kill came between the end and its announcement."""
        state = self._state.now
        if state.attempt is None or state.attempt in self.journal.attempts_ended:
            return
        end = {"attempt": state.attempt, "code": state.exit_code, "outcome": state.outcome}
        say(f"@@studio {json.dumps({'event': 'exit', **end})}")
        self.journal.append("exit", **end, message=state.message)

    def _change_phase(self, phase: str, *, must_last: bool = False, **changes: Any) -> None:
        self._state.change(must_last=must_last, phase=phase, since=time.time(), **changes)
        self.journal.append("phase", phase=phase, attempt=self._state.now.attempt)

    def _notice(self, message: str) -> None:
        say(f"[tunewright] {message}")
        self.journal.append("notice", message=message)

    def _standing(self) -> dict[str, Any]:
        state = self._state.now
        return {"phase": state.phase, "attempt": state.attempt, "outcome": state.outcome}

    def _save_because(self, why: str) -> None:
        self._notice(f"The training is told to save and leave ({why}).")
        self.stop(save=True)

    def _run_program(self, command: list[str]) -> bool:
        done = threading.Event()
        codes: list[int] = []

        def on_exit(code: int) -> None:
            codes.append(code)
            done.set()

        with open(os.devnull, "wb") as nowhere, suppress(OSError):
            self._processes.start(command, dict(os.environ), output=nowhere.fileno(), on_exit=on_exit)
            done.wait(_PROGRAM_SECONDS)
        return codes == [0]


def say(text: str) -> None:
    """On the container's own output, which the platform keeps a copy of."""
    with suppress(OSError, ValueError):
        print(text, flush=True)  # noqa: T201


def _died(code: int) -> str:
    by = f"was ended by signal {code - 128}" if code > 128 else f"left with code {code}"
    return f"The trainer {by} without a word."


def _free(folder: Path) -> int | None:
    with suppress(OSError):
        return shutil.disk_usage(folder).free
    return None
