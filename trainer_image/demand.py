"""What a run's config asks of memory: the bridge from its fields to the terms of the estimate.

Imports only the standard library, pydantic and what is as light; the app sizes runs by it, too.
"""

from collections.abc import Sequence
from typing import Final, Literal

from trainer_image.config import Lora, RunConfig
from trainer_image.config import Osft as OsftSettings
from trainer_image.stored import EVERY_LINEAR, USUAL, LoraShape, Osft, Work

EngineName = Literal["transformers", "unsloth"]

_IN_ATTENTION: Final = r"(?i)att.*\."
"""A layer inside an attention block, as `targets.attention` finds it."""


def work_of(
    config: RunConfig,
    *,
    device: Literal["cpu", "cuda"],
    bfloat16: bool,
    lengths: Sequence[int] | None = None,
) -> Work:
    """`lengths` are those of the rows to train on, in tokens; without data all are as long as may be."""
    rows, longest = _largest_microbatch(config, lengths)
    return Work(
        method=_method(config),
        rows=rows,
        tokens_per_row=longest,
        device=device,
        bfloat16=bfloat16,
        float32_weights=not isinstance(config.method, Lora) or device == "cpu" or not bfloat16,
        quantised_bits=bits_of(config),
        gradient_checkpointing=config.gradient_checkpointing,
    )


def _largest_microbatch(config: RunConfig, lengths: Sequence[int] | None) -> tuple[int, int]:
    """(rows, tokens of each) of what is in memory at once in the first batch, which has the longest rows."""
    bound = config.max_tokens_per_gpu if isinstance(config.max_tokens_per_gpu, int) else None
    if lengths is None:
        longest = (config.block_size if config.is_pretraining else None) or config.max_seq_len
        if config.packing:
            return 1, bound or longest
        return (max(bound // longest, 1) if bound else config.per_device_batch_size), longest
    first = sorted(lengths, reverse=True)[: config.effective_batch_size]
    if config.packing:
        return 1, max(first[0], min(sum(first), bound or config.max_seq_len))
    if bound:
        return min(max(bound // first[0], 1), len(first)), first[0]
    return min(config.per_device_batch_size, len(lengths)), first[0]


def bits_of(config: RunConfig) -> Literal[4, 8] | None:
    """In how many bits the frozen weights are to be kept, if in few."""
    if not isinstance(config.method, Lora):
        return None
    return 4 if config.method.load_in_4bit else 8 if config.method.load_in_8bit else None


def _method(config: RunConfig) -> Literal["sft"] | LoraShape | Osft:
    match config.method:
        case Lora() as lora:
            return LoraShape(lora.lora_r, _lora_patterns(lora), use_dora=lora.use_dora)
        case OsftSettings() as osft:
            return Osft(osft.unfreeze_rank_ratio, osft.train_rest, osft.target_patterns or (USUAL,))
        case _:
            return "sft"


def _lora_patterns(lora: Lora) -> tuple[str, ...]:
    match lora.target_modules:
        case "all-linear":
            return EVERY_LINEAR
        case "attention":
            return (_IN_ATTENTION,)
        case "auto":
            return (USUAL,)
        case "custom":
            return lora.target_patterns
