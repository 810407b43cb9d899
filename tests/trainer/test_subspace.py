"""A linear layer split in frozen and learning directions: same function, and the split holds under AdamW."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

from typing import Any

import pytest

pytestmark = pytest.mark.training


def layer(*, inputs: int = 24, outputs: int = 40, bias: bool = True) -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Linear(inputs, outputs, bias=bias)


def split(plain: Any, ratio: float) -> Any:
    from trainer_image.subspace import SubspaceLinear

    return SubspaceLinear(plain, ratio)


def leak(part: Any) -> float:
    """The larger share of the learned factors that lies in the frozen directions, reckoned in float64."""
    u_high, v_high = part.U_high.double(), part.V_high.double()
    u_low, v_low = part.U_low.detach().double(), part.V_low.detach().double()
    in_u = (u_high.T @ u_low).norm() / u_low.norm()
    in_v = (v_low @ v_high.T).norm() / v_low.norm()
    return float(max(in_u, in_v))


@pytest.mark.parametrize(
    ("rank", "ratio", "frozen"),
    [
        (10, 0.5, 5),
        (10, 0.9, 1),
        (10, 1.0, 0),
        (7, 0.5, 3),
        (10, 0.001, 9),
        (10, 1e-9, 9),
        (1, 0.5, 0),
        (1024, 0.25, 768),
    ],
)
def test_the_frozen_rank_is_the_rest_of_the_ratio_and_leaves_one_direction(
    rank: int, ratio: float, frozen: int
) -> None:
    from trainer_image.subspace import frozen_rank

    assert frozen_rank(rank, ratio) == frozen


@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (32, 32)])
@pytest.mark.parametrize("ratio", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("bias", [True, False])
def test_splitting_a_layer_and_putting_it_together_changes_nothing(
    shape: tuple[int, int], ratio: float, bias: bool
) -> None:
    import torch

    plain = layer(inputs=shape[0], outputs=shape[1], bias=bias)
    x = torch.randn(3, 5, shape[0])

    part = split(plain, ratio)
    again = part.densified()

    torch.testing.assert_close(part(x), plain(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(again(x), plain(x), rtol=1e-5, atol=1e-5)
    assert type(again) is torch.nn.Linear
    assert again.state_dict().keys() == plain.state_dict().keys()
    assert again.weight.shape == plain.weight.shape


def test_gpt2s_layer_is_split_and_put_together_too() -> None:
    import torch
    from transformers.pytorch_utils import Conv1D

    torch.manual_seed(0)
    plain = Conv1D(40, 24)
    x = torch.randn(3, 24)

    part = split(plain, 0.5)
    again = part.densified()

    torch.testing.assert_close(part(x), plain(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(again(x), plain(x), rtol=1e-5, atol=1e-5)
    assert type(again) is Conv1D
    assert again.weight.shape == plain.weight.shape


def test_the_strongest_directions_are_the_frozen_ones_and_no_dense_weight_is_kept() -> None:
    import torch

    part = split(layer(), 0.25)

    assert part.S_high.min() >= part.S_low.max()
    assert (len(part.S_high), len(part.S_low)) == (18, 6)
    kept = {name: tuple(tensor.shape) for name, tensor in part.state_dict().items()}
    assert (40, 24) not in kept.values()
    assert {name for name, _ in part.named_parameters()} == {"U_low", "S_low", "V_low", "bias"}
    torch.testing.assert_close(part.U_high.T @ part.U_high, torch.eye(18), rtol=0, atol=1e-5)


def descend(part: Any, *, steps: int, constrained: bool) -> list[float]:
    """The leak after each step of AdamW towards another layer's function."""
    import torch

    from trainer_image.methods.osft import Projection

    model, goal = torch.nn.Sequential(part), layer(inputs=part.in_features, outputs=part.out_features)
    torch.nn.init.normal_(goal.weight)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
    projection = Projection(model)
    leaks = []
    for _ in range(steps):
        x = torch.randn(64, part.in_features)
        (model(x) - goal(x).detach()).square().mean().backward()
        if constrained:
            projection.on_pre_optimizer_step()
        optimiser.step()
        if constrained:
            projection.on_optimizer_step()
        optimiser.zero_grad()
        leaks.append(leak(part))
    return leaks


@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.75])
def test_under_adamw_nothing_leaks_into_the_frozen_directions_at_any_of_a_hundred_steps(ratio: float) -> None:
    part = split(layer(inputs=96, outputs=160), ratio)
    assert leak(part) < 1e-6

    assert max(descend(part, steps=100, constrained=True)) < 1e-6


def test_without_the_projection_it_would_leak() -> None:
    part = split(layer(inputs=96, outputs=160), 0.5)

    assert max(descend(part, steps=100, constrained=False)) > 0.1


def test_projecting_gradients_alone_would_leak_under_adamw_so_the_weights_are_projected_too() -> None:
    import torch

    part = split(layer(inputs=96, outputs=160), 0.5)
    optimiser = torch.optim.AdamW(part.parameters(), lr=1e-2)
    for _ in range(20):
        part(torch.randn(64, 96)).square().mean().backward()
        part.project_gradients()
        optimiser.step()
        optimiser.zero_grad()

    assert leak(part) > 0.01
    part.project_weights()
    assert leak(part) < 1e-6


def test_the_gradients_that_reach_the_optimiser_are_orthogonal_to_what_is_frozen() -> None:
    import torch

    part = split(layer(), 0.5)
    part(torch.randn(64, 24)).square().mean().backward()
    before = float((part.U_high.T @ part.U_low.grad).norm() / part.U_low.grad.norm())

    part.project_gradients()

    assert before > 0.01
    assert float((part.U_high.T @ part.U_low.grad).norm() / part.U_low.grad.norm()) < 1e-6
    assert float((part.V_low.grad @ part.V_high.T).norm() / part.V_low.grad.norm()) < 1e-6
    assert float(part.S_low.grad.norm()) > 0


def test_layers_are_found_by_regular_expressions_and_never_the_output_layer() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    from trainer_image import targets

    model = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=32, n_positions=8))

    names = list(targets.linear_layers(model))

    assert len(names) == 8
    assert not any("lm_head" in name for name in names)
    assert targets.usual(names) == names
    assert targets.matching(names, [r"h\.1\.", "c_fc$"]) == [n for n in names if ".h.1." in n or "c_fc" in n]
    assert targets.in_short(names[:1] + names[4:5]) == "transformer.h.*.attn.c_attn (2)"
