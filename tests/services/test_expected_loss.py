"""The guide's losses stand where its numbers hold, and nowhere else."""

import pytest

from app.domain.expected_loss import BANDS, band_at, expected_loss_note
from trainer_image.config import Lora, RunConfig, Sft

WHOLE = RunConfig(base_model="Qwen/Qwen3-0.6B-Base", method=Sft(), unmask_messages=True)


def test_the_bands_are_the_guides():
    assert BANDS == ((2.0, 3.0), (1.5, 2.0), (1.0, 1.5), (0.8, 1.2))
    assert [band_at(WHOLE, epoch) for epoch in (0, 0.9, 1, 2.5, 3)] == [
        BANDS[0], BANDS[0], BANDS[1], BANDS[2], BANDS[3],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("loss", "said"),
    [(1.4, "this run is below it"), (1.7, "this run is in it"), (2.1, "this run is above it")],
)
def test_the_note_says_where_the_run_is(loss, said):
    note = expected_loss_note(WHOLE, epoch=1.2, loss=loss)

    assert note.startswith("The training guide expects 1.5 to 2 after 1 epoch")
    assert said in note


@pytest.mark.parametrize(
    "changes",
    [
        {"unmask_messages": False},
        {"method": Lora(), "base_model": "Qwen/Qwen2.5-0.5B-Instruct"},
    ],
    ids=["masked", "lora-on-instruct"],
)
def test_it_is_silent_where_the_numbers_do_not_hold(changes):
    assert expected_loss_note(WHOLE.model_copy(update=changes), epoch=1.0, loss=1.0) == ""


def test_it_is_silent_after_the_epochs_it_knows():
    assert expected_loss_note(WHOLE, epoch=4.0, loss=1.0) == ""
