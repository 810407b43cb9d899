"""The checks over real services and files, with a Hub on loopback and a trainer's answer that is known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.adapters.hub_look import HuggingFaceHub
from app.adapters.model_files import FoundModels
from app.adapters.quality_process import QualityProcess
from app.adapters.speed_file import SpeedFile
from app.adapters.sqlite.engine import open_database
from app.adapters.survey_files import SqliteSurveyFiles
from app.domain.gpus import Gpu
from app.domain.preflight import Readiness
from app.domain.preflight_ports import Hub
from app.domain.runs import RunRequest, Target
from app.paths import Paths
from app.services.preflight import PreflightService
from app.services.previews import PreviewService
from tests.emulators.model_hub import ModelHub
from tests.emulators.server import running
from tests.preflight.known import KnownComputer, KnownTrainer
from tests.services.conftest import World, make_world
from trainer_image.config import RunConfig
from trainer_image.look_protocol import Ability


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
        changes = {
            name: config.pop(name) for name in ("session_id", "data_file", "docker", "pod") if name in config
        }
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
    service = preflight_of(world, trainer, computer, gpus, HuggingFaceHub())
    yield Checked(world, service, trainer, computer, hub, cache, gpus)
    database.dispose()


def previews_of(world: World, trainer: KnownTrainer) -> PreviewService:
    paths = Paths(world.home)
    return PreviewService(
        world.library,
        world.runs,
        SpeedFile(paths.speeds),
        trainer,
        SqliteSurveyFiles(),
        cache=paths.previews,
        bundled_model=paths.tiny_model,
        checker=QualityProcess(paths.logs),
    )


def preflight_of(
    world: World, trainer: KnownTrainer, computer: KnownComputer, gpus: list[Gpu], hub: Hub
) -> PreflightService:
    """The real service over a test's world."""
    previews = previews_of(world, trainer)
    return PreflightService(
        world.training,
        previews,
        world.library,
        world.runs,
        FoundModels(),
        hub,
        world.secrets,
        gpus=lambda: gpus,
        computer_memory=computer.memory,
        offline=lambda: "Offline mode is on." if world.settings.is_offline else "",
    )


def cannot(name: str, why_not: str) -> Ability:
    return Ability(name=name, group="methods", why_not=why_not)
