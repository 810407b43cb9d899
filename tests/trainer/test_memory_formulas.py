"""What a run will take in memory: the formulas against worked numbers."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

from typing import Any

import pytest

from trainer_image.demand import work_of
from trainer_image.memory import activation_bytes, estimate, logits_bytes
from trainer_image.problems import RunFailedError
from trainer_image.shapes import shape_of
from trainer_image.stored import LoraShape, Osft, checkpoint_bytes, lora_parameters, osft_bytes

from .sizes import CONFIGS, LORA, config_of, shape, work


@pytest.mark.parametrize(
    ("settings", "rows", "tokens"),
    [
        ({"per_device_batch_size": 2}, 2, 90),
        ({"per_device_batch_size": 8}, 5, 90),
        ({"packing": True}, 1, 150),
        ({"packing": True, "max_seq_len": 100, "gradient_accumulation_steps": 8}, 1, 100),
        ({"packing": True, "max_seq_len": 50}, 1, 90),
    ],
)
def test_the_first_microbatch_holds_the_longest_rows(
    settings: dict[str, Any], rows: int, tokens: int
) -> None:
    plain = {"per_device_batch_size": 1, "gradient_accumulation_steps": 3}
    config = config_of({"kind": "sft"}, **plain | settings)

    found = work_of(config, device="cpu", bfloat16=False, lengths=[10, 40, 20, 90, 5])

    assert (found.rows, found.tokens_per_row) == (rows, tokens)


def test_without_data_all_rows_are_as_long_as_may_be() -> None:
    plain, packed = (
        work_of(config_of(LORA, max_seq_len=512, packing=on), device="cuda", bfloat16=True)
        for on in (False, True)
    )
    blocks = work_of(config_of(LORA, is_pretraining=True, block_size=64), device="cuda", bfloat16=True)

    assert [(w.rows, w.tokens_per_row) for w in (plain, packed, blocks)] == [(2, 512), (1, 512), (2, 64)]


@pytest.mark.parametrize(("bits", "setting"), [(4, "load_in_4bit"), (8, "load_in_8bit")])
def test_a_quantised_base_is_counted_whether_the_run_or_the_model_wants_it(bits: int, setting: str) -> None:
    """Embedding, head and norms are put to float32; only the linear layers are in few bits."""
    stored = shape_of(CONFIGS["Llama-3.1-8B"] | {"quantization_config": {setting: True}})
    plain = config_of(LORA)

    asked = work_of(config_of(LORA | {setting: True}), device="cuda", bfloat16=True)
    found = work_of(plain, device="cuda", bfloat16=True)

    assert asked.quantised_bits == bits
    assert estimate(shape("Llama-3.1-8B"), asked) == estimate(stored, found)
    assert (
        estimate(stored, found).terms["weights"]
        < 0.72 * estimate(shape("Llama-3.1-8B"), found).terms["weights"]
    )


@pytest.mark.parametrize(
    ("vocabulary", "gigabytes"),
    [(262_208, [2.15, 8.59, 17.18]), (151_936, [1.24, 4.98, 9.96]), (128_256, [1.05, 4.20, 8.41])],
)
def test_one_copy_of_the_logits_at_2k_8k_and_16k_tokens(vocabulary: int, gigabytes: list[float]) -> None:
    assert [round(logits_bytes(vocabulary, n) / 1e9, 2) for n in (2048, 8192, 16384)] == gigabytes


def test_training_all_weights_takes_16_bytes_for_each_before_a_token_is_seen() -> None:
    llama = shape("Llama-3.1-8B")

    terms = estimate(llama, work()).terms

    assert terms["weights"] + terms["gradients"] + terms["optimizer"] == 16 * llama.parameters
    assert round(16 * llama.parameters / 1e9, 1) == 128.5


@pytest.mark.parametrize(
    ("name", "ratio", "gigabytes"),
    [
        ("Llama-3.1-8B", 0.1, 67), ("Llama-3.1-8B", 0.25, 85), ("Llama-3.1-8B", 0.5, 114),
        ("Qwen2.5-1.5B", 0.1, 12.3), ("Qwen2.5-1.5B", 0.25, 15.2), ("Qwen2.5-1.5B", 1.0, 30.0),
        ("Qwen2.5-7B", 0.1, 61), ("Qwen2.5-7B", 0.25, 76), ("Qwen2.5-7B", 0.5, 101), ("Qwen2.5-7B", 1.0, 151),
    ],
)  # fmt: skip
def test_osft_tensors_come_to_the_worked_numbers(name: str, ratio: float, gigabytes: float) -> None:
    found = osft_bytes(shape(name), Osft(ratio, train_rest=True))

    digits = 1 if gigabytes != int(gigabytes) or gigabytes == 30 else 0
    assert round(found.total / 1e9, digits) == gigabytes


@pytest.mark.parametrize(("ratio", "train_rest"), [(0.25, True), (0.1, False), (1.0, False)])
def test_osft_tensors_are_as_many_as_a_decomposition_has(ratio: float, train_rest: bool) -> None:
    import torch

    small = shape_of(CONFIGS["Llama-3.2-1B"] | {"hidden_size": 32, "intermediate_size": 80, "vocab_size": 50})
    stored = trained = 0
    for matrix in small.matrices:
        u, s, v = torch.linalg.svd(torch.randn(matrix.rows, matrix.columns), full_matrices=False)
        low = len(s) - min(int(len(s) * (1 - ratio)), len(s) - 1)
        stored += matrix.copies * sum(part.numel() for part in (u, s, v))
        trained += matrix.copies * sum(part.numel() for part in (u[:, :low], s[:low], v[:low]))

    found = osft_bytes(small, Osft(ratio, train_rest))

    assert found.stored == 4 * (stored + small.other)
    assert found.gradients == 4 * (trained + (small.other if train_rest else 0))


def test_the_terms_add_up_and_lie_between_low_and_high() -> None:
    for method in ("sft", LoraShape(16), Osft(0.25)):
        found = estimate(shape("Qwen3-0.6B"), work(method))

        assert sum(found.terms.values()) == found.expected
        assert found.low < found.expected < found.high


def test_fused_cross_entropy_takes_the_logits_away_and_nothing_else() -> None:
    plain, fused = (estimate(shape("Qwen3-0.6B"), work(fused_cross_entropy=on)).terms for on in (False, True))

    assert fused["logits"] < plain["logits"] / 7
    assert {**fused, "logits": 0} == {**plain, "logits": 0}


def test_checkpointing_keeps_the_input_of_each_layer_and_one_layer_whole() -> None:
    llama = shape("Llama-3.1-8B")
    whole = activation_bytes(llama, work())

    kept = activation_bytes(llama, work(gradient_checkpointing=True))

    last_norm = 2048 * llama.hidden * 10
    stream = 4 * 2048 * llama.hidden  # in float32: weights in float32 are computed with in bfloat16
    assert kept - last_norm == (whole - last_norm) // llama.layers + llama.layers * stream


def test_four_bits_store_linear_layers_in_a_little_over_half_a_byte() -> None:
    llama = shape("Llama-3.1-8B")
    linear = llama.parameters - llama.other

    weights = {
        bits: estimate(llama, work(LoraShape(16), float32_weights=False, quantised_bits=bits)).terms[
            "weights"
        ]
        for bits in (None, 8, 4)
    }

    assert weights[None] == 2 * llama.parameters
    assert weights[8] == linear + 4 * llama.other
    assert 0.5 * linear < weights[4] - 4 * llama.other < 0.52 * linear


def test_a_full_checkpoint_holds_weights_and_two_moments_of_what_is_trained() -> None:
    llama = shape("Llama-3.1-8B")

    assert checkpoint_bytes(llama, work(), full_state=True) == 12 * llama.parameters
    assert checkpoint_bytes(llama, work(), full_state=False) == 4 * llama.parameters
    adapter = lora_parameters(llama, LoraShape(16))
    assert checkpoint_bytes(llama, work(LoraShape(16)), full_state=True) == 12 * adapter


def test_an_unknown_family_is_counted_like_a_llama_and_said_to_be_rough() -> None:
    known = shape("Llama-3.1-8B")
    unknown = shape_of(CONFIGS["Llama-3.1-8B"] | {"model_type": "newfangled"})

    assert unknown.parameters == known.parameters
    assert not unknown.is_exact
    assert estimate(unknown, work()).high > 1.2 * estimate(known, work()).high


def test_a_config_without_the_numbers_is_refused_in_words() -> None:
    with pytest.raises(RunFailedError, match="no 'hidden_size'"):
        shape_of({"model_type": "mamba"})
