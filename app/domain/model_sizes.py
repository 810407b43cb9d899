"""How large a model is when only its name is known, and which sizes of models there are to choose from."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

from trainer_image.shapes import Shape, shape_of

_SIZE: Final = re.compile(r"(?<![\w.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?![a-z])", re.IGNORECASE)
_UNIT: Final = {"b": 10**9, "m": 10**6}
_STORED: Final = re.compile(r"([48])[-_]?bit", re.IGNORECASE)
_VOCABULARY: Final = 151_936
"""Qwen's, larger than most: its logits are among what takes the most memory."""
_LAYOUTS: Final = (
    (0.2e9, 576, 30),
    (0.9e9, 896, 24),
    (2e9, 1536, 28),
    (4e9, 2560, 34),
    (10e9, 4096, 32),
    (18e9, 5120, 40),
    (40e9, 6144, 60),
)
"""Parameters up to → width and layers that models of that size usually have."""
_LARGEST: Final = (8192, 80)
USUAL_SIZES: Final = tuple(
    round(billions * 10**9) for billions in (0.14, 0.36, 0.5, 1, 1.5, 3, 4, 7, 8, 14, 32, 70)
)
"""Parameters of models that are commonly had, smallest first."""


class ModelConfigs(Protocol):
    """Where the `config.json` of models comes from."""

    def of(self, model: str, *, offline: bool) -> Mapping[str, Any]:
        """The content of its config.json. Blocking; raises StudioError if it cannot be had."""
        ...


def parameters_in_name(name: str) -> int | None:
    """8,000,000,000 for "Llama-3.1-8B-Instruct", 56 billion for "Mixtral-8x7B"; None if no size is in it."""
    found = _SIZE.search(name.replace("_", "-").rpartition("/")[2])
    if found is None:
        return None
    experts, number, unit = found.groups()
    return round(int(experts or 1) * float(number) * _UNIT[unit.lower()])


def stored_bits_in_name(name: str) -> Literal[4, 8] | None:
    """What "-bnb-4bit" says."""
    found = _STORED.search(name)
    return None if found is None else 4 if found[1] == "4" else 8


def rough_shape(parameters: int, *, stored_bits: Literal[4, 8] | None = None) -> Shape:
    """A Llama of about so many parameters. Not exact, and said to be so: its estimate has the wider range."""
    width, layers = next(((w, n) for most, w, n in _LAYOUTS if parameters <= most), _LARGEST)
    embedding = _VOCABULARY * width * (1 if parameters < 2e9 else 2)
    inner = max((parameters - embedding) / layers - 2.5 * width * width, width * width) / (3 * width)
    return shape_of(
        {
            "model_type": "unknown",
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": width // 64,
            "num_key_value_heads": max(width // 256, 1),
            "intermediate_size": max(round(inner / 64), 1) * 64,
            "vocab_size": _VOCABULARY,
            "tie_word_embeddings": parameters < 2e9,
            "quantization_config": {"bits": stored_bits} if stored_bits else None,
        }
    )


def size_in_words(parameters: int) -> str:
    """ "135 million", "1.5 billion"."""
    if parameters < 10**9:
        return f"{parameters / 10**6:.0f} million"
    return f"{parameters / 10**9:.1f} billion".replace(".0 ", " ")
