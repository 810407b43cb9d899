"""Numbers that the guides and the tab's acceptance rows give, read off the code in one table."""

import pytest

from app.domain.chat import DEFAULT_PRESET, MAX_NEW_TOKENS_RANGE, PRESETS, TEMPERATURE_RANGE
from app.services.loss_files import EMA_SPAN, smoothed
from trainer_image.cards import SAFE_SHARE
from trainer_image.config import Lora, Osft, Push, RunConfig
from trainer_image.token_bound import LARGEST, SMALLEST


def test_a_runs_defaults_are_those_of_the_rows():
    config = RunConfig(base_model="a/b")

    assert (config.num_epochs, config.learning_rate) == (1, 2e-4)
    assert (config.per_device_batch_size, config.gradient_accumulation_steps) == (2, 4)
    assert (config.weight_decay, config.lr_scheduler, config.seed) == (0.01, "cosine", 3407)
    assert config.document_column_name == "document"
    assert (config.packing, config.unmask_messages, config.validation) == (False, False, "auto")
    assert (Lora().lora_r, Lora().lora_alpha, Lora().lora_dropout) == (16, 32, 0.0)
    assert Osft().unfreeze_rank_ratio == 0.5
    assert Push(repo_id="a/b").private


def test_quick_local_inference_has_the_presets_and_ranges_of_the_rows():
    told = {name: (s.temperature, s.max_new_tokens, s.repetition_penalty) for name, s in PRESETS.items()}

    assert told == {
        "Deterministic": (0.0, 128, 1.2),
        "Balanced": (0.7, 256, 1.15),
        "Creative": (1.0, 512, 1.1),
    }
    assert (DEFAULT_PRESET, TEMPERATURE_RANGE, MAX_NEW_TOKENS_RANGE) == ("Balanced", (0.1, 1.2), (64, 512))


def test_smoothing_and_the_search_for_tokens_at_once_have_the_guides_numbers():
    assert EMA_SPAN == 30
    assert smoothed([0.0] * 500 + [31.0])[-1] == pytest.approx(2.0)  # where its beginning is forgotten
    assert (SMALLEST, LARGEST, SAFE_SHARE) == (256, 16_384, 0.9)
