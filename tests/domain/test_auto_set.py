"""Auto Set never exceeds the safe bound, never stays needlessly below it, never gets worse with memory."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from app.domain.auto_reasons import Instead, auto_settings
from app.domain.auto_set import (
    Case,
    KnownRows,
    Machine,
    Model,
    Wishes,
    bits_in,
    chosen,
    estimated_peak,
)
from app.domain.gpus import GIB, Gpu
from app.domain.model_sizes import parameters_in_name, rough_shape
from trainer_image.config import Lora, Osft, RunConfig, Sft
from trainer_image.shapes import shape_of

CONFIGS = json.loads((Path(__file__).parents[1] / "trainer/model_configs.json").read_text())
QWEN = {"model_type": "qwen2", "vocab_size": 151936}
LARGER = {
    "Qwen2.5-0.5B": {
        **QWEN,
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
    "Qwen2.5-32B": {
        **QWEN,
        "hidden_size": 5120,
        "intermediate_size": 27648,
        "num_hidden_layers": 64,
        "num_attention_heads": 40,
        "num_key_value_heads": 8,
    },
    "Llama-3.3-70B": {
        "model_type": "llama",
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
}
MODELS = ("Qwen2.5-0.5B", "Llama-3.2-1B", "Gemma-2-2B", "Mistral-7B", "Qwen2.5-32B", "Llama-3.3-70B")
CARDS_GB = (4, 6, 8, 10, 11, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96)
LONGEST = (256, 1024, 4096, 32_768)
METHODS = (Lora(), Osft(), Sft(), Lora(lora_r=64, use_dora=True))
ROWS = 5_000
SAFE = 0.9


def model(name, **changes):
    return Model(name, shape_of({**CONFIGS, **LARGER}[name]), **changes)


def card(gb, *, free=1.0, **changes):
    gpu = Gpu("RTX", gb * GIB, int(gb * GIB * free), **changes)
    return Machine(gpu, gpu.memory_bytes, gpu.free_bytes)


NO_GPU = Machine(None, 16 * GIB, 15 * GIB)


def rows(longest, count=ROWS):
    lengths = {"p50": longest // 4, "p95": longest // 2, "p99": longest * 3 // 4, "max": longest}
    return KnownRows(count, lengths)


def case(name="Mistral-7B", machine=None, *, method=None, known=None, wishes=None, **config):
    machine = machine or card(24)
    config = RunConfig(base_model=name, method=method or Lora(), **config)
    peak = estimated_peak(machine)
    return Case(config, known or rows(512), machine, model(name), peak, wishes or Wishes())


def asked_once(peak):
    """The same answers: they do not depend on the card."""

    @cache
    def remembered(shape, method, length, checkpointing, at_once):
        config = RunConfig(
            base_model="x",
            method=method,
            max_seq_len=length,
            gradient_checkpointing=checkpointing,
            per_device_batch_size=at_once,
        )
        return peak(shape, config)

    def ask(shape, config):
        return remembered(
            shape,
            config.method,
            config.max_seq_len,
            config.gradient_checkpointing,
            config.per_device_batch_size,
        )

    return ask


def worth(config):
    """What is better stands higher: every row, the model as it is, no checkpointing, more rows at once."""
    is_plain = bits_in(config) == ""
    return config.max_seq_len, is_plain, not config.gradient_checkpointing, config.per_device_batch_size


def everything(config, longest, effective):
    """Every setting there is to choose from, found without the code under test."""
    bits = [{}, {"load_in_4bit": True}] if config.method.kind == "lora" else [{}]
    for length in (longest, longest * 3 // 4, longest // 2):
        for method in (config.method.model_copy(update=b) for b in bits):
            for checkpointing in (False, True):
                for power in range(effective.bit_length()):
                    yield config.model_copy(
                        update={
                            "method": method,
                            "max_seq_len": length,
                            "gradient_checkpointing": checkpointing,
                            "per_device_batch_size": 2**power,
                        }
                    )


@pytest.mark.parametrize("method", METHODS, ids=lambda m: f"{m.kind}{getattr(m, 'lora_r', '')}")
@pytest.mark.parametrize("name", MODELS)
def test_it_is_safe_never_needlessly_small_and_monotone_in_memory(name, method):
    peak = asked_once(estimated_peak(card(8)))
    for longest in LONGEST:
        settings = case(name, method=method, known=rows(longest))
        options = [
            (worth(option), peak(settings.model.shape, option))
            for option in everything(settings.config, longest, 128)
        ]
        before = None
        for gb in CARDS_GB:
            found = chosen(replace(settings, machine=card(gb), peak=peak))
            bound = SAFE * gb * GIB
            fitting = [value for value, need in options if need <= bound]

            assert (found is not None) == bool(fitting), (longest, gb)
            if found is not None:
                assert peak(settings.model.shape, found) <= bound, (longest, gb)
                assert worth(found) == max(fitting), (longest, gb)
                assert found.effective_batch_size == 128
                assert before is None or worth(found) >= before, (longest, gb)
                before = worth(found)
            assert found is not None or before is None, (longest, gb)


@pytest.mark.parametrize("gb", [8, 10, 12])
def test_a_small_card_trains_a_model_that_many_have_without_running_out(gb):
    answer = auto_settings(case("Qwen2.5-1.5B", card(gb), known=rows(1024)))
    config = answer.applied_to(case("Qwen2.5-1.5B").config)

    assert answer.problem == ""
    assert estimated_peak(card(gb))(model("Qwen2.5-1.5B").shape, config) <= SAFE * gb * GIB
    assert config.max_seq_len == 1024


def test_what_is_used_by_others_is_not_counted_on():
    whole, busy = case(machine=card(24)), case(machine=card(24, free=0.45))

    assert worth(chosen(busy)) < worth(chosen(whole))
    assert busy.needs(chosen(busy)) <= SAFE * 0.45 * 24 * GIB
    assert any("something else uses the GPU" in note for note in auto_settings(busy).notes)


def test_a_card_without_bfloat16_is_given_less_at_once():
    new, old = case(machine=card(24)), case(machine=card(24, has_bfloat16=False))

    assert worth(chosen(old)) < worth(chosen(new))


def test_every_value_says_why_with_the_numbers_that_decided():
    settings = case("Qwen2.5-1.5B", card(12))
    answer = auto_settings(settings)
    whys = {choice.name: choice.why for choice in answer.choices}
    at_once = answer.value("per_device_batch_size")
    larger = settings.config.model_copy(
        update={
            "per_device_batch_size": 2 * at_once,
            "max_seq_len": answer.value("max_seq_len"),
            "gradient_checkpointing": answer.value("gradient_checkpointing"),
        }
    )
    need = settings.peak(settings.model.shape, larger) / GIB

    assert all(whys.values())
    assert whys["per_device_batch_size"].startswith(
        f"{at_once}: {2 * at_once} would need {need:.1f} GB of your 12 GB"
    )
    assert "512 tokens" in whys["max_seq_len"]
    assert "The guides' start for 5,000 rows" in whys["effective_batch_size"]


@pytest.mark.parametrize(("gb", "bits", "checkpointing"), [(80, "", False), (24, "", True), (12, "4", True)])
def test_the_model_is_kept_in_4_bits_only_when_checkpointing_is_not_enough(gb, bits, checkpointing):
    answer = auto_settings(case("Mistral-7B", card(gb), known=rows(1024)))

    assert (answer.value("bits"), answer.value("gradient_checkpointing")) == (bits, checkpointing)


@pytest.mark.parametrize(
    ("gb", "bits", "says"), [(16, "4", "QLoRA fits"), (48, "", "LoRA fits"), (4, None, "A model of about")]
)
def test_all_weights_that_do_not_fit_lead_to_what_does(gb, bits, says):
    answer = auto_settings(case("Mistral-7B", card(gb), method=Sft(), known=rows(1024)))

    assert answer.choices == ()
    assert answer.problem.startswith("Training all weights does not fit")
    assert answer.advice.startswith(says)
    assert answer.instead == (None if bits is None else Instead("lora", bits))


def test_nothing_fits_names_a_smaller_model_and_a_larger_card():
    answer = auto_settings(case("Llama-3.3-70B", card(8), known=rows(2048)))

    assert answer.problem.startswith("LoRA does not fit: even the smallest settings need")
    assert "A model of about 1.5 billion parameters would fit." in answer.advice
    assert "This one needs a GPU of 80 GB, like an A100." in answer.advice


def test_rows_are_left_out_last_and_never_without_a_word():
    answer = auto_settings(case("Mistral-7B", card(24), known=rows(16_384)))

    assert answer.value("bits") == "4"
    assert answer.value("max_seq_len") < 16_384
    assert any("are left out" in note and "16,384" in note for note in answer.notes)
    assert auto_settings(case("Mistral-7B", card(96), known=rows(2048))).notes == ()


def test_a_length_is_lowered_only_when_every_row_was_looked_at():
    known = rows(300)

    assert chosen(case(known=known)).max_seq_len == 304
    assert chosen(case(known=replace(known, is_whole=False))).max_seq_len == 2048
    assert chosen(case(known=KnownRows(ROWS))).max_seq_len == 2048


def test_rows_longer_than_the_model_reads_are_said_to_be_left_out():
    settings = case("Qwen2.5-1.5B", card(96), known=rows(8192))
    short = replace(settings, model=replace(settings.model, context=4096))
    answer = auto_settings(short)

    assert answer.value("max_seq_len") == 4096
    assert any("the model reads no more at once" in note for note in answer.notes)


@pytest.mark.parametrize("method", [Lora(), Sft()])
def test_without_a_gpu_values_are_small_and_it_says_so(method):
    answer = auto_settings(case("Qwen2.5-0.5B", NO_GPU, method=method, known=rows(128)))
    config = answer.applied_to(RunConfig(base_model="x", method=method))

    assert (config.per_device_batch_size, config.effective_batch_size, config.max_steps) == (2, 8, 50)
    assert bits_in(config) == ""
    assert any("No NVIDIA GPU" in note for note in answer.notes)


def test_a_model_too_large_for_the_computers_memory_is_refused_in_words():
    answer = auto_settings(case("Mistral-7B", NO_GPU))

    assert "GB of this computer's 16 GB" in answer.problem
    assert "would fit" in answer.advice


@pytest.mark.parametrize(
    ("count", "effective", "epochs"),
    [
        (20, 4, 3),
        (200, 32, 3),
        (499, 32, 3),
        (500, 64, 3),
        (999, 64, 3),
        (1_000, 128, 3),
        (10_000, 128, 3),
        (10_001, 256, 2),
    ],
)
def test_the_size_of_the_data_decides_the_batch_and_the_passes(count, effective, epochs):
    answer = auto_settings(case("Qwen2.5-0.5B", card(96), known=rows(256, count)))

    assert (answer.value("effective_batch_size"), answer.value("num_epochs")) == (effective, epochs)
    assert answer.value("max_steps") is None


def test_documents_keep_their_blocks_and_are_not_counted_as_steps():
    answer = auto_settings(case("Qwen2.5-0.5B", is_pretraining=True, block_size=512))
    whys = {choice.name: choice.why for choice in answer.choices}

    assert "max_seq_len" not in whys
    assert whys["max_steps"] == "No limit: 3 passes over all documents, in blocks."


def test_rows_that_nobody_counted_get_a_number_of_steps():
    answer = auto_settings(case(known=KnownRows()))

    assert (answer.value("max_steps"), answer.value("effective_batch_size")) == (200, 32)


@pytest.mark.parametrize(
    ("method", "count", "rate"),
    [(Lora(), 100, 2e-4), (Sft(), 100, 5e-6), (Sft(), 20_000, 1e-6), (Osft(), 100, 5e-6)],
)
def test_the_rate_is_that_of_the_method_and_the_size_of_the_data(method, count, rate):
    answer = auto_settings(case("Qwen2.5-0.5B", card(96), method=method, known=rows(256, count)))

    assert answer.value("learning_rate") == rate


def test_numbers_a_person_has_set_stay_and_the_rest_follows_them():
    settings = case(
        "Qwen2.5-1.5B",
        card(12),
        per_device_batch_size=6,
        gradient_accumulation_steps=2,
        learning_rate=1e-5,
        max_steps=7,
        wishes=Wishes(pinned=frozenset({"effective_batch", "learning_rate", "length"})),
    )
    answer = auto_settings(settings)
    config = answer.applied_to(settings.config)

    assert (config.effective_batch_size, config.learning_rate, config.max_steps) == (12, 1e-5, 7)
    assert 12 % config.per_device_batch_size == 0
    assert settings.needs(config) <= settings.machine.bound


@pytest.mark.parametrize("bits", ["", "4", "8"])
def test_a_wish_for_bits_is_kept(bits):
    answer = auto_settings(case("Qwen2.5-1.5B", card(48), wishes=Wishes(bits=bits)))

    assert answer.value("bits") == bits


def test_a_wish_that_cannot_be_kept_is_refused_with_what_fits():
    answer = auto_settings(case("Mistral-7B", card(12), wishes=Wishes(bits="")))

    assert answer.choices == ()
    assert answer.instead == Instead("lora", "4")


def test_a_model_stored_in_4_bits_learns_by_adapters_only():
    stored = Model("a", shape_of({**CONFIGS["Mistral-7B"], "quantization_config": {"load_in_4bit": True}}))

    assert auto_settings(replace(case(), model=stored)).value("bits") == ""
    assert auto_settings(replace(case(method=Sft()), model=stored)).instead == Instead("lora", "")


def test_runs_that_were_measured_move_the_choice():
    settings = case("Qwen2.5-1.5B", card(12))
    dearer = replace(settings, peak=lambda shape, config: 2 * settings.peak(shape, config))

    assert worth(chosen(dearer)) < worth(chosen(settings))
    assert 2 * settings.needs(chosen(dearer)) <= settings.machine.bound


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8e9),
        ("unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit", 8e9),
        ("Qwen/Qwen2.5-0.5B", 0.5e9),
        ("HuggingFaceTB/SmolLM2-135M", 135e6),
        ("mistralai/Mixtral-8x7B-v0.1", 56e9),
        ("me/my-4bit-model", None),
        ("me/phi", None),
    ],
)
def test_a_size_is_read_from_a_name(name, parameters):
    assert parameters_in_name(name) == parameters


@pytest.mark.parametrize("parameters", [0.135e9, 0.5e9, 1e9, 1.5e9, 3e9, 7e9, 8e9, 14e9, 32e9, 70e9])
def test_a_rough_shape_has_about_the_size_its_name_says(parameters):
    assert rough_shape(round(parameters)).parameters == pytest.approx(parameters, rel=0.25)
    assert not rough_shape(round(parameters)).is_exact
