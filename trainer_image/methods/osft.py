"""Orthogonal subspace fine-tuning: new knowledge goes where the weights say little.

Source: Nayak et al. 2025, arXiv:2504.07097. One ratio for all layers, as in mini_trainer; the paper's ranks
that adapt to each layer are not here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from transformers import TrainerCallback

from trainer_image import subspace, targets
from trainer_image.config import Osft
from trainer_image.methods.sft import require_unquantised

OUTPUT_KIND: Final[Literal["weights"]] = "weights"
# The constraint holds to 1e-7 in float32; in bfloat16 it could not hold to better than 1e-2.
FLOAT32_WEIGHTS: Final = True


def prepare(model: Any, settings: Osft) -> Any:
    """Factorise the target layers. Raises RunFailedError if there is none, or the model is quantised."""
    require_unquantised(model, "OSFT")
    names = list(targets.linear_layers(model))
    patterns = settings.target_patterns
    chosen = targets.matching(names, patterns) if patterns else targets.usual(names)
    model.requires_grad_(settings.train_rest)
    subspace.factorise(model, chosen, settings.unfreeze_rank_ratio)
    return model


def describe(model: Any, settings: Osft) -> list[str]:
    """Which layers learn, how much of all and how much of each kind of matrix."""
    layers = dict(subspace.subspace_layers(model))
    learning = sum(len(layer.S_low) for layer in layers.values())
    directions = learning + sum(len(layer.S_high) for layer in layers.values())
    rest = "everything else learns too" if settings.train_rest else "everything else stays as it is"
    return [
        f"OSFT: {learning:,} of {directions:,} directions of {len(layers)} layers learn, {rest}. "
        f"The layers: {targets.in_short(list(layers))}.",
        f"By matrix: {'; '.join(_by_matrix(layers))}.",
    ]


def _by_matrix(layers: dict[str, subspace.SubspaceLinear]) -> Iterator[str]:
    """`q_proj 64×64: 32 of 64 directions learn`, each kind and shape once."""
    kinds = {
        (name.rpartition(".")[2], layer.out_features, layer.in_features): layer
        for name, layer in layers.items()
    }
    for (kind, rows, columns), layer in kinds.items():
        learning, frozen = len(layer.S_low), len(layer.S_high)
        yield f"{kind} {rows}×{columns}: {learning} of {learning + frozen} directions learn"


def attach(loop: Any) -> None:
    """Keep the constraint at every step of the loop."""
    loop.add_callback(Projection(loop.model))


def save(model: Any, folder: Path, *, base_model: str, dtype: Any) -> None:
    """Save an ordinary checkpoint, dense and in the number format of the base model."""
    subspace.densify(model)
    model.to(dtype or model.dtype).save_pretrained(folder)


class Projection(TrainerCallback):  # type: ignore[misc]
    """Projects gradients before each step of the optimiser, after they are clipped, and weights after it."""

    def __init__(self, model: Any) -> None:
        self._layers = [layer for _, layer in subspace.subspace_layers(model)]

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        for layer in self._layers:
            layer.project_gradients()

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        for layer in self._layers:
            layer.project_weights()
