"""Presets hold exactly what the guides say, whoever applies them."""

import pytest

from app.domain.presets import (
    CAUTIOUS_LORA,
    CHEAPEST_RUNPOD,
    FASTEST_RUNPOD,
    OFFERED,
    PRESETS,
    QLORA_TEMPLATE,
    QUICK_LOCAL_TEST,
    RATIO_BANDS,
    TRAINING_TEMPLATE,
    with_preset,
)
from trainer_image.config import Lora, Osft, RunConfig, Sft
from trainer_image.schedule import warmup_steps

GUIDE = {
    "num_epochs": 3,
    "max_steps": None,
    "per_device_batch_size": 1,
    "gradient_accumulation_steps": 8,
    "learning_rate": 2e-4,
    "lr_scheduler": "cosine",
    "precision": "bfloat16",
    "gradient_checkpointing": True,
    "optimizer": "adamw_8bit",
    "save_steps": 100,
    "keep_checkpoints": 2,
}


@pytest.mark.parametrize("name", [QLORA_TEMPLATE, TRAINING_TEMPLATE])
def test_the_guides_training_is_taken_value_for_value(name):
    before = RunConfig(base_model="x", method=Sft(), warmup_steps=5, max_steps=50)

    config = with_preset(before, name)

    assert {field: getattr(config, field) for field in GUIDE} == GUIDE
    assert warmup_steps(config, 120) == 12  # a tenth
    assert config.base_model == "x"


def test_the_qlora_template_is_the_guides_adapter_on_a_model_in_4_bits():
    config = with_preset(RunConfig(base_model="x", method=Osft()), QLORA_TEMPLATE)

    assert config.method == Lora(
        lora_r=64, lora_alpha=128, lora_dropout=0.05, target_modules="attention", load_in_4bit=True
    )


def test_the_training_template_leaves_the_adapter_as_it_is():
    own = Lora(lora_r=7, target_modules="custom", target_patterns=("q_proj",))

    assert with_preset(RunConfig(base_model="x", method=own), TRAINING_TEMPLATE).method == own


def test_the_cautious_one_has_the_guides_first_rate():
    config = with_preset(RunConfig(base_model="x"), CAUTIOUS_LORA)

    assert (config.learning_rate, config.num_epochs) == (1e-5, 3)
    assert config.method == Lora(lora_r=16, lora_alpha=32, lora_dropout=0.0)


def test_the_bands_of_the_ratio_lie_where_the_guide_draws_them():
    conservative, balanced, free = (band.ratio for band in RATIO_BANDS)

    assert 0.1 <= conservative <= 0.3
    assert balanced == 0.5 < free <= 1


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_config_that_holds_for_its_method(name):
    config = with_preset(RunConfig(base_model="x"), name)

    assert config.method.kind == "lora"
    assert (config.max_steps == 50) == (name == QUICK_LOCAL_TEST)


@pytest.mark.parametrize(
    ("name", "values"), [(FASTEST_RUNPOD, (2e-4, 4, 1, 200)), (CHEAPEST_RUNPOD, (2e-5, 2, 4, 200))]
)
def test_runpods_presets_have_the_values_of_the_guide(name, values):
    config = with_preset(RunConfig(base_model="x"), name)

    split = (config.per_device_batch_size, config.gradient_accumulation_steps)
    assert (config.learning_rate, *split, config.max_steps) == values
    assert OFFERED["runpod"] == (FASTEST_RUNPOD, CHEAPEST_RUNPOD)
    assert not set(OFFERED["runpod"]) & set(PRESETS)
