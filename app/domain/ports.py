"""What the services need from the outside world. Implemented in `app.adapters`, faked in `tests`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from app.domain.chat import AnswerFacts, ChatTurn, EngineStatus, IsWanted, Sampling, Voice, always
from app.domain.runs import DockerOptions, JobHandle, JobState, Metric, Run, RunEvent, RunId, Target
from app.domain.saved_setups import StoredConfig
from app.domain.sessions import Message
from app.domain.talkers import LoadableModel


class RunStore(Protocol):
    """Keeps runs, their metrics and their timeline across restarts of the app."""

    def add(self, run: Run) -> None:
        """Insert a new run."""
        ...

    def get(self, run_id: RunId) -> Run:
        """Raises UnknownRunError if there is no such run."""
        ...

    def find(self, prefix: str) -> Run:
        """The one run whose id starts with `prefix`, or whose name is it. Raises UnknownRunError."""
        ...

    def all(self) -> Sequence[Run]:
        """All runs, newest first."""
        ...

    def update(self, run_id: RunId, change: Callable[[Run], Run]) -> Run:
        """Read, change and write one run in one transaction; returns what is stored afterwards.

        `change` sees the newest state, so that two processes never undo each other. It may return its
        argument unchanged.
        """
        ...

    def decide(self, change: Callable[[Sequence[Run]], Iterable[Run]]) -> Sequence[Run]:
        """Read all runs that have not ended, and write those that `change` gives back, in one transaction.

        For what depends on several runs at once: whose turn it is. Returns what was written. Raises
        UnknownRunError if one of them is none of the store's.
        """
        ...

    def ingest(
        self,
        run_id: RunId,
        offset: int,
        end: int,
        metrics: Sequence[Metric],
        events: Sequence[RunEvent],
        change: Callable[[Run], Run],
    ) -> Run | None:
        """Store what bytes `offset`..`end` of a run's events.jsonl said, in one transaction.

        Applied only if the run's stored `events_offset` still is `offset` (else another process was
        faster: returns None and nothing is stored). A metric replaces one of the same step (a resumed
        run reports steps again). Sets `events_offset` to `end` after `change`.
        """
        ...

    def metrics(self, run_id: RunId, *, after_step: int = -1) -> Sequence[Metric]:
        """Metrics by step, ascending."""
        ...

    def go_back(self, run_id: RunId, step: int) -> None:
        """Forget what was measured after a step that the run begins again from."""
        ...

    def outline(self, run_id: RunId, steps: Sequence[int]) -> Sequence[float]:
        """The loss at each of these steps, or at the next one reported; quick however long the run is."""
        ...

    def events(self, run_id: RunId, *, last: int = 500, of_type: str = "") -> Sequence[RunEvent]:
        """The newest `last` timeline events, of one type or of all, oldest first."""
        ...

    def delete(self, run_id: RunId) -> None:
        """Forget the run, its metrics, events and chats. Its folder is the caller's business."""
        ...


class ChatStore(Protocol):
    """Keeps what was said to which model."""

    def add(self, run_id: RunId, voice: Voice, prompt: str, answer: str, sampling: Sampling) -> ChatTurn: ...

    def turns(self, run_id: RunId) -> Sequence[ChatTurn]:
        """Oldest first."""
        ...

    def clear(self, run_id: RunId) -> None: ...


class SettingsStore(Protocol):
    """Small values by name. Never secrets."""

    def get(self, key: str) -> str | None: ...

    def set(self, key: str, value: str) -> None: ...

    def change(self, key: str, to: Callable[[str | None], str]) -> str:
        """Set what `to` makes of what it is now, alone: nobody else writes meanwhile. Returns that."""
        ...

    def claim(self, key: str, value: str) -> str:
        """Set it if it was never set; returns what it is now. Of several who claim at once one gets it."""
        ...


class ConfigStore(Protocol):
    """Saved setups: named JSON documents."""

    def save(self, name: str, document: str, *, replace: bool = True) -> bool:
        """Insert, or replace the one of that name; without `replace`, False if there is one."""
        ...

    def all(self) -> Sequence[StoredConfig]:
        """In the order of names."""
        ...

    def rename(self, name: str, new_name: str) -> bool:
        """False, and nothing changed, if there is none of that name or one of the new name."""
        ...

    def delete(self, name: str) -> None: ...


