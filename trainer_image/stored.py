"""What a run keeps in memory and on disk whatever it computes: counted exactly, from shapes and settings.

Imports neither torch nor transformers.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

from trainer_image.shapes import Matrix, Shape

ADAM_BYTES: Final = 8
"""Two moments in float32 for each trained parameter."""
NF4_BYTES: Final = 0.5 + 0.127 / 8
"""4 bits, and the double-quantised scale of each block of 64: 0.127 bit. Source: arXiv:2305.14314."""
USUAL: Final = (
    r"(^|\.)("
    r"q_proj|k_proj|v_proj|o_proj|out_proj|qkv_proj|Wqkv|query_key_value|c_attn|c_proj|c_fc|"
    r"gate_proj|up_proj|down_proj|gate_up_proj|fc1|fc2|fc_in|fc_out|"
    r"dense|dense_h_to_4h|dense_4h_to_h"
    r")$"
)
"""How the families of models name the linear layers of attention and MLP: Llama, Mistral, Qwen, Gemma and
Granite (q_proj … down_proj), Phi-3 (qkv_proj, gate_up_proj), OPT and Phi (fc1, fc2), GPT-2 (c_attn, c_proj,
c_fc), GPT-J, NeoX, Falcon, BLOOM, MPT."""
EVERY_LINEAR: Final = ("",)
"""The pattern that is found in the name of every linear layer."""


@dataclass(frozen=True)
class Osft:
    """Memory-relevant settings of orthogonal subspace fine-tuning (arXiv:2504.07097)."""

    unfreeze_rank_ratio: float
    train_rest: bool = False
    patterns: tuple[str, ...] = (USUAL,)
    """Which layers are factorised: regular expressions over their names."""


@dataclass(frozen=True)
class LoraShape:
    """Memory-relevant settings of an adapter. The scale (rsLoRA) takes no memory."""

    lora_r: int
    patterns: tuple[str, ...] = EVERY_LINEAR
    """Which layers get one: regular expressions over their names."""
    use_dora: bool = False


@dataclass(frozen=True)
class Work:
    """What is done with the model: everything besides its shape that memory depends on."""

    method: Literal["sft"] | LoraShape | Osft
    rows: int
    """Examples in memory at once; one where several are packed in a sequence."""
    tokens_per_row: int
    device: Literal["cpu", "cuda"] = "cuda"
    bfloat16: bool = True
    """Whether the device computes in bfloat16."""
    float32_weights: bool = True
    """Whether the stored base weights are in float32."""
    quantised_bits: Literal[4, 8] | None = None
    gradient_checkpointing: bool = False
    fused_cross_entropy: bool = False
    optimizer_bytes: float = ADAM_BYTES
    """For each trained parameter."""

    @property
    def tokens(self) -> int:
        return self.rows * self.tokens_per_row

    @property
    def compute_bytes(self) -> int:
        return 2 if self.bfloat16 else 4


@dataclass(frozen=True)
class OsftBytes:
    """Exact bytes of the tensors of OSFT in float32 (factors, gradients, two moments)."""

    stored: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        return self.stored + self.gradients + self.optimizer


def osft_bytes(shape: Shape, osft: Osft) -> OsftBytes:
    """Each target `[n, m]` of rank R = min(n, m) is stored as U `[n, R]`, S `[R]`, V `[R, m]`; of these the
    k = R - floor(R (1 - ratio)) lowest directions are trained, at least one. Nothing else is factorised."""
    targets = shape.matching(osft.patterns)
    rest = shape.parameters - sum(m.elements for m in targets)
    factors = sum(m.copies * m.rank * (m.rows + m.columns + 1) for m in targets)
    trained = sum(
        m.copies * trained_rank(m, osft.unfreeze_rank_ratio) * (m.rows + m.columns + 1) for m in targets
    )
    trained += rest if osft.train_rest else 0
    return OsftBytes(4 * (factors + rest), 4 * trained, ADAM_BYTES * trained)


def frozen_rank(rank: int, unfreeze_rank_ratio: float) -> int:
    """How many of `rank` directions are frozen, so that at least one learns."""
    kept = math.floor(round(rank * (1 - unfreeze_rank_ratio), 6))  # 10 * (1 - 0.9) is 0.9999999999999998
    return min(kept, rank - 1)


def trained_rank(matrix: Matrix, unfreeze_rank_ratio: float) -> int:
    """How many directions of each copy learn."""
    return matrix.rank - frozen_rank(matrix.rank, unfreeze_rank_ratio)


def lora_parameters(shape: Shape, lora: LoraShape) -> int:
    """A `[r, columns]` and B `[rows, r]` beside each target; DoRA's magnitudes are one for each output."""
    return sum(
        m.copies * (lora.lora_r * (m.rows + m.columns) + (m.rows if lora.use_dora else 0))
        for m in shape.matching(lora.patterns)
    )


def trained_parameters(shape: Shape, work: Work) -> int:
    match work.method:
        case LoraShape():
            return lora_parameters(shape, work.method)
        case Osft():
            return osft_bytes(shape, work.method).gradients // 4
        case _:
            return shape.parameters


def checkpoint_bytes(shape: Shape, work: Work, *, full_state: bool, is_in_parts: bool = False) -> int:
    """On disk: what the method adds or changes in float32 and, with the full state, its moments. With the
    model in parts (FSDP) the full state holds the weights once more."""
    trained = trained_parameters(shape, work)
    weights = osft_bytes(shape, work.method).stored if isinstance(work.method, Osft) else 4 * trained
    again = weights if is_in_parts else 0
    return weights + (again + round(work.optimizer_bytes * trained) if full_state else 0)


def result_bytes(shape: Shape, work: Work) -> int:
    """At most: an adapter, or the whole model in float32 (it is saved as its base model is stored)."""
    return 4 * (trained_parameters(shape, work) if isinstance(work.method, LoraShape) else shape.parameters)


def stored_bytes(shape: Shape, work: Work) -> dict[str, int]:
    """Weights, gradients and the optimiser's state on the device, by name."""
    trained = trained_parameters(shape, work)
    learning = {"gradients": 4 * trained, "optimizer": round(work.optimizer_bytes * trained)}
    match work.method:
        case Osft():
            return {"weights": osft_bytes(shape, work.method).stored, **learning}
        case LoraShape():
            return {"weights": _base_weights(shape, work), "adapter": 4 * trained, **learning}
        case _:
            return {"weights": 4 * shape.parameters, **learning}


def bits_of(shape: Shape, work: Work) -> Literal[4, 8] | None:
    """In how many bits the linear layers are kept: as they are stored, else as the run wants it."""
    return shape.stored_bits or work.quantised_bits


def _base_weights(shape: Shape, work: Work) -> int:
    """Quantisation takes the linear layers; PEFT then puts embedding, head and norms to float32."""
    bits, linear = bits_of(shape, work), sum(m.elements for m in shape.matrices)
    if bits is None:
        return (4 if work.float32_weights else 2) * (linear + shape.other)
    return round(linear * (NF4_BYTES if bits == 4 else 1)) + 4 * shape.other
