"""How large a model is, told from its `config.json` alone: no weights, no torch.

Counts are exact for the families in `_FAMILIES` (tests compare them with models transformers builds);
any other text model is counted like a Llama with the numbers its config gives, and `is_exact` is False.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from trainer_image.problems import RunFailedError


@dataclass(frozen=True)
class Family:
    """What of a family's layout its config doesn't say. Defaults are those of its class in transformers."""

    head_dim: int | None = None
    tied: bool = False
    qkv_bias: bool | None = None
    """None: as `attention_bias` says, for the output projection too."""
    norms: int = 2
    """Normalisations as wide as the model in each layer."""
    qk_norm: bool = False
    fused: bool = False
    """Query, key and value in one matrix, gate and up in another."""


_FAMILIES: Final[Mapping[str, Family]] = {
    "llama": Family(),
    "mistral": Family(qkv_bias=False),
    "qwen2": Family(qkv_bias=True),
    "qwen3": Family(head_dim=128, qk_norm=True),
    "gemma": Family(head_dim=256, tied=True),
    "gemma2": Family(head_dim=256, tied=True, norms=4),
    "gemma3_text": Family(head_dim=256, tied=True, norms=4, qk_norm=True),
    "phi3": Family(qkv_bias=False, fused=True),
}


@dataclass(frozen=True)
class Matrix:
    """A kind of linear layer: `copies` weights of `[rows, columns]` (outputs, inputs) in the whole model."""

    name: str
    rows: int
    columns: int
    copies: int

    @property
    def elements(self) -> int:
        return self.rows * self.columns * self.copies

    @property
    def rank(self) -> int:
        return min(self.rows, self.columns)


@dataclass(frozen=True)
class Shape:
    """The sizes that decide how much memory a model takes."""

    family: str
    is_exact: bool
    layers: int
    hidden: int
    intermediate: int
    """Width between the MLP's matrices; of all experts a token passes, together."""
    attention: int
    """Width of all query heads together."""
    key_value: int
    """Width of all key heads together; as much again for the values."""
    vocabulary: int
    norms: int
    """As wide as the model, in each layer."""
    qk_norm: bool
    """Whether queries and keys are normalised too."""
    matrices: tuple[Matrix, ...]
    """The linear layers, without embedding and output head."""
    other: int
    """Parameters in no such matrix: embedding, output head, normalisations, biases."""
    layers_at: str = "model.layers"
    """Where the layers are in the model, as the first part of their names."""
    stored_bits: Literal[4, 8] | None = None
    """In how many bits bitsandbytes has stored the matrices, if it has."""

    @property
    def parameters(self) -> int:
        return sum(matrix.elements for matrix in self.matrices) + self.other

    def matching(self, patterns: Sequence[str]) -> tuple[Matrix, ...]:
        """The matrices in whose full names a pattern is found, with as many copies as there are such names.

        All of them if there is none: in a family that is not known they have other names.
        """
        return _matching(self, tuple(patterns))


