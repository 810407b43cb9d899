"""Single settings said over a setup, by their own names or by those of training_hub's functions."""

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.setups import Setup
from trainer_image.config import RunConfig

_THEIR_NAMES: Final[Mapping[str, str]] = {
    "model_path": "base_model",
    "accelerate_full_state_at_epoch": "save_full_state",
    "checkpoint_at_epoch": "save_at_epoch",
    "validation_frequency": "eval_steps",
    "save_best_val_loss": "load_best",
    "val_loss_improvement_threshold": "min_improvement",
    "unfreeze_rank_ratio": "method.unfreeze_rank_ratio",
    "target_patterns": "method.target_patterns",
    "lora_r": "method.lora_r",
    "lora_alpha": "method.lora_alpha",
    "lora_dropout": "method.lora_dropout",
    "load_in_4bit": "method.load_in_4bit",
    "load_in_8bit": "method.load_in_8bit",
    "nproc_per_node": "distributed.nproc_per_node",
    "nnodes": "distributed.nnodes",
    "node_rank": "distributed.node_rank",
    "rdzv_id": "distributed.rdzv_id",
    "rdzv_endpoint": "distributed.rdzv_endpoint",
}
"""Name there → place in the config. Where both have one name it is not here."""
_WORKED_OUT: Final = ("data_path", "ckpt_output_dir", "effective_batch_size")


def with_settings(setup: Setup, said: Sequence[str]) -> dict[str, Any]:
    """The setup as a document, with each `name=value` put over it; it is yet to be validated.

    Raises StudioError for what is no such pair, or a name that is none.
    """
    document = setup.model_dump(mode="json")
    for pair in said:
        name, is_pair, text = pair.partition("=")
        if not is_pair:
            raise StudioError(f"“{pair}” is no setting: write it as NAME=VALUE.", "Like learning_rate=1e-5.")
        _put(document, name.strip(), _value(text.strip()))
    return document


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    config = document["config"]
    match name:
        case "data_path":
            config["dataset"] = {"kind": "file"}
            document |= {"file": value, "session": None, "session_name": ""}
        case "ckpt_output_dir":
            document["output_name"] = PurePath(str(value)).name
        case "effective_batch_size":
            _split(config, value)
        case _:
            _put_into(config, _THEIR_NAMES.get(name, name), value)


def _put_into(config: dict[str, Any], place: str, value: Any) -> None:
    *sections, name = place.split(".")
    owner = config
    for section in sections:
        if not isinstance(owner.get(section), dict):
            owner[section] = {}
        owner = owner[section]
    if not sections and name not in RunConfig.model_fields:
        known = [*RunConfig.model_fields, *_THEIR_NAMES, *_WORKED_OUT]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
        raise StudioError(
            f"There is no setting “{name}”; the nearest is “{near}”.",
            "docs/run-contract.md lists them; those of a section are written like method.lora_r.",
        )
    if name == "kind":  # the settings of another kind are none of this one's
        owner.clear()
    owner[name] = value


def _split(config: dict[str, Any], wanted: Any) -> None:
    """So many rows to a step, with no more of them at once than before."""
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
        raise StudioError(
            "effective_batch_size is a whole number from 1 on.", "Like effective_batch_size=64."
        )
    at_once = max(n for n in range(1, config["per_device_batch_size"] + 1) if wanted % n == 0)
    config |= {"per_device_batch_size": at_once, "gradient_accumulation_steps": wanted // at_once}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
