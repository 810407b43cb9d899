"""What a run will take in memory: formulas against worked numbers and models really built."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest

from trainer_image import train
from trainer_image.config import RunConfig
from trainer_image.demand import work_of
from trainer_image.events import Memory, Metrics
from trainer_image.memory import activation_bytes, estimate, logits_bytes
from trainer_image.problems import RunFailedError
from trainer_image.shapes import Shape, shape_of
from trainer_image.stored import (
    LoraShape,
    Osft,
    Work,
    checkpoint_bytes,
    lora_parameters,
    osft_bytes,
    trained_parameters,
)

from . import tiny

CONFIGS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "model_configs.json").read_text(encoding="utf-8")
)


SMALL = {
    "hidden_size": 128, "intermediate_size": 320, "num_hidden_layers": 4, "vocab_size": 320,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
}  # fmt: skip
LORA = {"kind": "lora", "lora_r": 16}
OSFT = {"kind": "osft"}
SOME = {"target_patterns": [r"mlp\..*_proj", r"layers\.0\..*q_proj"]}


def shape(name: str) -> Shape:
    return shape_of(CONFIGS[name])


def work(method: Any = "sft", **changes: Any) -> Work:
    return replace(Work(method=method, rows=2, tokens_per_row=1024), **changes)


@pytest.mark.training
@pytest.mark.parametrize("name", CONFIGS)
def test_parameters_are_counted_exactly_as_transformers_builds_the_model(name: str) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = dict(CONFIGS[name])
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)

    counted = shape(name)

    assert counted.parameters == sum(p.numel() for p in model.parameters())
    assert counted.is_exact


@pytest.mark.training
@pytest.mark.parametrize("name", ["Llama-3.2-1B", "Qwen3-0.6B", "Phi-3-mini"])
def test_adapters_are_counted_as_peft_builds_them(name: str) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = dict(CONFIGS[name])
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        adapted = get_peft_model(model, LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))

    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)

    assert lora_parameters(shape(name), LoraShape(16)) == trained


@pytest.mark.training
@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": "auto"},
        {"target_modules": "all-linear", "use_rslora": True},
        {"target_modules": "attention"},
        {"target_modules": "custom", "target_patterns": [r"\.1\.", r"(q_proj|c_attn)$"]},
        {"target_modules": "auto", "use_dora": True},
    ],
    ids=str,
)
def test_every_choice_of_targets_is_counted_as_it_is_trained(family: str, settings: dict[str, Any]) -> None:
    config = config_of(LORA | settings)
    model = prepared(family, config)

    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)

    counted = trained_parameters(shape_of(small(family)), work_of(config, device="cpu", bfloat16=False))
    assert counted == trained


@pytest.mark.training
@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"train_rest": True}, {"unfreeze_rank_ratio": 0.1, "target_patterns": [r"\.2\..*mlp"]}],
    ids=str,
)
def test_osft_tensors_are_those_of_a_model_really_factorised(family: str, settings: dict[str, Any]) -> None:
    config = config_of(OSFT | settings)
    model = prepared(family, config)
    tensors = {t.data_ptr(): t for t in (*model.parameters(), *model.state_dict().values())}

    work = work_of(config, device="cpu", bfloat16=False)

    assert isinstance(work.method, Osft)
    exact = osft_bytes(shape_of(small(family)), work.method)
    assert exact.gradients == 4 * sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert exact.stored == 4 * sum(tensor.numel() for tensor in tensors.values())


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


def test_the_estimate_needs_no_weights_and_changes_nothing(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_bytes((tiny_model / "config.json").read_bytes())
    folder = tiny.make_run(tmp_path / "run", model, method={"kind": "lora", "lora_r": 4})
    before = sorted(folder.rglob("*"))

    code = train.main(["--run-dir", str(folder), "--estimate"])

    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["low"] < found["expected"] < found["high"]
    assert found["trained_parameters"] * 4 == found["terms"]["adapter"]
    assert (found["rows_at_once"], found["longest_row"]) == (2, 128)
    assert sorted(folder.rglob("*")) == before


def test_an_estimate_of_a_model_that_is_not_there_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.make_run(tmp_path / "run", tmp_path / "no-model")

    assert train.main(["--run-dir", str(folder), "--estimate"]) == 1

    assert "is not there" in capsys.readouterr().err


class Kept:
    """A tensor that autograd keeps for the backward pass."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor
        self.storage = tensor.untyped_storage()


def config_of(method: dict[str, Any], **settings: Any) -> RunConfig:
    return RunConfig.model_validate({"base_model": "any", "method": method, **settings})


def small(family: str) -> dict[str, Any]:
    """The config.json of a small model."""
    if family == "gpt2":
        return {
            "model_type": "gpt2",
            "n_embd": 64,
            "n_layer": 4,
            "n_head": 2,
            "n_positions": 64,
            "vocab_size": 99,
        }
    return {"model_type": family, **SMALL}


