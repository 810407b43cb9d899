"""The bundled tiny model and adapters on it, as runs that have ended; each export in a folder of its own."""

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.adapters.export_process import ExportProcess
from app.adapters.model_configs import FoundModelConfigs
from app.adapters.model_files import FoundModels
from app.adapters.speed_file import PaceFile
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.exports import SqliteExportStore
from app.domain.exports import ExportFormat, ExportJob, ExportWish, Quantization, Told
from app.domain.gpus import Gpu
from app.domain.runs import DockerOptions, Run, RunId, RunStatus, Target
from app.services.export_timing import ExportTiming
from app.services.exporting import ExportService
from tests.services.conftest import NOON, World, make_world
from trainer_image.config import Lora, RunConfig, Sft

MODEL = Path(__file__).parents[2] / "assets" / "tiny-model"
PROMPTS = tuple(
    ({"role": "user", "content": text},)
    for text in ("When does the ferry leave?", "  How old  is the lighthouse?\n", "Où est l'île? 日本 🛶")
)


@pytest.fixture
def world(tmp_path: Path):
    database = open_database(tmp_path / "tunewright.db")
    made = make_world(tmp_path, database)
    yield made
    database.dispose()


@pytest.fixture
def store(world: World) -> SqliteExportStore:
    return SqliteExportStore(world.runs._engine)


def service_of(
    world: World,
    store: SqliteExportStore,
    exporter: Any = None,
    offline: str = "",
    seconds: Callable[[], float] = time.monotonic,
    configs: Any = None,
    gpus: Sequence[Gpu] = (),
    made_room: Callable[[], None] = lambda: None,
) -> ExportService:
    return ExportService(
        world.runs,
        store,
        exporter or ExportProcess(world.home / "logs", world.secrets.hf_token),
        FoundModels(),
        world.training._processes,
        world.secrets,
        world.opened.append,
        ExportTiming(PaceFile(world.home / "paces.jsonl"), lambda: NOON, seconds),
        folder=world.home / "exports",
        clock=lambda: NOON,
        offline=lambda: offline,
        version="1.2.3",
        configs=configs or FoundModelConfigs(world.secrets.hf_token),
        gpus=lambda: gpus,
        downloads=lambda: world.home / "downloads",
        make_room=made_room,
    )


def finished_run(outputs: Path, output: Path, *, base: Path = MODEL, name: str = "Ferry talk ⛴ 1") -> Run:
    """A run that has ended; its result is a copy of `output`."""
    folder = outputs / name
    shutil.copytree(output, folder / "output")
    is_adapter = (output / "adapter_config.json").is_file()
    return Run(
        id=RunId("a1b2c3"),
        name=name,
        target=Target.LOCAL,
        config=RunConfig(base_model=str(base), method=Lora() if is_adapter else Sft(), offline=True),
        docker=DockerOptions(),
        folder=folder,
        data_label="ferries",
        session_id=None,
        status=RunStatus.FINISHED,
        created_at=NOON,
        output="output",
        output_kind="adapter" if is_adapter else "weights",
    )


def add_run(world: World, output: Path, **how: Any) -> Run:
    run = finished_run(world.home / "outputs", output, **how)
    world.runs.add(run)
    return world.runs.update(run.id, lambda _: run)


def add_checkpoint(run: Run, name: str, *, step: int, model: Path = MODEL) -> Path:
    """A whole checkpoint as the trainer seals it, with an optimiser's state."""
    folder = run.checkpoints_dir / name
    shutil.copytree(model, folder)
    (folder / "optimizer.pt").write_bytes(b"x" * 50_000)
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    marker = {"step": step, "samples_seen": 4 * step, "saved_at": NOON.timestamp() + step, "files": files}
    (folder / "COMPLETE.json").write_text(json.dumps(marker))
    return folder


def wish(folder: Path, format: str = "gguf", quantization: str = "q8_0", **more: Any) -> ExportWish:
    return ExportWish(ExportFormat(format), folder, Quantization(quantization), **more)


def job(
    model: Path, staging: Path, format: str = "gguf", quantization: str = "f16", **more: Any
) -> ExportJob:
    staging.mkdir(exist_ok=True)
    given = ExportJob(
        base_model=str(MODEL),
        model=model,
        is_adapter=(model / "adapter_config.json").is_file(),
        format=ExportFormat(format),
        quantization=Quantization(quantization),
        staging=staging,
        name="model",
        prompts=PROMPTS,
        offline=True,
    )
    return replace(given, **more)


def unheard(_: Told) -> None:
    """For work whose progress nobody follows."""


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes an adapter on the bundled model that changes its answers; settings are those of peft."""

    def make(name: str, *, added: int = 0, **settings: Any) -> Path:
        import torch  # noqa: PLC0415
        from peft import LoraConfig, get_peft_model  # noqa: PLC0415
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig  # noqa: PLC0415

        folder = tmp_path_factory.mktemp("adapters") / name
        torch.manual_seed(1)
        model, words = AutoModelForCausalLM.from_pretrained(MODEL), AutoTokenizer.from_pretrained(MODEL)
        if added:
            words.add_tokens([f"<new{number}>" for number in range(added)])
            model.resize_token_embeddings(len(words), mean_resizing=False)
        given = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"} | settings
        adapted = get_peft_model(model, LoraConfig(**given))
        with torch.no_grad():
            for weight_name, weight in adapted.named_parameters():
                if "lora_embedding_A" in weight_name:  # of an embedding it is the first that begins as zero
                    weight.normal_(std=0.1)
                elif "lora_B" in weight_name:
                    weight.normal_(std=0.2 if "lm_head" in weight_name else 0.02)
        adapted.save_pretrained(folder, save_embedding_layers=bool(added))  # else it asks the Hub
        words.save_pretrained(folder)
        GenerationConfig.from_pretrained(MODEL).save_pretrained(folder)
        return folder

    return make


def left_over(folder: Path) -> list[str]:
    """What an export that came to nothing has left, hidden files too."""
    return sorted(os.listdir(folder)) if folder.is_dir() else []
