"""How much memory a run will take at its peak, without loading weights: a sum of named terms in bytes.

What is stored (weights, gradients, optimiser state) is counted exactly from the shapes; what a step makes
and drops again (activations, logits) is what autograd keeps in transformers' implementations, so that
`low` and `high` differ by the latter. Imports neither torch nor transformers.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from trainer_image.shapes import Shape
from trainer_image.stored import LoraShape, Osft, Work, bits_of, stored_bytes, trained_rank

_CUDA_CONTEXT: Final = 600 * 2**20
"""Kernels and libraries, before a tensor is allocated; 0.5 to 0.7 GB on recent cards."""
_LIBRARIES: Final = {"cuda": (0, 0, 0), "cpu": (20 * 2**20, 38 * 2**20, 64 * 2**20)}
"""Code that is first needed when a step is computed, as bytes of the process: low, expected, high.

CPU: 33 to 40 MB more than the rest for the bundled model by LoRA and SFT, 46 by OSFT (torch 2.13 on Linux).
GPU: no part of its memory.
"""
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
_DOWN: Final = ("mlp.down_proj", "mlp.c_proj")
_OUTPUT: Final = ("self_attn.o_proj", "attn.c_proj")
_READ_NORM_1: Final = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.qkv_proj",
    "attn.c_attn",
)
_READ_NORM_2: Final = ("mlp.gate_proj", "mlp.up_proj", "mlp.gate_up_proj", "mlp.c_fc")


@dataclass(frozen=True)
class Estimate:
    """Bytes at the peak. `terms` add up to `expected`, and each is named for a person."""

    low: int
    expected: int
    high: int
    terms: dict[str, int] = field(default_factory=dict)


def estimate(shape: Shape, work: Work) -> Estimate:
    """Peak of the memory on one device while training."""
    stored = stored_bytes(shape, work)
    casts, dense = _cast_bytes(shape, work), _dense_bytes(shape, work)
    transient = activation_bytes(shape, work) + casts + dense
    low_copies, copies, high_copies = _LOGIT_COPIES
    low_slack, slack, high_slack = _SLACK[work.device]
    low_libraries, libraries, high_libraries = _LIBRARIES[work.device]
    in_logits = min(_CHUNK_TOKENS, work.tokens) if work.fused_cross_entropy else work.tokens
    logits = logits_bytes(shape.vocabulary, in_logits)
    terms = {
        **stored,
        "bfloat16_copies": casts,
        "dense_weights": dense,
        "activations": transient - casts - dense,
        "logits": round(logits * copies),
        "allocator": round(transient * slack),
        "context": _CUDA_CONTEXT if work.device == "cuda" else 0,
        "libraries": libraries,
    }
    fixed = sum(stored.values()) + terms["context"]
    high = fixed * 1.03 + transient * (1 + high_slack) + logits * high_copies + high_libraries
    return Estimate(
        low=round(fixed + transient * (1 + low_slack) + logits * low_copies + low_libraries),
        expected=sum(terms.values()),
        high=round(high if shape.is_exact else high * _UNKNOWN_FAMILY),
        terms={name: size for name, size in terms.items() if size},
    )


def logits_bytes(vocabulary: int, tokens: int) -> int:
    """One copy of the logits `[tokens, vocabulary]` in float32, whatever the weights are stored in."""
    return 4 * vocabulary * tokens


def activation_bytes(shape: Shape, work: Work) -> int:
    """What autograd keeps of the forward pass; with checkpointing each layer's input, and one layer whole."""
    layer = work.tokens * _kept_per_token(shape, work)
    last_norm = work.tokens * shape.hidden * (12 if work.compute_bytes == 4 else 10)
    if not work.gradient_checkpointing:
        return shape.layers * layer + last_norm
    stream = 4 if work.compute_bytes == 4 or is_autocast(shape, work) else 2
    return shape.layers * work.tokens * shape.hidden * stream + layer + last_norm


