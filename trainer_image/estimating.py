"""What a run's config means in memory and on disk: the estimate before anything large is loaded.

Imports no training library.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal

from trainer_image import memory
from trainer_image.config import Lora, RunConfig
from trainer_image.events import Memory
from trainer_image.memory import LoraShape, Work
from trainer_image.models import find_model
from trainer_image.problems import RunFailedError, explain_hub
from trainer_image.shapes import Shape, shape_of


def shape_of_model(model: str, *, offline: bool) -> Shape:
    """Of a model folder, or of a model on the Hub, of which only `config.json` is fetched.

    Raises RunFailedError if there is none or it lacks what is needed.
    """
    path = Path(model) / "config.json"
    if not os.path.isabs(model):
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 a third of a second

        try:
            path = Path(hf_hub_download(model, "config.json", local_files_only=offline))
        except Exception as error:
            raise explain_hub(error, kind="model", name=model, offline=offline) or error from error
    try:
        return shape_of(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        raise RunFailedError(
            f"The config.json of {model} cannot be read.", "The model may be incomplete; get it again."
        ) from None


def work_of(
    config: RunConfig, *, device: Literal["cpu", "cuda"], bfloat16: bool, longest: int | None = None
) -> Work:
    """`longest` is the longest row in tokens; without data it is as long as the config allows."""
    adapter = isinstance(config.method, Lora)
    return Work(
        method=_method(config),
        rows=config.per_device_batch_size,
        tokens_per_row=longest or config.max_seq_len,
        device=device,
        bfloat16=bfloat16,
        float32_weights=not adapter or device == "cpu" or not bfloat16,
        gradient_checkpointing=config.gradient_checkpointing,
    )


def as_event(shape: Shape, work: Work, *, available: int | None = None) -> Memory:
    guess = memory.estimate(shape, work)
    return Memory(
        device=work.device,
        low=guess.low,
        expected=guess.expected,
        high=guess.high,
        terms=guess.terms,
        known_model=shape.is_exact,
        rows_at_once=work.rows,
        longest_row=work.tokens_per_row,
        available=available,
    )


def estimate_run(run_dir: Path, config: RunConfig, *, device: Literal["cpu", "cuda"]) -> dict[str, Any]:
    """What `train.py --estimate` prints. Raises RunFailedError. Loads no weights and no data."""
    bfloat16 = config.precision != "float32" if device == "cuda" else config.precision == "bfloat16"
    shape = shape_of_model(find_model(config.base_model, run_dir), offline=config.offline)
    work = work_of(config, device=device, bfloat16=bfloat16)
    event = as_event(shape, work).model_dump(exclude={"type", "time", "peak", "reserved", "available"})
    return {
        **event,
        "parameters": shape.parameters,
        "trained_parameters": memory.trained_parameters(shape, work),
        "checkpoint_bytes": memory.checkpoint_bytes(shape, work, full_state=config.save_full_state),
    }


def _method(config: RunConfig) -> Literal["sft"] | LoraShape:
    if isinstance(config.method, Lora):
        return LoraShape(config.method.lora_r, attention_only=config.method.target_modules == "attention")
    return "sft"
