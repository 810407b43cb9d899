"""How many rows a run keeps aside to measure on, and which. Imports only the standard library."""

import random
from typing import Final

from trainer_image.config import RunConfig

FEWEST: Final = 32
"""With fewer rows than this nothing is kept aside unless asked for."""
_AUTO_SHARE: Final = 0.05
_AUTO_LEAST: Final = 16
_AUTO_MOST: Final = 128


def validation_count(config: RunConfig, rows: int) -> int:
    """How many of `rows` are kept aside."""
    if config.validation == "share":
        return max(min(max(round(config.validation_share * rows), 1), rows - 1), 0)
    if config.validation == "auto" and rows >= FEWEST:
        return min(max(round(_AUTO_SHARE * rows), _AUTO_LEAST), _AUTO_MOST)
    return 0


def drawn(total: int, count: int, *, seed: int) -> list[int]:
    """Which of `total` rows, by number, are kept aside."""
    return random.Random(seed).sample(range(total), count)  # noqa: S311 no secret