@lru_cache(maxsize=256)
def _matching(shape: Shape, patterns: tuple[str, ...]) -> tuple[Matrix, ...]:
    """Remembered: whoever looks for the largest batch that fits asks the same again and again."""
    found = []
    for matrix in shape.matrices:
        names = (f"{shape.layers_at}.{layer}.{matrix.name}" for layer in range(shape.layers))
        hits = sum(any(re.search(pattern, name) for pattern in patterns) for name in names)
        found.append(replace(matrix, copies=hits * (matrix.copies // shape.layers)))
    return tuple(matrix for matrix in found if matrix.copies) or shape.matrices


def read_shape(folder: Path) -> Shape:
    """Of the model in a folder. Raises RunFailedError if its config cannot be understood."""
    return shape_of(json.loads((folder / "config.json").read_bytes()))


def shape_of(config: Mapping[str, Any]) -> Shape:
    """Of the content of a `config.json`. Raises RunFailedError if it lacks what is needed."""
    bits = _stored_bits(config.get("quantization_config") or {})
    config = config.get("text_config") or config  # a model that also sees: its language part
    try:
        shape = _gpt2(config) if config.get("model_type") == "gpt2" else _decoder(config)
        return replace(shape, stored_bits=bits)
    except KeyError as missing:
        raise RunFailedError(
            f"The memory of this model cannot be estimated: its config.json has no {missing}.",
            "Start the run without an estimate; its first step measures the memory.",
        ) from None


def _stored_bits(quantisation: Mapping[str, Any]) -> Literal[4, 8] | None:
    if quantisation.get("load_in_4bit") or quantisation.get("bits") == 4:
        return 4
    return 8 if quantisation.get("load_in_8bit") or quantisation.get("bits") == 8 else None


def _decoder(config: Mapping[str, Any]) -> Shape:
    kind = str(config.get("model_type", ""))
    family = _FAMILIES.get(kind, Family())
    experts = int(config.get("num_local_experts") or config.get("num_experts") or 0)
    hidden, layers, heads = (
        int(config[key]) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")
    )
    head = int(config.get("head_dim") or family.head_dim or hidden // heads)
    inner = int((config.get("moe_intermediate_size") if experts else None) or config["intermediate_size"])
    attention = heads * head
    key_value = int(config.get("num_key_value_heads") or heads) * head
    output_bias = bool(config.get("attention_bias", False)) if family.qkv_bias is None else False
    qkv_bias = output_bias if family.qkv_bias is None else family.qkv_bias
    mlp_bias = bool(config.get("mlp_bias", False)) and kind == "llama"
    tied = bool(config.get("tie_word_embeddings", family.tied))
    matrices = _matrices(family, hidden, attention, key_value, inner, layers, max(experts, 1))
    per_layer = (
        family.norms * hidden
        + family.qk_norm * 2 * head
        + qkv_bias * (attention + 2 * key_value)
        + output_bias * hidden
        + mlp_bias * (2 * inner + hidden)
        + experts * hidden  # the router
    )
    vocabulary = int(config["vocab_size"])
    return Shape(
        family=kind,
        is_exact=kind in _FAMILIES and not experts,
        layers=layers,
        hidden=hidden,
        intermediate=inner * max(int(config.get("num_experts_per_tok") or 1), 1) if experts else inner,
        attention=attention,
        key_value=key_value,
        vocabulary=vocabulary,
        norms=family.norms,
        qk_norm=family.qk_norm,
        matrices=matrices,
        other=layers * per_layer + hidden + vocabulary * hidden * (1 if tied else 2),
    )


def _matrices(
    family: Family, hidden: int, attention: int, key_value: int, inner: int, layers: int, experts: int
) -> tuple[Matrix, ...]:
    output = Matrix("self_attn.o_proj", hidden, attention, layers)
    down = Matrix("mlp.down_proj", hidden, inner, layers * experts)
    if family.fused:
        qkv = Matrix("self_attn.qkv_proj", attention + 2 * key_value, hidden, layers)
        return qkv, output, Matrix("mlp.gate_up_proj", 2 * inner, hidden, layers * experts), down
    return (
        Matrix("self_attn.q_proj", attention, hidden, layers),
        Matrix("self_attn.k_proj", key_value, hidden, layers),
        Matrix("self_attn.v_proj", key_value, hidden, layers),
        output,
        Matrix("mlp.gate_proj", inner, hidden, layers * experts),
        Matrix("mlp.up_proj", inner, hidden, layers * experts),
        down,
    )


def _gpt2(config: Mapping[str, Any]) -> Shape:
    """GPT-2: learned positions, biases everywhere, no gate, head tied to the embedding."""
    hidden, layers, vocabulary = (int(config[key]) for key in ("n_embd", "n_layer", "vocab_size"))
    inner = int(config.get("n_inner") or 4 * hidden)
    biases_and_norms = 3 * hidden + hidden + inner + hidden + 4 * hidden
    head = 0 if config.get("tie_word_embeddings", True) else vocabulary * hidden
    embeddings = (vocabulary + int(config["n_positions"])) * hidden + head
    return Shape(
        family="gpt2",
        is_exact=True,
        layers=layers,
        hidden=hidden,
        intermediate=inner,
        attention=hidden,
        key_value=hidden,
        vocabulary=vocabulary,
        norms=2,
        qk_norm=False,
        matrices=(
            Matrix("attn.c_attn", 3 * hidden, hidden, layers),
            Matrix("attn.c_proj", hidden, hidden, layers),
            Matrix("mlp.c_fc", inner, hidden, layers),
            Matrix("mlp.c_proj", hidden, inner, layers),
        ),
        layers_at="transformer.h",
        other=embeddings + layers * biases_and_norms + 2 * hidden,
    )
