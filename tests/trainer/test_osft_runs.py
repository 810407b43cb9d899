"""Whole OSFT runs: what learns, what stays, what is saved, and going on after a kill."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer_image.events import Notice, Plan, Problem

from . import tiny

pytestmark = pytest.mark.training

Train = Callable[..., tiny.Ran]
OSFT = {"kind": "osft", "unfreeze_rank_ratio": 0.5}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As many as the runs in processes of their own: sums of floats differ between numbers of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights(folder: Path) -> dict[str, Any]:
    from transformers import AutoModelForCausalLM

    return dict(AutoModelForCausalLM.from_pretrained(folder).state_dict())


def test_a_run_learns_within_the_subspace_and_leaves_the_rest_alone(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    import torch

    folder = tiny.make_run(tmp_path / "run", tiny_model, method=OSFT, offline=False)

    ran = train_here(folder)

    assert ran.code == 0
    losses = list(tiny.losses(ran).values())
    assert losses[-1] < 0.6 * losses[0]
    assert ran.result.output_kind == "weights"
    before, after = weights(tiny_model), weights(folder / "output")
    changed = {name for name in before if not torch.allclose(before[name], after[name], atol=1e-5)}
    assert {name.split(".")[-2] for name in changed} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip
    assert len(changed) == 14
    for name in changed:
        old, delta = before[name].double(), (after[name] - before[name]).double()
        u, _, v = torch.linalg.svd(old, full_matrices=False)
        frozen = min(old.shape) // 2
        # 1e-4: the saved weight is rounded to float32, and the directions come from another SVD.
        assert float((u[:, :frozen].T @ delta).norm() / delta.norm()) < 1e-4
        assert float((delta @ v[:frozen].T).norm() / delta.norm()) < 1e-4


def test_adamw_has_seen_only_gradients_orthogonal_to_what_is_frozen(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tiny.make_run(
        tmp_path / "run", tiny_model, method=OSFT, max_steps=4, weight_decay=0, offline=False
    )

    assert train_here(folder).code == 0

    checkpoint = folder / "checkpoints" / "samples_16"
    parts = load_file(checkpoint / "model.safetensors")
    first = torch.load(checkpoint / "optimizer.pt", weights_only=True)["state"][0]["exp_avg"]
    u_high = parts["model.layers.0.self_attn.q_proj.U_high"]
    assert first.shape == u_high.shape == (64, 32)
    assert float((u_high.T @ first).norm() / first.norm()) < 1e-5


def test_the_layers_that_learn_are_listed_and_counted(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    method = OSFT | {"target_patterns": [r"mlp\.up", r"layers\.1\..*q_proj$"], "unfreeze_rank_ratio": 0.25}
    folder = tiny.make_run(tmp_path / "run", tiny_model, method=method, max_steps=1, offline=False)

    ran = train_here(folder)

    (said,) = [notice.message for notice in ran.of(Notice) if "OSFT" in notice.message]
    assert "model.layers.*.mlp.up_proj (2), model.layers.*.self_attn.q_proj." in said
    assert "48 of 192 directions of 3 layers learn" in said
    (by_matrix,) = [notice.message for notice in ran.of(Notice) if "By matrix" in notice.message]
    assert by_matrix == (
        "By matrix: up_proj 128×64: 16 of 64 directions learn; q_proj 64×64: 16 of 64 directions learn."
    )
    (plan,) = ran.of(Plan)
    assert plan.trainable_parameters == 16 * ((64 + 128 + 1) * 2 + (64 + 64 + 1))
    assert plan.parameters > sum(tensor.numel() for tensor in weights(tiny_model).values())


def test_the_rest_learns_too_if_asked(tiny_model: Path, tmp_path: Path, train_here: Train) -> None:
    import torch

    folder = tiny.make_run(
        tmp_path / "run", tiny_model, method=OSFT | {"train_rest": True}, max_steps=2, offline=False
    )

    assert train_here(folder).code == 0

    before, after = weights(tiny_model), weights(folder / "output")
    assert not [name for name in before if torch.equal(before[name], after[name])]


def test_at_ratio_one_every_direction_learns(tiny_model: Path, tmp_path: Path, train_here: Train) -> None:
    folder = tiny.make_run(
        tmp_path / "run", tiny_model, method=OSFT | {"unfreeze_rank_ratio": 1}, max_steps=2, offline=False
    )

    ran = train_here(folder)

    assert any("768 of 768 directions" in notice.message for notice in ran.of(Notice))


def test_the_result_has_the_number_format_of_the_base_model(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    half = tmp_path / "half"
    AutoModelForCausalLM.from_pretrained(tiny_model).to(torch.bfloat16).save_pretrained(half)
    tiny.tokenizer().save_pretrained(half)
    folder = tiny.make_run(tmp_path / "run", half, method=OSFT, max_steps=2, offline=False)

    assert train_here(folder).code == 0

    assert {tensor.dtype for tensor in weights(folder / "output").values()} == {torch.bfloat16}
    ours, theirs = ((at / "model.safetensors").stat().st_size for at in (folder / "output", half))
    assert abs(ours - theirs) < 1000
    assert json.loads((folder / "output" / "config.json").read_text())["dtype"] == "bfloat16"


def test_gpt2_with_its_own_kind_of_linear_layer_learns(tmp_path: Path, train_here: Train) -> None:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    words = tiny.tokenizer()
    model = tmp_path / "gpt2"
    config = GPT2Config(
        n_embd=32, n_layer=2, n_head=2, vocab_size=len(words), n_positions=128, initializer_range=0.1,
        bos_token_id=None, eos_token_id=words.eos_token_id,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(model)
    words.save_pretrained(model)
    folder = tiny.make_run(tmp_path / "run", model, method=OSFT, offline=False)

    ran = train_here(folder)

    assert ran.code == 0
    losses = list(tiny.losses(ran).values())
    assert losses[-1] < losses[0] - 0.3
    before, after = weights(model), weights(folder / "output")
    name = "transformer.h.0.attn.c_attn.weight"
    assert before[name].shape == after[name].shape == (32, 96)
    assert not torch.allclose(before[name], after[name], atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target_patterns": ["q_proj", "nothing_like_it"]}, "'nothing_like_it' matches no layer"),
        ({"target_patterns": ["lm_head"]}, "'lm_head' matches no layer"),
        ({"target_patterns": ["("]}, "is not a regular expression"),
        ({"unfreeze_rank_ratio": 0}, "unfreeze_rank_ratio: Input should be greater than 0"),
        ({"unfreeze_rank_ratio": 1.1}, "unfreeze_rank_ratio: Input should be less than or equal to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    tiny_model: Path, tmp_path: Path, train_here: Train, settings: dict[str, Any], words: str
) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, method=OSFT | settings, offline=False)

    ran = train_here(folder)

    assert ran.code in {1, 2}
    assert words in ran.of(Problem)[0].message


def test_a_run_goes_on_with_the_same_directions_only(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    folder = tiny.make_run(
        tmp_path / "run", tiny_model, method=OSFT, max_steps=2, save_steps=1, offline=False
    )
    assert train_here(folder).code == 0

    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"method": OSFT | {"unfreeze_rank_ratio": 0.25}}))
    refused = train_here(folder, "--resume")
    assert refused.code == 1
    assert "other settings (method)" in refused.result.message
