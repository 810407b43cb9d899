"""Where to start: rules of thumb for learning rate and effective batch, by method and size of the data.

Source: the training_hub guides. A start, not a promise: compare several runs.
"""

from typing import Final

from app.domain.decimals import plain
from app.domain.presets import Method

_FEW_ROWS: Final = 1_000
_MANY_ROWS: Final = 10_000
_LARGE_MODEL: Final = 7_000_000_000
_LORA: Final = 1e-5
_LORA_AT_MOST: Final = 1e-4
ADAPTER_RATE: Final = 2e-4
"""With what new adapters learn within a few hundred steps; the guides' cautious 1e-5 takes thousands."""


def suggest_learning_rate(method: Method, rows: int, parameters: int | None = None) -> float:
    """A peak learning rate. All weights and OSFT: lower for much data or a large model.

    `parameters` of None means unknown, and then only the rows count.
    """
    if method == "lora":
        return _LORA
    is_large = parameters is not None and parameters >= _LARGE_MODEL
    if rows > _MANY_ROWS or is_large:
        return 1e-6
    return 5e-6 if rows < _FEW_ROWS else 2e-6


def suggest_batch(rows: int) -> int:
    """Examples behind one step: 32 for very few rows, up to 256."""
    if rows < 500:
        return 32
    if rows < _FEW_ROWS:
        return 64
    return 128 if rows <= _MANY_ROWS else 256


def suggest_epochs(rows: int) -> int:
    """Passes over the rows: two or three, as the guides have it."""
    return 3 if rows <= _MANY_ROWS else 2


def advice_on_learning_rate(method: Method, rows: int) -> str:
    """The sentence of `suggest_learning_rate` for a form."""
    rate = suggest_learning_rate(method, rows)
    if method == "lora":
        more = (
            f"up to {plain(_LORA_AT_MOST)} if it learns too little, and QLoRA guides use "
            f"{plain(ADAPTER_RATE)}"
        )
        return f"A cautious start is {plain(rate)}; {more}."
    return f"A start for {rows:,} rows is {plain(rate)}; lower for models of 7B and more."


def advice_on_batch(rows: int) -> str:
    """The sentence of `suggest_batch` for a form."""
    return f"A start for {rows:,} rows is {suggest_batch(rows)}."


def advice_on_epochs(rows: int, epochs: float | None) -> str:
    """A warning where so few rows are seen too often; empty otherwise."""
    if epochs is None or epochs <= 3 or rows >= _FEW_ROWS:
        return ""
    return f"More than 3 epochs over {rows:,} rows: it may learn them by heart. Watch the validation loss."
