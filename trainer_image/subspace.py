"""A linear layer in two parts: strong singular directions, frozen, and weak ones, which learn.

    W = U_high diag(S_high) V_high + U_low diag(S_low) V_low

    W [out, in]   U_high [out, high]   S_high [high]   V_high [high, in]   (and `low` alike)

high + low = min(out, in). What is learned stays orthogonal to what is frozen: U_highᵀ U_low = 0 and
V_low V_highᵀ = 0, restored after each step of the optimiser, because AdamW scales each number apart and so
turns even an orthogonal gradient out of the subspace. No dense weight is kept.

Source: Nayak et al. 2025, arXiv:2504.07097, section 3; as in mini_trainer, both factors are projected.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers.pytorch_utils import Conv1D

from trainer_image.stored import frozen_rank


class SubspaceLinear(nn.Module):  # type: ignore[misc]
    """Computes what `linear`, an `nn.Linear` or GPT-2's `Conv1D`, does; only the weak directions learn.

    `unfreeze_rank_ratio` is the share of directions that learn: at least one of them, all of them at 1.
    """

    def __init__(self, layer: Any, unfreeze_rank_ratio: float) -> None:
        super().__init__()
        self.is_conv1d = isinstance(layer, Conv1D)
        dense = layer.weight.detach().float()
        dense = dense.T if self.is_conv1d else dense
        self.out_features, self.in_features = dense.shape
        rank = min(dense.shape)
        high = frozen_rank(rank, unfreeze_rank_ratio)
        u, s, v = torch.linalg.svd(dense, full_matrices=False)
        self.register_buffer("U_high", u[:, :high].contiguous())
        self.register_buffer("S_high", s[:high].clone())
        self.register_buffer("V_high", v[:high].contiguous())
        self.U_low = nn.Parameter(u[:, high:].contiguous())
        self.S_low = nn.Parameter(s[high:].clone())
        self.V_low = nn.Parameter(v[high:].contiguous())
        self.bias: nn.Parameter | None = layer.bias
        self.project_weights()  # the factors of a float32 SVD are orthogonal to some 1e-6 only

    def forward(self, x: Tensor) -> Tensor:
        """`[..., in]` → `[..., out]`, by the factors."""
        learned = linear(linear(x, self.V_low) * self.S_low, self.U_low, self.bias)
        if not len(self.S_high):
            return learned
        return learned + linear(linear(x, self.V_high) * self.S_high, self.U_high)

    @property
    def weight(self) -> Tensor:
        """The dense weight `[out, in]`, made anew each time it is asked for."""
        return (self.U_high * self.S_high) @ self.V_high + (self.U_low * self.S_low) @ self.V_low

    def project_gradients(self) -> None:
        """Take out of the gradients what lies in the frozen directions."""
        with torch.no_grad():
            if self.U_low.grad is not None:
                _take_out_columns(self.U_low.grad, self.U_high)
            if self.V_low.grad is not None:
                _take_out_rows(self.V_low.grad, self.V_high)

    def project_weights(self) -> None:
        """Take out of the learned factors what lies in the frozen directions."""
        with torch.no_grad():
            _take_out_columns(self.U_low, self.U_high)
            _take_out_rows(self.V_low, self.V_high)

    def densified(self) -> nn.Module:
        """An ordinary layer, of the kind this was made from, with the same weight."""
        has_bias = self.bias is not None
        weight: Tensor = self.weight.detach()
        layer: Any
        if self.is_conv1d:
            layer = Conv1D(self.out_features, self.in_features)
            weight = weight.T.contiguous()
        else:
            layer = nn.Linear(self.in_features, self.out_features, bias=has_bias, device="meta")
        layer.weight = nn.Parameter(weight)
        if has_bias:
            layer.bias = self.bias
        return layer

    def frozen_numbers(self) -> int:
        """How many numbers the frozen part holds."""
        return sum(int(part.numel()) for part in (self.U_high, self.S_high, self.V_high))

    def extra_repr(self) -> str:
        ranks = f"frozen={len(self.S_high)}, learning={len(self.S_low)}"
        return f"in_features={self.in_features}, out_features={self.out_features}, {ranks}"


def subspace_layers(model: nn.Module) -> Iterator[tuple[str, SubspaceLinear]]:
    """Full name and layer of each."""
    for name, module in model.named_modules():
        if isinstance(module, SubspaceLinear):
            yield name, module


def factorise(model: nn.Module, names: list[str], unfreeze_rank_ratio: float) -> None:
    """Replace the layers of these names, one after another, so that only one is held twice."""
    for name in names:
        model.set_submodule(name, SubspaceLinear(model.get_submodule(name), unfreeze_rank_ratio))


def densify(model: nn.Module) -> None:
    """Undo `factorise`: put an ordinary layer with the present weight in each one's place."""
    for name, layer in list(subspace_layers(model)):
        model.set_submodule(name, layer.densified())


def _take_out_columns(low: Tensor, high: Tensor) -> None:
    """low -= high highᵀ low, for orthonormal columns of `high`."""
    low.addmm_(high, high.T @ low, alpha=-1)


def _take_out_rows(low: Tensor, high: Tensor) -> None:
    """low -= low highᵀ high, for orthonormal rows of `high`."""
    low.addmm_(low @ high.T, high, alpha=-1)
