"""Warnings at the borders where they begin, and the moment overfitting is told."""

from typing import Any

import pytest

from trainer_image.cautions import cautions
from trainer_image.config import Lora, Osft, RunConfig
from trainer_image.events import Overfitting
from trainer_image.overfitting import OverfitDetector


def warned(
    *, rows: int = 5000, parameters: int = 10**9, engine: Any = "transformers", **settings: Any
) -> str:
    config = RunConfig(base_model="x", **settings)
    return " ".join(cautions(config, rows=rows, parameters=parameters, engine=engine))


@pytest.mark.parametrize(
    ("epochs", "rows", "max_steps", "is_said"),
    [(4, 999, None, True), (3, 999, None, False), (4, 1000, None, False), (4, 999, 10, False)],
)
def test_many_epochs_over_few_rows_are_warned_of(
    epochs: int, rows: int, max_steps: int | None, is_said: bool
) -> None:
    assert ("by heart" in warned(num_epochs=epochs, rows=rows, max_steps=max_steps)) == is_said


@pytest.mark.parametrize(
    ("ratio", "parameters", "is_said"),
    [(0.6, 8 * 10**9, True), (0.5, 8 * 10**9, False), (0.6, 8 * 10**9 - 1, False)],
)
def test_a_high_ratio_on_a_large_model_is_warned_of(ratio: float, parameters: int, is_said: bool) -> None:
    said = warned(method=Osft(unfreeze_rank_ratio=ratio), parameters=parameters)

    assert ("unfreeze_rank_ratio" in said) == is_said


@pytest.mark.parametrize(
    ("dropout", "engine", "is_said"),
    [(0.1, "unsloth", True), (0.0, "unsloth", False), (0.1, "transformers", False)],
)
def test_dropout_is_warned_of_with_unsloth_only(dropout: float, engine: str, is_said: bool) -> None:
    assert ("lora_dropout" in warned(method=Lora(lora_dropout=dropout), engine=engine)) == is_said


def told(training: list[float], validation: list[float]) -> list[Overfitting]:
    detector, found = OverfitDetector(), []
    for at, (train, measured) in enumerate(zip(training, validation, strict=True), start=1):
        found.append(
            detector.add(
                10 * at, training=train, validation=measured, best_step=20, best_loss=min(validation)
            )
        )
    return [event for event in found if event]


FALLING = [2.0, 1.5, 1.0, 0.8, 0.6, 0.5]


def test_three_rises_in_a_row_are_told_once_with_the_best_step() -> None:
    (event,) = told(FALLING, [1.5, 1.4, 1.5, 1.6, 1.7, 1.8])

    assert (event.step, event.best_step, event.best_loss) == (50, 20, 1.4)


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        (FALLING, [1.5, 1.4, 1.5, 1.6, 1.5, 1.6]),
        ([1.0, 1.0, 1.1, 1.2, 1.3, 1.4], [1.5, 1.4, 1.5, 1.6, 1.7, 1.8]),
    ],
    ids=["interrupted", "training rises too"],
)
def test_nothing_else_is_called_overfitting(training: list[float], validation: list[float]) -> None:
    assert told(training, validation) == []


def test_an_adapter_begins_with_the_guides_values() -> None:
    method = Lora()

    assert (method.lora_r, method.lora_alpha, method.lora_dropout) == (16, 32, 0.0)
