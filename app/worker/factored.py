"""A checkpoint of OSFT holds each matrix in two factored parts; only the run's result is an ordinary model.

W [out, in] = U_high diag(S_high) V_high + U_low diag(S_low) V_low, as `trainer_image.subspace` writes it.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from app.domain.errors import StudioError

_MARK: Final = ".U_low"
_PARTS: Final = ("U_high", "S_high", "V_high", "U_low", "S_low", "V_low")
_INDEX: Final = "model.safetensors.index.json"


def is_factored(folder: Path) -> bool:
    """By the names of its tensors; reads no weights."""
    return any(name.endswith(_MARK) for file in _files(folder) for name in _names(file))


def write_dense(folder: Path, target: Path) -> Path:
    """The same model as an ordinary one, in the number format of its config. Raises StudioError."""
    model = dense_model(folder)
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.safetensors", _INDEX, "optimizer*"))
    model.to(getattr(model.config, "dtype", None) or torch.float32).save_pretrained(target)
    return target


def dense_model(folder: Path) -> Any:
    """The same model as an ordinary one in memory, in float32. Raises StudioError."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    tensors: dict[str, torch.Tensor] = {}
    for file in _files(folder):
        with safe_open(file, "pt") as source:
            tensors.update({name: source.get_tensor(name) for name in source.keys()})  # noqa: SIM118 no mapping
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for name in [key.removesuffix(_MARK) for key in tensors if key.endswith(_MARK)]:
        parts = [tensors.pop(f"{name}.{part}").float() for part in _PARTS]
        dense = _product(*parts[:3]) + _product(*parts[3:])
        is_turned = isinstance(model.get_submodule(name), Conv1D)
        tensors[f"{name}.weight"] = dense.T.contiguous() if is_turned else dense
    missing = set(model.load_state_dict(tensors, strict=False).missing_keys) - set(_tied(model))
    if missing:
        raise StudioError(
            f"The checkpoint {folder.name} is not whole: {min(missing)} is missing.", "Choose another one."
        )
    return model


def _product(u: torch.Tensor, s: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return (u * s) @ v


def _tied(model: Any) -> list[str]:
    return list(
        getattr(model, "all_tied_weights_keys", None) or getattr(model, "_tied_weights_keys", None) or ()
    )


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _names(file: Path) -> list[str]:
    with file.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        return list(json.loads(source.read(length)))
