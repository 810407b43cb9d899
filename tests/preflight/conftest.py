"""The checks over real services and files, with a Hub on loopback and a trainer's answer that is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.adapters.hub_look import HuggingFaceHub
from app.adapters.model_files import FoundModels
from app.adapters.quality_process import QualityProcess
from app.adapters.sqlite.engine import open_database
from app.adapters.survey_files import SqliteSurveyFiles
from app.domain.gpus import Gpu
from app.domain.preflight import Readiness
from app.domain.preflight_ports import ComputerMemory
from app.domain.runs import RunRequest, Target
from app.paths import Paths
from app.services.preflight import PreflightService
from app.services.previews import PreviewService
from tests.emulators.model_hub import ModelHub
from tests.emulators.server import running
from tests.services.conftest import World, make_world
from trainer_image.config import RunConfig
from trainer_image.look_protocol import Ability, Estimated, Examined

GB = 10**9


class KnownTrainer:
    """A `Looker` that has one answer to each question; keeps what it was asked."""

    def __init__(self) -> None:
        self.estimated = Estimated(
            device="cpu",
            low=2 * GB,
            expected=3 * GB,
            high=4 * GB,
            known_model=True,
            checkpoint_bytes=10**6,
            result_bytes=10**6,
        )
        self.examined = Examined(abilities=(), loggers=())
        self.fail_with: Exception | None = None
        self.asked: list[tuple[RunConfig, str | None, int | None]] = []

    def problem(self) -> str:
        return ""

    def estimate(self, config: RunConfig, *, device: Any = None, rows: int | None = None) -> Estimated:
        self.asked.append((config, device, rows))
        if self.fail_with:
            raise self.fail_with
        return self.estimated

    def examine(self, config: RunConfig) -> Examined:
        return self.examined

    def open(self, config: RunConfig) -> tuple[str, Sequence[str]]:
        raise NotImplementedError

    def show(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def survey(self, *_: Any, **__: Any) -> int:
        raise NotImplementedError

    def close(self) -> None: ...


@dataclass
class KnownComputer:
    free: int = 16 * GB

    def memory(self) -> ComputerMemory:
        return ComputerMemory(32 * GB, self.free)


@dataclass
class Checked:
    """The service, and what a test directs around it."""

    world: World
    service: PreflightService
    trainer: KnownTrainer
    computer: KnownComputer
    hub: ModelHub
    cache: Path
    gpus: list[Gpu] = field(default_factory=list)

    def check(self, target: Target = Target.LOCAL, **config: Any) -> Readiness:
        """Of a run on the sample with a whole model in a folder, unless told otherwise."""
        session = self.world.library.sessions()[0]
        model = config.pop("base_model", str(self.model()))
        changes = {name: config.pop(name) for name in ("session_id", "data_file", "docker") if name in config}
        request: Mapping[str, Any] = {"session_id": session.id, **changes}
        return self.service.check(RunRequest(RunConfig(base_model=model, **config), target, **request))

    def model(self, name: str = "whole-model", *, without: str = "") -> Path:
        """A folder that looks like a model."""
        folder = self.world.home / name
        folder.mkdir(exist_ok=True)
        for file in {"config.json", "model.safetensors", "tokenizer.json"} - {without}:
            (folder / file).write_text("{}")
        return folder


@pytest.fixture
def hub(monkeypatch) -> Iterator[ModelHub]:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with running(ModelHub()) as emulator:
        monkeypatch.setenv("HF_ENDPOINT", emulator.url)
        yield emulator


@pytest.fixture
def checked(tmp_path, hub, monkeypatch) -> Iterator[Checked]:
    cache = tmp_path / "hub-cache"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    database = open_database(tmp_path / "tunewright.db")
    world = make_world(tmp_path, database)
    world.library.ensure_sample()
    trainer, computer, gpus = KnownTrainer(), KnownComputer(), []
    paths = Paths(tmp_path)
    previews = PreviewService(
        world.library,
        world.runs,
        trainer,
        SqliteSurveyFiles(),
        cache=paths.previews,
        bundled_model=paths.tiny_model,
        checker=QualityProcess(paths.logs),
    )
    service = PreflightService(
        world.training,
        previews,
        world.library,
        world.settings,
        world.runs,
        FoundModels(),
        HuggingFaceHub(),
        computer,
        lambda: gpus,
        world.secrets,
    )
    yield Checked(world, service, trainer, computer, hub, cache, gpus)
    database.dispose()


def cannot(name: str, why_not: str) -> Ability:
    return Ability(name=name, group="methods", why_not=why_not)
