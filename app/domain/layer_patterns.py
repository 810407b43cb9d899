"""Regular expressions for the usual groups of a model's layers, and what of a list of names they match."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class PatternGroup:
    """Layers worth choosing together."""

    label: str
    pattern: str
    why: str


PATTERN_GROUPS: Final = (
    PatternGroup("MLP", r"(mlp|feed_forward|ffn|moe)\.|\.fc[12]$", "The layers between attention blocks."),
    PatternGroup("Attention", r"att[^.]*\.[^.]+$", "Queries, keys, values and their output."),
    PatternGroup("All", ".", "Every linear layer but the output layer."),
)


_BLOCKS: Final = {
    "gpt2": "transformer.h.0.{attn.c_attn,attn.c_proj,mlp.c_fc,mlp.c_proj}",
    "opt-": "model.decoder.layers.0.{self_attn.q_proj,self_attn.k_proj,self_attn.v_proj,self_attn.out_proj,"
    "fc1,fc2}",
    "phi-3": "model.layers.0.{self_attn.qkv_proj,self_attn.o_proj,mlp.gate_up_proj,mlp.down_proj}",
    "falcon": "transformer.h.0.{self_attention.query_key_value,self_attention.dense,mlp.dense_h_to_4h,"
    "mlp.dense_4h_to_h}",
    "": "model.layers.0.{self_attn.q_proj,self_attn.k_proj,self_attn.v_proj,self_attn.o_proj,mlp.gate_proj,"
    "mlp.up_proj,mlp.down_proj}",
}
"""Part of a model's name → the linear layers of its first block; last, those of Llama, Mistral and Qwen."""


def usual_names(model: str) -> tuple[str, ...]:
    """What the layers of the first block of such a model are probably called, by the model's name alone."""
    block = next(names for part, names in _BLOCKS.items() if part in model.lower())
    prefix, _, names = block.partition("{")
    return tuple(prefix + name for name in names.removesuffix("}").split(","))


@dataclass(frozen=True)
class Matches:
    """What some patterns find among the names of a model's linear layers."""

    names: tuple[str, ...]
    of: int
    """All its linear layers."""
    without_any: tuple[str, ...]
    """Patterns that match none: a run with them is refused."""

    @property
    def in_short(self) -> str:
        """Names that differ only in their numbers as one: `model.layers.*.mlp.up_proj (24)`."""
        counts = Counter(re.sub(r"(?<=\.)\d+(?=\.)", "*", name) for name in self.names)
        return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.items())


def with_group(text: str, pattern: str) -> str:
    """The patterns with that of a group in their place; without it if it is all there is."""
    return "" if text.split() == [pattern] else pattern


def matches(names: Sequence[str], patterns: Sequence[str]) -> Matches:
    """As the trainer looks: each pattern anywhere in a name. The patterns must be regular expressions."""
    found = [[name for name in names if re.search(pattern, name)] for pattern in patterns]
    chosen = {name for some in found for name in some}
    return Matches(
        tuple(name for name in names if name in chosen),
        len(names),
        tuple(pattern for pattern, some in zip(patterns, found, strict=True) if not some),
    )
