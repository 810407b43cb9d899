"""How much memory a run will take at its peak, without loading weights: a sum of named terms in bytes.

What is stored (weights, gradients, optimiser state) is counted exactly from the shapes; what a step makes
and drops again (activations, logits) is what autograd keeps in transformers' implementations, so that
`low` and `high` differ by the latter. Imports neither torch nor transformers.
"""

from dataclasses import dataclass, field
from math import floor
from typing import Final, Literal

from trainer_image.shapes import Matrix, Shape

ADAM_BYTES: Final = 8
"""Two moments in float32 for each trained parameter."""
_CUDA_CONTEXT: Final = 600 * 2**20
"""Kernels and libraries, before a tensor is allocated; 0.5 to 0.7 GB on recent cards."""
_CHUNK_TOKENS: Final = 256
"""Rows of logits a fused or chunked cross-entropy holds at once."""
_LOGIT_COPIES: Final = (2.0, 2.7, 3.3)
"""Copies of the logits in float32 alive at once: log-softmax, its gradient, and what is on its way."""
_SLACK: Final = {"cuda": (-0.1, 0.05, 0.3), "cpu": (-0.1, 0.6, 2.0)}
"""What the allocator holds beyond the activations, as a share of them: low, expected, high.

CPU: measured with glibc 2.x, 0.5 (all weights) to 1.5 (adapters); next to nothing with a fixed
MALLOC_MMAP_THRESHOLD_. GPU: not measured, expandable segments keep it small.
"""
_UNKNOWN_FAMILY: Final = 1.3
NF4_BYTES: Final = 0.5 + 0.127 / 8
"""4 bits, and the double-quantised scale of each block of 64: 0.127 bit. Source: arXiv:2305.14314."""


@dataclass(frozen=True)
class Osft:
    """Memory-relevant settings of orthogonal subspace fine-tuning (arXiv:2504.07097)."""

    unfreeze_rank_ratio: float
    train_rest: bool = False


@dataclass(frozen=True)
class LoraShape:
    """Memory-relevant settings of an adapter."""

    lora_r: int
    attention_only: bool = False


@dataclass(frozen=True)
class Work:
    """What is done with the model: everything besides its shape that memory depends on."""

    method: Literal["sft"] | LoraShape | Osft
    rows: int
    """Examples in memory at once."""
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
class Estimate:
    """Bytes at the peak. `terms` add up to `expected`, and each is named for a person."""

    low: int
    expected: int
    high: int
    terms: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class OsftBytes:
    """Exact bytes of the tensors of OSFT in float32 (factors, gradients, two moments)."""

    stored: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        return self.stored + self.gradients + self.optimizer


def estimate(shape: Shape, work: Work) -> Estimate:
    """Peak of the memory on one device while training."""
    stored = _stored(shape, work)
    casts = _autocast_bytes(shape, work)
    transient = activation_bytes(shape, work) + casts
    low_copies, copies, high_copies = _LOGIT_COPIES
    low_slack, slack, high_slack = _SLACK[work.device]
    in_logits = min(_CHUNK_TOKENS, work.tokens) if work.fused_cross_entropy else work.tokens
    logits = logits_bytes(shape.vocabulary, in_logits)
    terms = {
        **stored,
        "bfloat16_copies": casts,
        "activations": transient - casts,
        "logits": round(logits * copies),
        "allocator": round(transient * slack),
        "context": _CUDA_CONTEXT if work.device == "cuda" else 0,
    }
    fixed = sum(stored.values()) + terms["context"]
    high = fixed * 1.03 + transient * (1 + high_slack) + logits * high_copies
    return Estimate(
        low=round(fixed + transient * (1 + low_slack) + logits * low_copies),
        expected=sum(terms.values()),
        high=round(high if shape.is_exact else high * _UNKNOWN_FAMILY),
        terms={name: size for name, size in terms.items() if size},
    )


def logits_bytes(vocabulary: int, tokens: int) -> int:
    """One copy of the logits `[tokens, vocabulary]` in float32, whatever the weights are stored in."""
    return 4 * vocabulary * tokens


def osft_bytes(shape: Shape, unfreeze_rank_ratio: float, *, train_rest: bool) -> OsftBytes:
    """Each matrix `[n, m]` of rank R = min(n, m) is stored as U `[n, R]`, S `[R]`, V `[R, m]`; of these the
    k = R - floor(R (1 - ratio)) lowest directions are trained, at least one."""
    factors = sum(m.copies * (_rank(m) * (m.rows + m.columns + 1)) for m in shape.matrices)
    trained = sum(
        m.copies * _trained_rank(m, unfreeze_rank_ratio) * (m.rows + m.columns + 1) for m in shape.matrices
    )
    trained += shape.other if train_rest else 0
    return OsftBytes(4 * (factors + shape.other), 4 * trained, ADAM_BYTES * trained)


def lora_parameters(shape: Shape, lora: LoraShape) -> int:
    """A `[r, columns]` and B `[rows, r]` beside each adapted matrix."""
    adapted = (m for m in shape.matrices if m.is_attention or not lora.attention_only)
    return sum(m.copies * lora.lora_r * (m.rows + m.columns) for m in adapted)


