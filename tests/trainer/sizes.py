"""Models known by their config.json alone, and what is asked of them: for tests of the memory estimate."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainer_image.config import RunConfig
from trainer_image.shapes import Shape, shape_of
from trainer_image.stored import Work

CONFIGS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "model_configs.json").read_text(encoding="utf-8")
)
LORA = {"kind": "lora", "lora_r": 16}
OSFT = {"kind": "osft"}


def shape(name: str) -> Shape:
    return shape_of(CONFIGS[name])


def work(method: Any = "sft", **changes: Any) -> Work:
    return replace(Work(method=method, rows=2, tokens_per_row=1024), **changes)


def config_of(method: dict[str, Any], **settings: Any) -> RunConfig:
    return RunConfig.model_validate({"base_model": "any", "method": method, **settings})
