"""LoRA's targets and variants, and QLoRA: frozen weights in 4 or 8 bits, also without a GPU."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.checkpoints import Progress, identity, require_same_run
from trainer_image.config import Lora, RunConfig
from trainer_image.events import Notice, Plan, Problem
from trainer_image.problems import RunFailedError

from . import tiny

pytestmark = pytest.mark.training

Train = Callable[..., tiny.Ran]


def adapter(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "output" / "adapter_model.safetensors")


def layers_of(folder: Path) -> set[str]:
    return {name.rpartition(".lora_")[0].removeprefix("base_model.model.") for name in adapter(folder)}


@pytest.mark.parametrize("bits", [4, 8])
def test_qlora_learns_and_its_adapter_fits_the_unquantised_base_it_names(
    tiny_model: Path, tmp_path: Path, train_here: Train, bits: int
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    method = {"kind": "lora", f"load_in_{bits}bit": True}
    folder = tiny.make_run(tmp_path / "run", tiny_model, method=method, offline=False)

    ran = train_here(folder)

    assert ran.code == 0
    losses = list(tiny.losses(ran).values())
    assert losses[-1] < 0.6 * losses[0]
    assert any(f"kept in {bits} bits" in notice.message for notice in ran.of(Notice))
    assert {tensor.dtype for tensor in adapter(folder).values()} == {torch.float32}
    # Not one of them went through bfloat16: those have zeros in the last 16 bits.
    assert all(bool(t.view(torch.int32).bitwise_and(0xFFFF).any()) for t in adapter(folder).values())
    (plan,) = ran.of(Plan)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    dense = sum(parameter.numel() for parameter in base.parameters())
    assert plan.parameters == dense + plan.trainable_parameters

    named = json.loads((folder / "output" / "adapter_config.json").read_text())["base_model_name_or_path"]
    ids = torch.tensor([tiny.tokenizer()("Which river runs through Arn?").input_ids])
    with torch.no_grad():
        before = base(ids).logits
        tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(named), folder / "output")
        after = tuned(ids).logits
    assert named == str(tiny_model)
    assert not torch.allclose(before, after, atol=0.1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"load_in_4bit": True, "load_in_8bit": True}, "exclude each other"),
        ({"use_dora": True, "load_in_8bit": True}, "use_dora does not work with load_in_8bit"),
        ({"target_modules": "custom"}, "need target_patterns"),
        ({"target_patterns": ["q_proj"]}, "'custom' only"),
        ({"target_modules": "custom", "target_patterns": ["q proj"]}, "has a space in it"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_before_anything_is_loaded(
    tmp_path: Path, train_here: Train, settings: dict[str, Any], words: str
) -> None:
    folder = tiny.make_run(tmp_path / "run", "not/loaded", method={"kind": "lora"} | settings)

    ran = train_here(folder)

    assert ran.code == 2
    assert words in ran.of(Problem)[0].message


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"target_modules": "auto"}, 14),
        ({"target_modules": "custom", "target_patterns": [r"q_proj$", r"layers\.1\.mlp"]}, 5),
        ({"use_dora": True, "use_rslora": True, "load_in_4bit": True}, 14),
    ],
)
def test_adapters_are_where_and_what_was_asked_for(
    tiny_model: Path, tmp_path: Path, train_here: Train, settings: dict[str, Any], count: int
) -> None:
    method = {"kind": "lora", "lora_r": 2} | settings
    folder = tiny.make_run(tmp_path / "run", tiny_model, method=method, max_steps=2, offline=False)

    ran = train_here(folder)

    assert ran.code == 0
    layers = layers_of(folder)
    assert len(layers) == count
    assert not any("lm_head" in name for name in layers)
    saved = json.loads((folder / "output" / "adapter_config.json").read_text())
    assert saved["use_dora"] == settings.get("use_dora", False)
    assert saved["use_rslora"] == settings.get("use_rslora", False)
    (said,) = [n.message for n in ran.of(Notice) if "adapters of rank 2" in n.message]
    assert said.startswith("DoRA" if settings.get("use_dora") else "LoRA")
    assert f"beside {count} layers: model.layers.*.self_attn.q_proj (2)" in said


def test_a_mambas_adapters_are_beside_the_layers_that_take_one() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    from trainer_image.methods import lora

    shape = {"vocab_size": 32, "hidden_size": 16, "num_hidden_layers": 1, "state_size": 4}

    adapted = lora.prepare(MambaForCausalLM(MambaConfig(**shape)), Lora(lora_r=2))

    (said,) = lora.describe(adapted, Lora(lora_r=2))
    assert said.endswith(
        "beside 3 layers: backbone.layers.*.mixer.in_proj, backbone.layers.*.mixer.x_proj, "
        "backbone.layers.*.mixer.dt_proj."
    )
    named = Lora(lora_r=2, target_modules="custom", target_patterns=("out_proj",))
    with pytest.raises(RunFailedError, match="'out_proj' matches no layer"):
        lora.prepare(MambaForCausalLM(MambaConfig(**shape)), named)


def test_a_pattern_without_a_layer_is_refused_with_the_names_there_are(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    method = {"kind": "lora", "target_modules": "custom", "target_patterns": ["q_proj", "query"]}
    folder = tiny.make_run(tmp_path / "run", tiny_model, method=method, offline=False)

    ran = train_here(folder)

    assert ran.code == 1
    assert "'query' matches no layer" in ran.result.message
    assert "model.layers.*.mlp.down_proj (2)" in ran.result.hint


def test_a_base_that_is_stored_in_4_bits_takes_adapters_and_nothing_else(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    stored = tmp_path / "in-4-bits"
    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
    )
    model = AutoModelForCausalLM.from_pretrained(tiny_model, quantization_config=config, device_map="cpu")
    model.save_pretrained(stored)
    tiny.tokenizer().save_pretrained(stored)

    def run(name: str, method: dict[str, Any]) -> tiny.Ran:
        return train_here(tiny.make_run(tmp_path / name, stored, method=method, max_steps=2, offline=False))

    assert run("lora", {"kind": "lora"}).code == 0
    for name in ("osft", "sft"):
        refused = run(name, {"kind": name})
        assert refused.code == 1
        assert "not possible on a quantised base model" in refused.result.message


def test_a_pass_without_gradients_does_not_spoil_4_bit_weights(tiny_model: Path) -> None:
    import bitsandbytes
    import torch

    from trainer_image import models

    device = models.Device("cpu", "the CPU", bfloat16=False)
    model = models.load_model(str(tiny_model), device=device, float32=False, offline=True, bits=4)
    ids = torch.tensor([tiny.tokenizer()("Which river runs through Arn?").input_ids])

    def gradient() -> Any:
        embedded = model.get_input_embeddings()(ids).detach().requires_grad_()
        model(inputs_embeds=embedded, labels=ids).loss.backward()
        return embedded.grad

    before = gradient()
    with torch.no_grad():
        model.eval()(ids[:, :1])
    model.train()

    torch.testing.assert_close(gradient(), before)
    packed = [m for m in model.modules() if isinstance(m, bitsandbytes.nn.Linear4bit)]
    assert len(packed) == 14
    assert not any(m.support_avx512bf16_for_cpu for m in packed)


def test_a_checkpoint_from_before_a_setting_existed_counts_as_one_with_its_default() -> None:
    config = RunConfig(base_model="a/b", method=Lora(lora_r=8))
    old = identity(config)
    old["method"] = {"kind": "lora", "lora_r": 8, "lora_alpha": 32, "lora_dropout": 0.0}
    progress = Progress(
        step=1, total_steps=2, samples_seen=1, tokens_seen=1, elapsed_seconds=1, loss=1, identity=old,
        data_sha256="",
    )  # fmt: skip

    require_same_run(progress, config)

    changed = config.model_copy(update={"method": Lora(lora_r=8, load_in_4bit=True)})
    with pytest.raises(RunFailedError, match=r"other settings \(method\)"):
        require_same_run(progress, changed)