class Launcher(Protocol):
    """A place where runs execute: a process on this computer, a local Docker container.

    A launcher keeps no state of its own. All it needs to find a job again is the run (id and folder)
    or the handle, so runs outlive the app. The run folder exists and holds the data before `launch`;
    the launcher writes config.json as the target must see it (paths may differ inside a container).
    """

    def problems(self, docker: DockerOptions) -> Sequence[str]:
        """What would stop a launch now, as sentences for people, cheapest checks only (< 1 s)."""
        ...

    def launch(
        self,
        run: Run,
        *,
        resume: bool,
        extend: bool = False,
        resume_from: str = "",
        secrets: Mapping[str, str],
    ) -> JobHandle:
        """Start the job and return without waiting for it.

        It resumes from the newest whole checkpoint, or from the one called `resume_from`. With `extend`
        a resumed run may have another length than it had when its checkpoint was written.
        `secrets` (HF_TOKEN) reach the job by its environment only. Raises TargetError if it did not
        start; then nothing is left running.
        """
        ...

    def find(self, run: Run) -> JobHandle | None:
        """The handle of the job of this run's current attempt, if it was ever started."""
        ...

    def state(self, handle: JobHandle) -> JobState:
        """Raises TargetError if the target cannot be asked now (not the same as gone)."""
        ...

    def stop(self, handle: JobHandle, *, save: bool) -> None:
        """Ask the job to leave (saving first if `save`), wait for it, and end it by force if it will not go.

        Nothing runs any more when this returns; does nothing if it has already ended. With `save` it gives
        the job up to five minutes to write. Raises TargetError if the target cannot be reached.
        """
        ...

    def sync_log(self, run: Run, handle: JobHandle) -> None:
        """Bring `run.log_path` up to date, without holes or repeats; a no-op where the job writes it."""
        ...

    def clean_up(self, handle: JobHandle) -> None:
        """Remove what an ended job left at the target (a container); never files of the run."""
        ...


Launchers = Mapping[Target, Launcher]


OpenFolder = Callable[[Path], None]
"""Shows a folder in this computer's file manager. Raises StudioError where there is none."""


class Processes(Protocol):
    """Who is alive on this computer."""

    def me(self) -> str:
        """This process as "pid:start time"."""
        ...

    def is_alive(self, owner: str) -> bool:
        """Whether that very process still runs (a recycled pid is another process)."""
        ...


class InferenceEngine(Protocol):
    """The second process, which alone loads torch. Methods block; call them off the UI thread."""

    def status(self) -> EngineStatus: ...

    def holds(self, model: LoadableModel) -> bool:
        """Whether it or its base model is in memory: next to nothing would have to be loaded. Never waits."""
        ...

    def is_loaded(self, model: LoadableModel) -> bool:
        """Whether it is in memory with its adapter, as the one that answers now. Never waits."""
        ...

    def load(self, model: LoadableModel) -> None:
        """Have a model in memory. Raises EngineError."""
        ...

    def generate(
        self,
        model: LoadableModel,
        messages: Sequence[Message],
        sampling: Sampling,
        told: Callable[[AnswerFacts], None] | None = None,
        asker: str = "",
        is_wanted: IsWanted = always,
    ) -> Iterator[str]:
        """Load what is needed (once), then yield the answer in pieces as it is made.

        `told` hears how it went. What one `asker` stops goes on for the others. Nothing is begun that is not
        wanted any more.
        While a model is only being loaded, it waits for that. Closing the iterator stops the generation.
        Raises EngineError, BusyError while another answer is made;
        the engine then recovers by itself at the next call, also when its process died.
        """
        ...

    def render(self, model: LoadableModel, messages: Sequence[Message]) -> tuple[str, Sequence[int]]:
        """What the model reads for these messages, as text and as tokens. Raises as `generate` does."""
        ...

    def count_tokens(self, model: LoadableModel, messages: Sequence[Message]) -> int | None:
        """How many it reads for these messages; None unless it is in memory and has nothing to do."""
        ...

    def stop(self, asker: str = "") -> None:
        """Stop the generation under way, if any and if it is for this asker; the iterator then just ends."""
        ...

    def unload(self) -> None:
        """Let go of the memory: ends the process."""
        ...


class Secrets(Protocol):
    """Where tokens come from. Never the database."""

    def hf_token(self) -> str | None: ...
