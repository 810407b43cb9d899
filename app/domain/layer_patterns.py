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
