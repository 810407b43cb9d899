"""Which of a model's linear layers a method works on, by regular expressions over their names.

The output layer is never among them: it often shares its weight with the embedding.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from trainer_image.problems import RunFailedError
from trainer_image.stored import USUAL


def linear_layers(model: Any) -> dict[str, Any]:
    """Full name → layer, for every linear layer but the output layer; GPT-2's `Conv1D` is one too."""
    from torch.nn import Linear  # noqa: PLC0415
    from transformers.pytorch_utils import Conv1D  # noqa: PLC0415 GPT-2's linear layer

    head = model.get_output_embeddings()
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (Linear, Conv1D)) and module is not head
    }


def matching(layers: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Names of the layers in which a pattern is found. Raises RunFailedError for one found in none."""
    for pattern in patterns:
        if not any(re.search(pattern, name) for name in layers):
            raise RunFailedError(
                f"The target pattern '{pattern}' matches no layer of this model.",
                _named_like(layers) + " The output layer cannot be a target.",
            )
    return [name for name in layers if any(re.search(pattern, name) for pattern in patterns)]


def usual(layers: Sequence[str]) -> list[str]:
    """Names of the attention and MLP layers. Raises RunFailedError if none has a usual name."""
    found = [name for name in layers if re.search(USUAL, name)]
    if not found:
        raise RunFailedError(
            "None of this model's linear layers has one of the usual names.",
            "Give target patterns. " + _named_like(layers) if layers else "Choose another model.",
        )
    return found


def attention(layers: Sequence[str]) -> list[str]:
    """Names of the layers inside attention blocks. Raises RunFailedError if there are none."""
    found = [name for name in layers if "att" in name.rpartition(".")[0].lower()]
    if not found:
        raise RunFailedError(
            "No attention layers were found in this model.", "Choose all linear layers as the target."
        )
    return found


def in_short(names: Sequence[str]) -> str:
    """All of the names, those that differ in their numbers only as one: `model.layers.*.mlp.up_proj (24)`."""
    counts = Counter(re.sub(r"(?<=\.)\d+(?=\.)", "*", name) for name in names)
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.items())


def _named_like(layers: Sequence[str]) -> str:
    return f"Its linear layers are: {in_short(layers)}."
