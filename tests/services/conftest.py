"""Services over a real database and real files; the target is a launcher a test directs."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.processes import SystemProcesses
from app.adapters.row_sources import RowSources
from app.adapters.sqlite.chats import SqliteChatStore
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.domain.chat import AnswerFacts, EngineStatus, FinishReason, Sampling, always
from app.domain.preflight import Readiness
from app.domain.runs import JobPhase, JobState, Run, RunRequest, Target
from app.domain.sessions import Message
from app.domain.talkers import LoadableModel
from app.services.chatting import ChatService
from app.services.history import HistoryService
from app.services.library import LibraryService
from app.services.monitoring import MonitoringService
from app.services.queueing import QueueService
from app.services.settings import SettingsService
from app.services.training import TrainingService
from tests.fakes import FakeLauncher
from trainer_image.config import RunConfig
from trainer_image.events import CheckpointSaved, Metrics, Result, Started
from trainer_image.soundness import sealed

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


class EchoEngine:
    """Answers in pieces with what it was asked; fails or dies when told to."""

    def __init__(self) -> None:
        self.fail_with: Exception | None = None
        self.held: LoadableModel | None = None
        """The model in memory."""
        self.asked: list[tuple[LoadableModel, list[Message], Sampling]] = []
        self.unloads = 0
        self.ends_with: FinishReason | None = "stop"
        """None: it dies without a word of how it went."""
        self.is_silent = False
        self.says: tuple[str, ...] = ()
        """These pieces instead, if any."""

    def status(self) -> EngineStatus:
        return EngineStatus()

    def load(self, model: LoadableModel) -> None: ...

    def holds(self, model: LoadableModel) -> bool:
        return self.held is not None and self.held.base_model == model.base_model

    def is_loaded(self, model: LoadableModel) -> bool:
        return self.held == model

    def count_tokens(self, model, messages) -> int | None:
        return len(self.render(model, messages)[1])

    def generate(self, model, messages, sampling, told=None, asker="", is_wanted=always) -> Iterator[str]:
        if not is_wanted():
            return
        self.asked.append((model, list(messages), sampling))
        if self.fail_with is not None:
            raise self.fail_with
        if not self.is_silent:
            yield from self.says or (f"{model.voice}: ", messages[-1]["content"])
        if told is not None and self.ends_with is not None:
            told(AnswerFacts(len(messages), 2, 0.5, self.ends_with))

    def render(self, model, messages):
        text = "".join(m["content"] for m in messages)
        return text, [*text.encode()]

    def stop(self, asker="") -> None: ...

    def unload(self) -> None:
        self.unloads += 1


@dataclass
class FixedSecrets:
    token: str | None = None

    def hf_token(self) -> str | None:
        return self.token


@dataclass
class World:
    """Everything a test may look at or direct."""

    home: Path
    launcher: FakeLauncher
    engine: EchoEngine
    secrets: FixedSecrets
    runs: SqliteRunStore
    sessions: SqliteSessionStore
    library: LibraryService
    monitoring: MonitoringService
    training: TrainingService
    chats: ChatService
    settings: SettingsService
    queue: QueueService
    settings_store: SqliteSettingsStore
    history: HistoryService
    opened: list[Path]
    """Folders shown in the file manager."""
    why_offline: list[Callable[[], str]]
    """The last one says why runs use no network."""
    now: list[datetime] = field(default_factory=lambda: [NOON])


def found_nothing(_: RunRequest) -> Readiness:
    """A check before a run for tests in which nothing speaks against it."""
    return Readiness()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = open_database(tmp_path / "tunewright.db")
    yield make_world(tmp_path, database)
    database.dispose()


def make_world(home: Path, database) -> World:
    processes, secrets, launcher, engine = SystemProcesses(), FixedSecrets(), FakeLauncher(), EchoEngine()
    opened: list[Path] = []
    why_offline: list[Callable[[], str]] = [str]

    def offline() -> str:
        return why_offline[-1]()

    runs, settings = SqliteRunStore(database), SqliteSettingsStore(database)
    sample = home / "sample.jsonl"
    sample.write_text('{"prompt": "Where is Sorrel?", "completion": "In the north."}\n')
    launchers = dict.fromkeys(Target, launcher)
    sessions = SqliteSessionStore(database, processes)
    library = LibraryService(sessions, RowSources(), settings, secrets, sample)
    monitoring = MonitoringService(runs, launchers, processes, lambda: NOON)
    training = TrainingService(
        runs,
        launchers,
        library,
        monitoring,
        processes,
        secrets,
        data_dir=home / "data",
        bundled_model=home / "tiny-model",
        clock=lambda: NOON,
        open_folder=opened.append,
        offline=offline,
    )
    chat_store, exports = SqliteChatStore(database), home / "exports"
    chats = ChatService(runs, chat_store, engine, exports, bundled_model=home / "tiny-model")
    return World(
        home,
        launcher,
        engine,
        secrets,
        runs,
        sessions,
        library,
        monitoring,
        training,
        chats,
        SettingsService(settings),
        QueueService(
            runs, training, monitoring, processes, settings, list, lambda: NOON, check=found_nothing
        ),
        settings,
        HistoryService(
            runs,
            chat_store,
            monitoring,
            library,
            training,
            exports=exports,
            clock=lambda: NOON,
        ),
        opened,
        why_offline,
    )


@pytest.fixture
def session(world: World):
    return world.library.ensure_sample()


def write_events(run: Run, *events) -> None:
    """Append events as the trainer would."""
    with run.events_path.open("a") as file:
        file.writelines(event.model_dump_json() + "\n" for event in events)


def ends(world: World, run: Run, state: JobState, result: Result | None = None) -> None:
    """The job of the run's newest attempt ends now, leaving `result`."""
    if result is not None:
        run.result_path.write_text(result.model_dump_json())
    world.launcher.job(run).state = state


def started(attempt: int = 1) -> Started:
    return Started(time=NOON.timestamp(), attempt=attempt)


def step(number: int, loss: float = 1.0, total: int = 10) -> Metrics:
    return Metrics(
        time=NOON.timestamp(), step=number, total_steps=total, epoch=0.1, loss=loss, learning_rate=1e-4
    )


@pytest.fixture
def request_(session):
    return RunRequest(RunConfig(base_model="owner/model"), Target.LOCAL, session_id=session.id)


def whole_checkpoint(run: Run, samples: int, at: int) -> Path:
    """One that a run can go on from, of so many examples and that step."""
    folder = run.checkpoints_dir / f"samples_{samples}"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"12")
    sums = {"model.bin": hashlib.sha256(b"12").hexdigest()}
    marker = {"step": at, "samples_seen": samples, "saved_at": samples, "files": {"model.bin": 2}}
    (folder / "COMPLETE.json").write_text(json.dumps(sealed(marker | {"sums": sums})))
    return folder


def stopped_run(world: World, request: RunRequest):
    """A run that was stopped at step 5 with a checkpoint on disk."""
    run = world.training.start(request)
    whole_checkpoint(run, 20, 5)
    write_events(run, started(), step(5), CheckpointSaved(step=5, path="checkpoints/samples_20"))
    ends(world, run, JobState(JobPhase.EXITED, 3), Result(status="stopped", step=5))
    return world.monitoring.refresh(run.id)
