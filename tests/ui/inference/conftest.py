"""The Inference tab over real services and a real database; a test directs the engine."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from app.adapters.local_api import LoopbackApi
from app.adapters.model_configs import FoundModelConfigs
from app.adapters.model_files import FoundModels
from app.adapters.sqlite.conversations import SqliteConversationStore
from app.adapters.sqlite.engine import open_database
from app.domain.runs import JobPhase, JobState, Run, RunRequest, Target
from app.services.comparing import ComparingService
from app.services.conversing import ConversationService
from app.services.everything import Services
from app.services.proving import ProvingService
from app.services.serving import ServingService
from app.services.talkers import TalkerService
from app.services.talking import TalkingEngine
from app.ui.inference.draft import InferenceDraft
from app.ui.inference.tab import InferenceTab
from app.ui.training.mounting import Unwatched
from tests.services.conftest import World, ends
from tests.services.talking import adapter_folder, model_folder
from tests.ui.harness import mounted
from tests.ui.training.conftest import DirectedEngine, make_studio
from trainer_image.config import RunConfig
from trainer_image.events import Result

GIB = 2**30


@dataclass
class Parlour:
    """What a test needs to direct the world around the tab."""

    services: Services
    world: World
    engine: DirectedEngine
    free: list[int]
    """Bytes of memory that are free; a test may change them."""
    draft: InferenceDraft = field(default_factory=InferenceDraft)

    def opened(self, *, width: int = 1280):
        return mounted(InferenceTab, self.services, Unwatched(self.draft), width=width, web=True)

    def run(self, name: str) -> Run:
        """One that has finished and left an adapter and a checkpoint."""
        base = self.world.home / "base-model"
        if not base.exists():
            model_folder(base)
        session = self.services.library.sessions()[0]
        request = RunRequest(
            RunConfig(base_model=str(base)), Target.LOCAL, session_id=session.id, output_name=name
        )
        run = self.services.training.start(request)
        adapter_folder(run.folder / "output", str(base))
        adapter_folder(run.checkpoints_dir / "samples_4", str(base))
        result = Result(status="finished", output="output", output_kind="adapter")
        ends(self.world, run, JobState(JobPhase.EXITED, 0), result)
        return self.services.monitoring.refresh(run.id)


@pytest.fixture
def parlour(tmp_path, monkeypatch) -> Iterator[Parlour]:
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    database = open_database(tmp_path / "tunewright.db")
    studio = make_studio(tmp_path, database)
    free = [16 * GIB]
    talkers = TalkerService(
        studio.world.runs,
        FoundModels(),
        FoundModelConfigs(studio.world.secrets.hf_token),
        gpus=tuple,
        computer_memory=lambda: (32 * GIB, free[0]),
        offline=lambda: "",
        bundled_model=model_folder(tmp_path / "tiny"),
    )
    exports, library, engine = tmp_path / "exports", studio.world.library, studio.engine
    store = SqliteConversationStore(database)
    comparing = ComparingService(talkers, engine, library, exports=exports)
    services = replace(
        studio.services,
        talkers=talkers,
        talking=TalkingEngine(engine, talkers),
        conversations=ConversationService(store, talkers, engine, library, exports=exports),
        comparing=comparing,
        proving=ProvingService(studio.world.runs, comparing, studio.services.monitoring.measurements),
        serving=ServingService(talkers, engine, LoopbackApi()),
    )
    yield Parlour(services, studio.world, engine, free)
    services.serving.stop()
    services.previews.close()
    database.dispose()
