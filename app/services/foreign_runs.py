"""Look into a folder that another trainer left: whose it is, its loss curve, and a model one can talk to.

training_hub writes `training_log.jsonl` and, for LoRA, `training_metrics.jsonl`; instructlab-training
`training_params_and_metrics_global0.jsonl` and `hf_format/samples_N`; mini-trainer
`training_metrics_0.jsonl` and `hf_format/samples_N.0` or `hf_format/last_epoch`; transformers
`checkpoint-N/trainer_state.json`. Nothing is written.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.weight_files import parts_named_in
from app.services.loss_files import LossCurve, read_losses

UNKNOWN_MODEL: Final = "unknown"
"""Stands where a folder does not say what its model was made from."""

_TRAINERS: Final = (
    (r"training_params_and_metrics_global\d+\.jsonl", "instructlab-training"),
    (r"training_metrics_\d+\.jsonl", "mini-trainer"),
    (r"training_log\.jsonl", "training_hub"),
    (r"training_metrics\.jsonl", "training_hub"),
    (r"trainer_state\.json", "transformers"),
)
_TOKENIZER: Final = ("tokenizer_config.json", "tokenizer.json")


@dataclass(frozen=True)
class FoundRun:
    """What lies in a folder."""

    folder: Path
    trainer: str
    curve: LossCurve | None
    model: Path | None
    """Folder of a whole adapter or model with its tokenizer, in `folder`; None if there is none."""
    kind: str | None
    """"adapter" or "weights"."""
    base_model: str
    notes: tuple[str, ...]
    """What was found and what was not, as sentences."""


def look_into(folder: Path) -> FoundRun:
    """Raises StudioError if there is neither a curve nor a model, or the folder cannot be read."""
    if not folder.is_dir():
        raise StudioError(f"There is no folder {folder}.", "Give the output folder of a trainer.")
    try:
        curve = read_losses(folder)
        model, problem = _newest_model(folder)
    except OSError as error:
        raise StudioError(
            f"{folder} cannot be read: {error.strerror or error}.", "Check who may read it."
        ) from error
    if curve is None and model is None:
        raise StudioError(
            f"There is neither a loss curve nor a model in {folder}.",
            "Give the output folder of training_hub, instructlab-training, mini-trainer or transformers.",
        )
    kind = None if model is None else "adapter" if _is_adapter(model) else "weights"
    base = _base_of(model) if model else UNKNOWN_MODEL
    notes = (_of_curve(curve), *_of_model(folder, model, kind, problem, base))
    return FoundRun(folder, _trainer_of(folder, curve), curve, model, kind, base, notes)


def _trainer_of(folder: Path, curve: LossCurve | None) -> str:
    name = curve.file.name if curve else ""
    known = (trainer for pattern, trainer in _TRAINERS if re.fullmatch(pattern, name))
    return next(known, "instructlab-training" if (folder / "hf_format").is_dir() else "another trainer")


def _newest_model(folder: Path) -> tuple[Path | None, str]:
    """The model furthest trained that is whole, and what is wrong with the one furthest trained of all."""
    problem = ""
    for candidate in sorted(_candidates(folder), key=partial(_how_far, folder), reverse=True):
        reason = _not_whole(candidate)
        if not reason:
            return candidate, problem
        problem = problem or f"{candidate.relative_to(folder)}: {reason}"
    return None, problem


def _candidates(folder: Path) -> Iterator[Path]:
    places = [folder, *folder.glob("hf_format/*"), *folder.glob("checkpoint-*"), *folder.glob("final_model*")]
    yield from (p for p in places if p.is_dir() and ((p / "config.json").is_file() or _is_adapter(p)))


def _how_far(folder: Path, model: Path) -> float:
    """Final ones first, then by the number in the name: of samples or steps, which may be a float.

    What lies in the folder itself is final, whatever that is called: `out_2` is no step.
    """
    number = re.search(r"[-_](\d+(?:\.\d+)?)$", model.name)
    return float(number[1]) if number and model != folder else float("inf")


def _is_adapter(model: Path) -> bool:
    return (model / "adapter_config.json").is_file()


def _not_whole(model: Path) -> str:
    """Why it cannot be loaded, in half a sentence; empty if it can."""
    if not any((model / name).is_file() for name in _TOKENIZER):
        return "its tokenizer is missing"
    if _is_adapter(model):
        return "" if (model / "adapter_model.safetensors").is_file() else "its weights are missing"
    try:
        parts = parts_named_in((model / "model.safetensors.index.json").read_bytes())
    except (OSError, ValueError):
        return "" if (model / "model.safetensors").is_file() else "its weights are missing"
    lacking = sorted(name for name in parts if not (model / name).is_file())
    return f"{lacking[0]} is missing" if lacking else ""


def _base_of(model: Path) -> str:
    adapter, config = _json(model / "adapter_config.json"), _json(model / "config.json")
    name = (adapter or {}).get("base_model_name_or_path") or (config or {}).get("_name_or_path")
    return name if isinstance(name, str) and name else UNKNOWN_MODEL


def _of_curve(curve: LossCurve | None) -> str:
    if curve is None:
        return "No loss curve was found."
    last = curve.points[-1]
    return f"A loss curve of {len(curve.points):,} points up to step {last.step:,}, in {curve.file.name}."


def _of_model(folder: Path, model: Path | None, kind: str | None, problem: str, base: str) -> Iterator[str]:
    if problem:
        yield f"Not whole, so passed over: {problem}."
    if model is None:
        yield "No whole model was found: there is nothing to talk to."
        return
    what = "An adapter" if kind == "adapter" else "A whole model"
    of = f" of {base}" if base != UNKNOWN_MODEL else ", of an unknown base model"
    place = model.relative_to(folder)
    yield f"{what}{of}" + (f", in {place}." if place.parts else ".")


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
