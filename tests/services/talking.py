"""Services that talk to models, over the echo engine; a folder that looks like a model."""

import json
from collections.abc import Sequence
from pathlib import Path

from app.adapters.model_configs import FoundModelConfigs
from app.adapters.model_files import FoundModels
from app.adapters.sqlite.conversations import SqliteConversationStore
from app.domain.gpus import Gpu
from app.domain.runs import Measurement
from app.services.comparing import ComparingService
from app.services.conversing import ConversationService
from app.services.proving import ProvingService
from app.services.talkers import TalkerService
from tests.services.conftest import NOON, World

CONFIG = {
    "model_type": "llama",
    "hidden_size": 2048,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 8192,
    "vocab_size": 128256,
    "tie_word_embeddings": True,
}
"""Of Llama 3.2 1B."""


def model_folder(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | config))
    (folder / "model.safetensors").write_bytes(b"x")
    (folder / "tokenizer.json").write_text("{}")
    return folder


def adapter_folder(folder: Path, base: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    (folder / "adapter_model.safetensors").write_bytes(b"x" * 1000)
    (folder / "tokenizer_config.json").write_text("{}")
    return folder


def talkers_of(
    world: World, *, free_gb: float = 16.0, gpus: tuple[Gpu, ...] = (), offline: str = ""
) -> TalkerService:
    free = round(free_gb * 2**30)
    return TalkerService(
        world.runs,
        FoundModels(),
        FoundModelConfigs(world.secrets.hf_token),
        gpus=lambda: gpus,
        computer_memory=lambda: (2 * free, free),
        offline=lambda: offline,
        bundled_model=world.home / "tiny-model",
    )


def conversations_of(world: World) -> ConversationService:
    store = SqliteConversationStore(world.runs._engine, clock=lambda: world.now[0])
    return ConversationService(
        store,
        talkers_of(world),
        world.engine,
        world.library,
        exports=world.home / "exports",
        clock=lambda: world.now[0],
    )


def comparing_of(world: World) -> ComparingService:
    return ComparingService(
        talkers_of(world), world.engine, world.library, exports=world.home / "exports", clock=lambda: NOON
    )


def proving_of(world: World, measurements: Sequence[Measurement] = ()) -> ProvingService:
    return ProvingService(world.runs, comparing_of(world), lambda _: measurements)
