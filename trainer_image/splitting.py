"""Rows kept aside to measure on: drawn with the run's seed, never trained on."""

import numpy as np

from trainer_image.aside import drawn
from trainer_image.data import TrainingRows
from trainer_image.tokens import FlatTokens


def set_aside(rows: TrainingRows, count: int, *, seed: int) -> None:
    """Move `count` rows, drawn at random, from training to validation; the others keep their order."""
    if not count:
        return
    total = len(rows.input_ids)
    is_aside = np.zeros(total, dtype=bool)
    is_aside[drawn(total, count, seed=seed)] = True
    assert isinstance(rows.tokens, FlatTokens), "blocks are cut after the split"
    rows.validation = TrainingRows(rows.tokens.pick(np.flatnonzero(is_aside)))
    rows.tokens = rows.tokens.pick(np.flatnonzero(~is_aside))
    rows.ledger.set_aside(count)