def trained_parameters(shape: Shape, work: Work) -> int:
    match work.method:
        case LoraShape():
            return lora_parameters(shape, work.method)
        case Osft():
            exact = osft_bytes(shape, work.method.unfreeze_rank_ratio, train_rest=work.method.train_rest)
            return exact.gradients // 4
        case _:
            return shape.parameters


def checkpoint_bytes(shape: Shape, work: Work, *, full_state: bool) -> int:
    """On disk: what is trained in float32 and, with the full state, the optimiser's moments."""
    whole = isinstance(work.method, Osft)
    weights = 4 * (shape.parameters if whole else trained_parameters(shape, work))
    moments = round(work.optimizer_bytes * trained_parameters(shape, work))
    return weights + (moments if full_state else 0)


def activation_bytes(shape: Shape, work: Work) -> int:
    """What autograd keeps of the forward pass; with checkpointing each layer's input, and one layer whole."""
    layer = work.tokens * _kept_per_token(shape, work)
    last_norm = work.tokens * shape.hidden * (12 if work.compute_bytes == 4 else 10)
    if not work.gradient_checkpointing:
        return shape.layers * layer + last_norm
    stream = 4 if work.compute_bytes == 4 or _is_autocast(work) else 2
    return shape.layers * work.tokens * shape.hidden * stream + layer + last_norm


def _kept_per_token(shape: Shape, work: Work) -> int:
    """Bytes in one layer, as counted in the saved tensors of transformers 5.17 (a test counts them again).

    Queries, keys, values (repeated for each query head) and the attention's output; the gated MLP's four
    widths; of each norm the input, the scaled input and, where a weight is trained on it, the output.
    """
    width, hidden = work.compute_bytes, shape.hidden
    inputs = 5 * hidden + shape.attention  # of the linear layers but the last
    kept = width * (4 * shape.attention + 4 * shape.intermediate)
    kept += width * work.tokens_per_row  # the mask, made anew in each layer
    adapted = isinstance(work.method, LoraShape)
    if work.compute_bytes == 4:
        kept += shape.norms * 4 * hidden * (2 if adapted else 3)
    elif _is_autocast(work):
        kept += shape.norms * 8 * hidden + 2 * inputs  # norms stay in float32, each input is cast
    else:
        kept += shape.norms * 4 * hidden + 2 * inputs
    if shape.qk_norm:
        kept += (shape.attention + shape.key_value) * (4 if adapted else width + 4)
    if isinstance(work.method, LoraShape):
        kept += width * work.method.lora_r * (4 if work.method.attention_only else 7)
    if isinstance(work.method, Osft):  # the product with V, before and after the scale
        kept += 2 * width * sum(_rank(m) * max(m.copies // shape.layers, 1) for m in shape.matrices)
    return kept


def _is_autocast(work: Work) -> bool:
    """Whether float32 weights are computed with in bfloat16."""
    in_float32 = not isinstance(work.method, LoraShape) or work.float32_weights
    return work.bfloat16 and in_float32 and not work.quantised_bits


def _stored(shape: Shape, work: Work) -> dict[str, int]:
    match work.method:
        case Osft():
            exact = osft_bytes(shape, work.method.unfreeze_rank_ratio, train_rest=work.method.train_rest)
            return {
                "weights": exact.stored,
                "gradients": exact.gradients,
                "optimizer": round(work.optimizer_bytes * exact.gradients / 4),
            }
        case LoraShape():
            adapter = lora_parameters(shape, work.method)
            return {
                "weights": _base_weights(shape, work),
                "adapter": 4 * adapter,
                "gradients": 4 * adapter,
                "optimizer": round(work.optimizer_bytes * adapter),
            }
        case _:
            return {
                "weights": 4 * shape.parameters,
                "gradients": 4 * shape.parameters,
                "optimizer": round(work.optimizer_bytes * shape.parameters),
            }


def _base_weights(shape: Shape, work: Work) -> int:
    """Quantisation takes the linear layers; embedding, head and norms stay as they are."""
    width = 4 if work.float32_weights else 2
    linear = sum(m.elements for m in shape.matrices)
    if work.quantised_bits is None:
        return width * (linear + shape.other)
    return round(linear * (NF4_BYTES if work.quantised_bits == 4 else 1)) + width * shape.other


def _autocast_bytes(shape: Shape, work: Work) -> int:
    """Autocast computes with bfloat16 copies of float32 weights, which live until the backward pass."""
    if not _is_autocast(work):
        return 0
    if work.gradient_checkpointing:
        return 2 * (sum(m.elements // shape.layers for m in shape.matrices) + shape.vocabulary * shape.hidden)
    return 2 * (sum(m.elements for m in shape.matrices) + shape.vocabulary * shape.hidden)


def _rank(matrix: Matrix) -> int:
    return min(matrix.rows, matrix.columns)


def _trained_rank(matrix: Matrix, ratio: float) -> int:
    rank = _rank(matrix)
    return rank - min(floor(rank * (1 - ratio)), rank - 1)
