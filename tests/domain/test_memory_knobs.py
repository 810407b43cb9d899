"""What is changed next when a run did not fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.memory_knobs import next_knob
from trainer_image.config import Lora, Osft, RunConfig, Sft


def labels(config: RunConfig) -> list[str]:
    """Each next change until none is left."""
    found = []
    while (knob := next_knob(config)) is not None:
        found.append(knob.label)
        config = RunConfig.model_validate(knob.config.model_dump())  # what is offered can be started
        assert len(found) < 100
    return found


def test_what_leaves_the_result_alone_comes_first_then_the_guides_order():
    config = RunConfig(base_model="m", per_device_batch_size=4, max_seq_len=512, method=Lora(lora_r=8))

    assert labels(config) == [
        "Retry with 2 rows at once instead of 4",
        "Retry with 1 row at once instead of 2",
        "Retry with gradient checkpointing",
        "Retry with the model in 4 bits (QLoRA)",
        "Retry with 256 tokens at most instead of 512",
        "Retry with 128 tokens at most instead of 256",
        "Retry with rank 4",
    ]


@given(st.integers(1, 64), st.integers(1, 64))
def test_fewer_rows_at_once_keep_the_effective_batch(rows, accumulation):
    config = RunConfig(base_model="m", per_device_batch_size=rows, gradient_accumulation_steps=accumulation)

    knob = next_knob(config)

    assert knob is not None
    assert knob.config.effective_batch_size == config.effective_batch_size
    assert knob.keeps_result
    if rows > 1:
        assert knob.config.per_device_batch_size <= rows / 2


def test_a_bound_on_tokens_gives_way_before_rows_become_shorter():
    config = RunConfig(base_model="m", method=Sft(), max_tokens_per_gpu=4096, max_seq_len=2048)

    assert labels(config)[:3] == [
        "Retry with 2,048 tokens at once instead of 4,096",
        "Retry with gradient checkpointing",
        "Retry with 1,024 tokens at most instead of 2,048",
    ]


def test_osft_ends_with_fewer_directions():
    config = RunConfig(base_model="m", method=Osft(), max_seq_len=128, per_device_batch_size=1)

    assert labels(config) == [
        "Retry with gradient checkpointing",
        "Retry with an unfreeze ratio of 0.25",
        "Retry with an unfreeze ratio of 0.125",
    ]


@pytest.mark.parametrize(("over_long", "fate"), [("drop", "left out"), ("truncate", "cut")])
def test_shorter_rows_say_what_becomes_of_the_longer_ones(over_long, fate):
    config = RunConfig(
        base_model="m",
        method=Sft(),
        per_device_batch_size=1,
        gradient_checkpointing=True,
        over_long=over_long,
    )

    knob = next_knob(config)

    assert knob is not None
    assert knob.cost == f"Rows of more than 1,024 tokens are {fate}."
    assert not knob.keeps_result
