"""What a run will take in memory: the counts against models that are really built."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

from typing import Any
from weakref import WeakSet

import pytest

from trainer_image.config import RunConfig
from trainer_image.demand import work_of
from trainer_image.memory import estimate
from trainer_image.shapes import shape_of
from trainer_image.stored import LoraShape, Osft, lora_parameters, osft_bytes, trained_parameters

from .sizes import CONFIGS, LORA, OSFT, config_of, shape

pytestmark = pytest.mark.training

SMALL = {
    "hidden_size": 128, "intermediate_size": 320, "num_hidden_layers": 4, "vocab_size": 320,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
}  # fmt: skip
SOME = {"target_patterns": [r"mlp\..*_proj", r"layers\.0\..*q_proj"]}


class Kept:
    """A tensor that autograd keeps for the backward pass."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor
        self.storage = tensor.untyped_storage()


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
