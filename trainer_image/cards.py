"""Which graphics card a run needs: the guide's table by vocabulary and length, and the memory it takes."""

from typing import Final

CARDS: Final = (("A10G", 24), ("L40S", 48), ("A100", 80), ("H200", 141))
"""Cards that are commonly rented, by their memory in GB, smallest first."""
SAFE_SHARE: Final = 0.9
"""Of a card's memory that an estimate may fill."""

_LARGE_VOCABULARY: Final = 200_000
"""Gemma 3 has 262,000; the logits of Qwen 3 and Llama 3 are half of that and less."""


def suggest_gpu(vocabulary: int, max_seq_len: int, needed_bytes: int = 0) -> str | None:
    """The smallest card that the guide allows for such rows and that holds `needed_bytes`; None if none does.

    The guide: up to 2,048 tokens an A10G; up to 8,192 an A100 for a large vocabulary, else an A10G; beyond an
    A100. It looks at the logits only, so the memory of model, gradients and optimiser is asked for besides.
    """
    is_long = max_seq_len > 8192 or (max_seq_len > 2048 and vocabulary > _LARGE_VOCABULARY)
    least_gb = 80 if is_long else 24
    for name, memory_gb in CARDS:
        if memory_gb >= least_gb and needed_bytes <= SAFE_SHARE * memory_gb * 1e9:
            return name
    return None
