"""Which card is suggested for a run."""

import pytest

from trainer_image.cards import CARDS, SAFE_SHARE, suggest_gpu

GEMMA, QWEN, LLAMA = 262_144, 151_936, 128_256


@pytest.mark.parametrize(
    ("vocabulary", "tokens", "card"),
    [
        (GEMMA, 2048, "A10G"),
        (QWEN, 2048, "A10G"),
        (GEMMA, 8192, "A100"),
        (QWEN, 8192, "A10G"),
        (LLAMA, 8192, "A10G"),
        (GEMMA, 16_384, "A100"),
        (LLAMA, 16_384, "A100"),
    ],
)
def test_a_small_model_gets_the_card_of_the_guides_table(vocabulary: int, tokens: int, card: str):
    assert suggest_gpu(vocabulary, tokens) == card


def test_the_models_memory_asks_for_a_larger_card_and_at_the_end_for_none():
    needed = [round(SAFE_SHARE * memory_gb * 1e9) for _, memory_gb in CARDS]

    suggested = [suggest_gpu(LLAMA, 1024, size) for size in needed]
    one_more = [suggest_gpu(LLAMA, 1024, size + 1) for size in needed]

    assert suggested == ["A10G", "L40S", "A100", "H200"]
    assert one_more == ["L40S", "A100", "H200", None]