def prepared(family: str, config: RunConfig) -> Any:
    """A small model, ready for training by the method."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from trainer_image.methods import METHODS

    torch.manual_seed(0)
    settings = small(family)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(settings.pop("model_type"), **settings))
    return METHODS[config.method.kind].prepare(model, config.method)


@pytest.mark.training
@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("llama", {"kind": "sft"}),
        ("qwen3", {"kind": "sft"}),
        ("llama", LORA),
        ("qwen3", LORA | {"target_modules": "attention"}),
        ("llama", LORA | {"target_modules": "custom", **SOME}),
        ("llama", LORA | {"use_dora": True}),
        ("qwen3", OSFT),
        ("llama", OSFT | {"unfreeze_rank_ratio": 0.25, "train_rest": True}),
        ("llama", OSFT | {"unfreeze_rank_ratio": 1.0, **SOME}),
    ],
    ids=str,
)
def test_activations_are_those_autograd_saves(family: str, method: dict[str, Any], bfloat16: bool) -> None:
    """Within 8 %: counted in the saved tensors of one forward pass, weights and loss left out."""
    import torch

    config = config_of(method, per_device_batch_size=4, max_seq_len=128)
    model = prepared(family, config)
    held = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    ids = torch.randint(0, 320, (4, 128))
    mask = torch.ones_like(ids)
    mask[0, -3:] = 0
    saved: WeakSet[Kept] = WeakSet()  # autograd's own: a tensor of a graph that is dropped doesn't count

    def keep(tensor: Any) -> Kept:
        kept = Kept(tensor)
        saved.add(kept)
        return kept

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=bfloat16),
    ):
        loss = model(input_ids=ids, attention_mask=mask, labels=ids).loss
    storages = {kept.storage.data_ptr(): kept.storage.nbytes() for kept in saved}
    counted = sum(size for at, size in storages.items() if at not in held)
    of_loss = 4 * 512 * 320
    assert loss.requires_grad

    found = estimate(shape_of(small(family)), work_of(config, device="cpu", bfloat16=bfloat16)).terms

    ours = found["activations"] + found.get("bfloat16_copies", 0)
    assert ours == pytest.approx(counted - of_loss, rel=0.08)


@pytest.mark.training
@pytest.mark.parametrize("method", [{"kind": "sft"}, {"kind": "lora", "lora_r": 16}, OSFT])
def test_the_measured_peak_on_a_cpu_lies_within_the_estimate(tmp_path: Path, method: dict[str, Any]) -> None:
    """Tolerance: from `low` to `high`, 60 MB more for libraries that are imported after the model is."""
    model = tiny.save_model(tmp_path / "model", hidden_size=384, layers=6)
    line = {"prompt": "a", "completion": "river " * 200}
    settings: dict[str, Any] = {
        "method": method,
        "per_device_batch_size": 8,
        "max_steps": 1,
        "max_seq_len": 512,
        "drop_duplicates": False,
        "save_full_state": False,
    }
    folder = tiny.make_run(tmp_path / "run", model, lines=[json.dumps(line)] * 16, **settings)

    ran = tiny.run(folder)

    guess, measured = ran.of(Memory)
    assert ran.code == 0, ran.log
    assert guess.peak is None
    assert guess.longest_row > 150
    assert measured.peak is not None
    assert guess.low < measured.peak < guess.high + 60e6, measured


@pytest.mark.training
def test_the_peak_is_that_of_the_run_however_large_the_process_that_started_it() -> None:
    grows_by = "from trainer_image.peak import PeakMeter; print(PeakMeter('cpu').peak())"
    is_large = "import subprocess, sys; held = b'1' * 900_000_000; subprocess.run([sys.executable, '-c'"
    program = f"{is_large}, {grows_by!r}])"

    said = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)

    assert int(said.stdout) < 100e6


@pytest.mark.training
def test_the_probe_changes_nothing_the_run_computes(
    tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    method = {"kind": "lora", "lora_r": 16, "lora_dropout": 0.5}  # a random number too many would show
    settings = {"method": method, "max_steps": 4, "offline": False}
    plain = tiny.make_run(tmp_path / "plain", tiny_model, probe_memory=False, **settings)
    probed = tiny.make_run(tmp_path / "probed", tiny_model, **settings)

    ours, theirs = train_here(probed), train_here(plain)

    assert [event.peak is not None for event in ours.of(Memory)] == [False, True]
    assert [event.peak is not None for event in theirs.of(Memory)] == [False]
    assert tiny.losses(ours) == tiny.losses(theirs)
    assert [m.tokens_seen for m in ours.of(Metrics)] == [m.tokens_seen for m in theirs.of(Metrics)]