def _kept_per_token(shape: Shape, work: Work) -> int:
    """Bytes in one layer, as counted in the saved tensors of transformers 5.17 (a test counts them again).

    Queries, keys, values (repeated for each query head) and the attention's output; the gated MLP's widths;
    of each norm the input and, if it learns, the scaled input; the input of each linear layer that learns.
    Layers that read the same share one tensor, unless each casts its own.
    """
    width, hidden = work.compute_bytes, shape.hidden
    learns = _learning(shape, work)
    trains_rest = _trains_rest(work)
    kept: float = width * (4 * shape.attention + 3 * shape.intermediate)
    kept += width * work.tokens_per_row  # the mask, made anew in each layer
    kept += width * max(learns[name] for name in _DOWN) * shape.intermediate
    kept += shape.norms * 4 * hidden * (1 + trains_rest)
    if width == 4:
        read = max(learns[name] for name in _READ_NORM_1) + max(learns[name] for name in _READ_NORM_2)
        kept += shape.norms * 4 * hidden * read / 2
    else:  # norms stay in float32, and each layer's input is cast anew
        own = {*_DOWN} if isinstance(work.method, LoraShape) else {*_DOWN, *_OUTPUT}
        kept += width * sum(learns[m.name] * m.columns for m in shape.matrices if m.name not in own)
    if shape.qk_norm:
        kept += (shape.attention + shape.key_value) * (width + 4 if trains_rest else 4)
    return round(kept + width * _kept_by_method(shape, work))


def _trains_rest(work: Work) -> bool:
    """Whether norms and everything else outside the targets learn."""
    return work.method == "sft" or (isinstance(work.method, Osft) and work.method.train_rest)


def _learning(shape: Shape, work: Work) -> Mapping[str, float]:
    """Name of a kind of linear layer → in which share of the layers its input is kept, because it learns."""
    if isinstance(work.method, str) or _trains_rest(work):
        return defaultdict(float, {m.name: 1.0 for m in shape.matrices})
    copies = {m.name: m.copies for m in shape.matrices}
    found = {m.name: m.copies / copies[m.name] for m in shape.matching(work.method.patterns)}
    return defaultdict(float, found)


def _kept_by_method(shape: Shape, work: Work) -> float:
    """Numbers per token in one layer, on average."""
    if isinstance(work.method, str):
        return 0
    targets = [(m, m.copies / shape.layers) for m in shape.matching(work.method.patterns)]
    match work.method:
        case LoraShape(use_dora=dora):  # what B gets; what is scaled by DoRA's magnitudes
            return sum(n * (work.method.lora_r + (2 * m.rows if dora else 0)) for m, n in targets)
        case Osft():  # the product with V, before and after the scale
            return sum(n * 2 * trained_rank(m, work.method.unfreeze_rank_ratio) for m, n in targets)


def is_autocast(shape: Shape, work: Work) -> bool:
    """Whether float32 tensors are computed with in bfloat16."""
    in_float32 = not isinstance(work.method, LoraShape) or work.float32_weights
    return work.bfloat16 and (in_float32 or bits_of(shape, work) is not None)


def _cast_bytes(shape: Shape, work: Work) -> int:
    """Autocast computes with bfloat16 copies of float32 weights, which live until the backward pass."""
    if not is_autocast(shape, work):
        return 0
    head = shape.vocabulary * shape.hidden
    if bits_of(shape, work) is not None and isinstance(work.method, LoraShape):
        return 2 * head
    linear = sum(m.elements for m in shape.matrices)
    if isinstance(work.method, Osft):
        targets = shape.matching(work.method.patterns)
        linear += sum(m.copies * m.rank * (m.rows + m.columns) - m.elements for m in targets)
    return 2 * (linear // (shape.layers if work.gradient_checkpointing else 1) + head)


def _dense_bytes(shape: Shape, work: Work) -> int:
    """One layer's weight made dense and dropped again: from few bits, or to measure it for DoRA.

    DoRA: an identity, the update, the scaled update and their sum.
    """
    largest = max(m.rows * m.columns for m in shape.matrices)
    dequantised = largest if bits_of(shape, work) is not None else 0
    if isinstance(work.method, LoraShape) and work.method.use_dora:
        targets = shape.matching(work.method.patterns)
        return work.compute_bytes * (
            dequantised + max(3 * m.rows * m.columns + m.columns**2 for m in targets)
        )
    return work.compute_bytes * dequantised
