"""Rows kept aside to measure on: drawn with the run's seed, never trained on."""

import random
from typing import Final

import numpy as np

from trainer_image.config import RunConfig
from trainer_image.data import TrainingRows
from trainer_image.tokens import FlatTokens

FEWEST: Final = 32
"""With fewer rows than this nothing is kept aside unless asked for."""
_AUTO_SHARE: Final = 0.05
_AUTO_LEAST: Final = 16
_AUTO_MOST: Final = 128


def validation_count(config: RunConfig, rows: int) -> int:
    """How many of `rows` are kept aside."""
    if config.validation == "share":
        return min(max(round(config.validation_share * rows), 1), rows - 1)
    if config.validation == "auto" and rows >= FEWEST:
        return min(max(round(_AUTO_SHARE * rows), _AUTO_LEAST), _AUTO_MOST)
    return 0


def set_aside(rows: TrainingRows, count: int, *, seed: int) -> None:
    """Move `count` rows, drawn at random, from training to validation; the others keep their order."""
    if not count:
        return
    total = len(rows.input_ids)
    drawn = random.Random(seed).sample(range(total), count)  # noqa: S311 no secret
    is_aside = np.zeros(total, dtype=bool)
    is_aside[drawn] = True
    assert isinstance(rows.tokens, FlatTokens), "blocks are cut after the split"
    rows.validation = TrainingRows(rows.tokens.pick(np.flatnonzero(is_aside)))
    rows.tokens = rows.tokens.pick(np.flatnonzero(~is_aside))
    rows.ledger.set_aside(count)
