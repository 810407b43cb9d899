"""Puts adapters onto a base model, and proves that each is there whole and changes something."""

import json
import logging
from pathlib import Path
from typing import Any, Final

import torch

from app.domain.errors import EngineError
from app.worker.models import TRAIN_AGAIN

log = logging.getLogger(__name__)

EMPTY: Final = EngineError(
    "The adapter is empty: the run did not change the model.",
    "Train for more steps or with a higher learning rate.",
)


def kind_of(folder: str) -> str:
    """ "LORA" or another kind of peft's; empty if the folder says none."""
    try:
        return str(json.loads((Path(folder) / "adapter_config.json").read_bytes()).get("peft_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def add(model: Any, folder: str, name: str) -> Any:
    """`model` with one adapter more, which is the one that speaks. Raises EngineError; `model` may then
    have a part of it and must be dropped."""
    from peft import PeftModel  # noqa: PLC0415  # slow to import, and whole models do without

    try:
        if isinstance(model, PeftModel):
            model.load_adapter(folder, adapter_name=name)
            model.set_adapter(name)
        else:
            model = PeftModel.from_pretrained(model, folder, adapter_name=name)
        _check(model, folder, name)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        log.exception("adapter")
        raise EngineError(
            f"The adapter in {folder} cannot be read, or does not fit its base model.", TRAIN_AGAIN
        ) from error
    return model.eval()


def effect_of(model: Any, ids: list[int], device: str) -> float:
    """By how much the adapter that speaks changes a logit after these tokens at most. Raises EngineError if
    it changes none: then it is not really there."""
    tokens = torch.tensor([ids], device=device)  # [batch = 1, seq]
    with torch.inference_mode():
        tuned = model(input_ids=tokens).logits.float()
        with model.disable_adapter():
            base = model(input_ids=tokens).logits.float()
    effect = float((tuned - base).abs().max())
    if effect == 0:
        raise EMPTY
    return effect


def _check(adapted: Any, folder: str, name: str) -> None:
    """Refuse an adapter of which something was left out (peft only warns), or that is all zeros."""
    from peft import get_peft_model_state_dict  # noqa: PLC0415
    from peft.utils import load_peft_weights  # noqa: PLC0415

    stored = load_peft_weights(folder, device="cpu")
    # Without the flag peft asks the Hub about the base model's vocabulary.
    loaded = get_peft_model_state_dict(adapted, adapter_name=name, save_embedding_layers=False)
    left_over = {key for key in stored.keys() - loaded.keys() if "lora_" in key}
    if not stored or left_over or loaded.keys() - stored.keys():
        raise ValueError(f"{len(stored.keys() ^ loaded.keys())} tensors differ between file and model")
    updates = [tensor for key, tensor in loaded.items() if "lora_B" in key or "lora_embedding_B" in key]
    if updates and not any(bool(tensor.any()) for tensor in updates):
        raise EMPTY
