"""Base or instruct, by the families' own way to name their models."""

import pytest

from trainer_image.variants import base_model_hint, classify_model, instruct_variant


@pytest.mark.parametrize(
    "name",
    [
        "google/gemma-3-4b-it",
        "google/gemma-3n-E4B-it",
        "google/gemma-2-2b-it",
        "Qwen/Qwen3-8B",
        "Qwen/Qwen3-30B-A3B",
        "Qwen/Qwen3-4B-Instruct-2507",
        "Qwen/Qwen3-4B-Thinking-2507",
        "unsloth/Qwen3-8B-unsloth-bnb-4bit",
        "Qwen/Qwen2.5-0.5B-Instruct",
        "meta-llama/Llama-3.2-1B-Instruct",
        "unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit",
        "meta-llama/Llama-2-7b-chat-hf",
        "mistralai/Mistral-7B-Instruct-v0.3",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "HuggingFaceTB/SmolLM3-3B",
        "somebody/newfangled-7b-chat",
        "/models/gemma-3-1b-it",
    ],
)
def test_instruct_variants_are_known_by_their_names(name: str) -> None:
    assert classify_model(name) == "instruct"
    assert instruct_variant(name) is None
    assert base_model_hint(name) == ""


@pytest.mark.parametrize(
    ("name", "sibling"),
    [
        ("google/gemma-3-4b-pt", "google/gemma-3-4b-it"),
        ("google/gemma-2-2b", "google/gemma-2-2b-it"),
        ("google/gemma-3n-E4B", "google/gemma-3n-E4B-it"),
        ("unsloth/gemma-3-4b-pt-unsloth-bnb-4bit", "unsloth/gemma-3-4b-it-unsloth-bnb-4bit"),
        ("Qwen/Qwen3-8B-Base", "Qwen/Qwen3-8B"),
        ("Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B-Instruct"),
        ("meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.2-1B-Instruct"),
        ("meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B-Instruct"),
        ("unsloth/llama-3-8b-bnb-4bit", "unsloth/llama-3-8b-Instruct-bnb-4bit"),
        ("meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-7b-chat-hf"),
        ("mistralai/Mistral-7B-v0.3", "mistralai/Mistral-7B-Instruct-v0.3"),
        ("mistralai/Mistral-Small-24B-Base-2501", "mistralai/Mistral-Small-24B-Instruct-2501"),
        ("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("/models/Qwen3-0.6B-Base", "Qwen3-0.6B"),
        ("~/hub/models--google--gemma-3-1b-pt/snapshots/fcf18a2a", "gemma-3-1b-it"),
        ("somebody/newfangled-7b-base", None),
    ],
)
def test_base_models_are_known_by_their_names_and_so_are_their_siblings(
    name: str, sibling: str | None
) -> None:
    assert classify_model(name) == "base"
    assert instruct_variant(name) == sibling
    assert (sibling or "an instruct variant of the same family") in base_model_hint(name)


@pytest.mark.parametrize(
    "name",
    [
        "NousResearch/Hermes-3-Llama-3.1-8B",
        "somebody/Llama-3-8B-my-own-lawyer",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        "gpt2",
        "/home/me/tiny-model",
        "assets/tiny-model",
        "",
    ],
)
def test_of_other_peoples_trainings_nothing_is_claimed(name: str) -> None:
    assert classify_model(name) is None
    assert base_model_hint(name) == ""
