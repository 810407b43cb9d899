"""The tab over real services, a real database and real files; a test directs target and inference engine."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import flet as ft
import pytest

from app.adapters.sqlite.chats import SqliteChatStore
from app.adapters.sqlite.configs import SqliteConfigStore
from app.adapters.sqlite.engine import open_database
from app.bootstrap import build_services
from app.domain.chat import AnswerFacts, EngineStatus, Sampling, Voice, always
from app.domain.previews import PreviewError
from app.domain.runs import DockerOptions, JobPhase, JobState, Run, RunRequest, Target
from app.domain.sessions import Message, Session
from app.domain.talkers import LoadableModel
from app.paths import Paths
from app.services.chatting import ChatService
from app.services.diagnostics import DiagnosticsService
from app.services.doctor import DoctorService
from app.services.everything import Services
from app.services.job_scripts import JobScriptService
from app.services.layers import LayerService
from app.services.setups import SetupService
from app.ui.training.draft import TrainingDraft
from app.ui.training.mounting import Unwatched
from app.ui.training.tab import TrainingTab
from tests.preflight.conftest import preflight_of
from tests.preflight.known import KnownComputer, KnownHub, KnownTrainer
from tests.services.conftest import World, ends, make_world
from tests.ui.harness import Screen, mounted
from trainer_image.config import RunConfig
from trainer_image.events import Result


class DirectedEngine:
    """Says the pieces a test hands it, one at a time, until it is told the answer is over."""

    def __init__(self) -> None:
        self.state = EngineStatus()
        self.asked: list[tuple[str, Voice, Sampling]] = []
        self.messages: list[list[Message]] = []
        """All that was sent with each question."""
        self.fail_with: Exception | None = None
        self.held: LoadableModel | None = None
        """The model in memory."""
        self.may_begin = threading.Event()
        """Without it a question stays in the moment before the engine knows of it."""
        self.may_begin.set()
        self.stops = self.unloads = 0
        self.loads: list[LoadableModel] = []
        self.models: list[LoadableModel] = []
        """Of each question."""
        self._is_answering = False
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._is_stopped = False

    def say(self, *pieces: str) -> None:
        for piece in pieces:
            self._pieces.put(piece)

    def finish(self) -> None:
        self._pieces.put(None)

    def status(self) -> EngineStatus:
        return self.state

    def load(self, model: LoadableModel) -> None:
        self.loads.append(model)
        self.state = EngineStatus("ready")

    def holds(self, model: LoadableModel) -> bool:
        return self.held is not None and self.held.base_model == model.base_model

    def is_loaded(self, model: LoadableModel) -> bool:
        return self.held == model

    def render(self, model: LoadableModel, messages):
        return "", []

    def count_tokens(self, model: LoadableModel, messages) -> int | None:
        """A token a word, once it is loaded."""
        return len(" ".join(m["content"] for m in messages).split()) if self.state.state == "ready" else None

    def generate(
        self, model: LoadableModel, messages, sampling: Sampling, told=None, asker="", is_wanted=always
    ) -> Iterator[str]:
        assert self.may_begin.wait(20)
        if not is_wanted():
            return
        self._is_answering = True
        self.asked.append((messages[-1]["content"], model.voice, sampling))
        self.messages.append(list(messages))
        self.models.append(model)
        if self.fail_with is not None:
            self._is_answering = False
            raise self.fail_with
        self.state = EngineStatus("generating")
        count, self._is_stopped = 0, False
        while (piece := self._pieces.get(timeout=20)) is not None:
            count += 1
            yield piece
        self.state, self._is_answering = EngineStatus("ready"), False
        if told is not None:
            told(AnswerFacts(10, count, 0.5, "cancelled" if self._is_stopped else "stop"))

    def stop(self, asker="") -> None:
        """Of what is not under way it knows nothing, as the real one."""
        self.stops += 1
        if self._is_answering:
            self._is_stopped = True
            self.finish()

    def unload(self) -> None:
        self.unloads += 1
        self.state = EngineStatus()


class NowhereLooker:
    """No model is on this computer, and no process is started to find out."""

    def layers(self, config):
        raise PreviewError(f"The model {config.base_model} is not on this computer.")


@dataclass
class Studio:
    """The services, and what a test needs to direct the world around them."""

    services: Services
    world: World
    engine: DirectedEngine
    trainer: KnownTrainer = field(default_factory=KnownTrainer)
    """Says what a run would take."""
    draft: TrainingDraft = field(default_factory=lambda: TrainingDraft(skill="expert"))
    went_to_data: list[bool] = field(default_factory=list)

    def opened(self, *, width: int = 1280, web: bool = False):
        return mounted(
            TrainingTab,
            self.services,
            Unwatched(self.draft),
            lambda: self.went_to_data.append(True),
            width=width,
            web=web,
        )

    def add_session(self, name: str) -> Session:
        """One more dataset to choose from."""
        file = self.world.home / f"{name}.jsonl"
        file.write_text('{"prompt": "And now?", "completion": "Now this."}\n')
        return self.services.library.import_file(file).session

    def start(self, name: str = "", *, target: Target = Target.LOCAL, base_model: str = "owner/model") -> Run:
        """A run that is going."""
        session = self.services.library.sessions()[0]
        request = RunRequest(
            RunConfig(base_model=base_model), target, session_id=session.id, output_name=name
        )
        return self.services.training.start(request)

    def finish(self, run: Run) -> Run:
        """The run ends well and leaves an adapter."""
        (run.folder / "output").mkdir(exist_ok=True)
        (run.folder / "output" / "adapter_model.safetensors").write_bytes(b"x")
        result = Result(
            status="finished", step=10, total_steps=10, final_loss=0.5, output="output", output_kind="adapter"
        )
        ends(self.world, run, JobState(JobPhase.EXITED, 0), result)
        return self.services.monitoring.refresh(run.id)

    def runs(self) -> list[Run]:
        return list(self.services.monitoring.runs())


@pytest.fixture
def studio(tmp_path, monkeypatch) -> Iterator[Studio]:
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path))
    database = open_database(tmp_path / "tunewright.db")
    made = make_studio(tmp_path, database)
    yield made
    made.services.previews.close()
    database.dispose()


def make_studio(home, database) -> Studio:
    world, engine, trainer = make_world(home, database), DirectedEngine(), KnownTrainer()
    world.library.ensure_sample()
    launchers = {Target.LOCAL: world.launcher, Target.DOCKER: world.launcher}
    services = replace(
        build_services(Paths(home)),
        library=world.library,
        training=world.training,
        monitoring=world.monitoring,
        chats=ChatService(
            world.runs,
            SqliteChatStore(database),
            engine,
            home / "exports",
            bundled_model=home / "tiny-model",
        ),
        settings=world.settings,
        queue=world.queue,
        history=world.history,
        layers=LayerService(NowhereLooker(), bundled_model=home),
        preflight=preflight_of(world, trainer, KnownComputer(), [], KnownHub()),
        job_scripts=JobScriptService(world.library, Paths(home).trainer, trainer.estimate),
        setups=SetupService(SqliteConfigStore(database), world.library, world.training),
        diagnostics=DiagnosticsService(
            world.monitoring,
            world.secrets,
            home / "exports",
            app_log=Paths(home).app_log,
            environment=lambda: {"SOME_API_KEY": "never-to-be-shown"},
        ),
        doctor=DoctorService(
            home, launchers, world.secrets, list, DockerOptions(), has_runpod_key=lambda: False
        ),
    )
    return Studio(services, world, engine, trainer)


async def choose_session(screen: Screen, studio: Studio) -> None:
    """Pick the newest session, and wait until Start is allowed."""
    session = studio.services.library.sessions()[0]
    await screen.choose("Session", str(session.id))
    await screen.wait_for(lambda: not screen.button("Start training").disabled)


async def choose_segment(screen: Screen, identifier: str, value: str) -> None:
    """Press one of the buttons side by side."""
    [piece] = [s for s in screen.controls(ft.Semantics) if s.identifier == identifier]
    [button] = [b for b in screen.controls(ft.SegmentedButton) if _is_inside(b, piece)]
    screen.page.session.apply_patch(button._i, {"selected": [value]})
    await screen.fire(button, "change", [value])


def _is_inside(control, piece) -> bool:
    parent = control
    while parent is not None:
        if parent is piece:
            return True
        parent = parent.parent
    return False
