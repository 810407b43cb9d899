"""What to change next when a run did not fit in memory, in the order of what it costs.

First what leaves the mathematics alone: fewer rows at once, fewer tokens at once, activations computed
anew. Then what the guides name, in their order: shorter rows, a smaller adapter, fewer directions; between
them four bits for the model that an adapter leaves as it is. `docs/decisions/0017-which-knob-next.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from trainer_image.config import Lora, Osft, RunConfig

_SHORTEST: Final = 128
_LEAST_RANK: Final = 4
_LEAST_RATIO: Final = 0.1


@dataclass(frozen=True)
class Knob:
    """One change. `cost` says what it costs; `keeps_result` if the same steps are computed."""

    label: str
    cost: str
    config: RunConfig
    keeps_result: bool = True


def next_knob(config: RunConfig) -> Knob | None:
    """The first change that is left; None once only a smaller model or a larger GPU helps."""
    return next((knob for turn in _ORDER if (knob := turn(config)) is not None), None)


def _fewer_rows(config: RunConfig) -> Knob | None:
    """The largest divisor of the effective batch up to half the rows, so that it stays the same."""
    rows, batch = config.per_device_batch_size, config.effective_batch_size
    fewer = next((n for n in range(rows // 2, 0, -1) if batch % n == 0 and batch // n <= 4096), None)
    if fewer is None or isinstance(config.max_tokens_per_gpu, int):
        return None
    label = f"Retry with {fewer} {'row' if fewer == 1 else 'rows'} at once instead of {rows}"
    changes = {"per_device_batch_size": fewer, "gradient_accumulation_steps": batch // fewer}
    cost = f"More parts are summed, so that {batch} examples still stand behind a step: the same result."
    return _knob(config, label, cost, changes)


def _fewer_tokens(config: RunConfig) -> Knob | None:
    bound = config.max_tokens_per_gpu
    longest = (config.block_size if config.is_pretraining else None) or config.max_seq_len
    if not isinstance(bound, int) or bound <= longest:
        return None
    fewer = max(bound // 2, longest)
    cost = "More parts are summed; the effective batch and the result stay the same."
    return _knob(config, f"Retry with {fewer:,} tokens at once instead of {bound:,}", cost, {
        "max_tokens_per_gpu": fewer
    })  # fmt: skip


def _recompute(config: RunConfig) -> Knob | None:
    if config.gradient_checkpointing:
        return None
    cost = "About a quarter slower; the same result."
    return _knob(config, "Retry with gradient checkpointing", cost, {"gradient_checkpointing": True})


def _four_bits(config: RunConfig) -> Knob | None:
    method = config.method
    if not isinstance(method, Lora) or method.load_in_4bit or method.load_in_8bit:
        return None
    method = method.model_copy(update={"load_in_4bit": True})
    cost = "The model under the adapter is kept in 4 bits, a quarter of its size: a little less exact."
    return _knob(config, "Retry with the model in 4 bits (QLoRA)", cost, {"method": method}, keeps=False)


def _shorter_rows(config: RunConfig) -> Knob | None:
    name = "block_size" if config.is_pretraining else "max_seq_len"
    length = (config.block_size if config.is_pretraining else None) or config.max_seq_len
    half = length // 2
    if half < _SHORTEST or half < config.min_seq_len:
        return None
    fate = "cut" if config.is_pretraining or config.over_long == "truncate" else "left out"
    changes: dict[str, Any] = {name: half}
    if isinstance(config.max_tokens_per_gpu, int):
        changes["max_tokens_per_gpu"] = half
    cost = f"Rows of more than {half:,} tokens are {fate}."
    return _knob(
        config, f"Retry with {half:,} tokens at most instead of {length:,}", cost, changes, keeps=False
    )


def _smaller_adapter(config: RunConfig) -> Knob | None:
    method = config.method
    if not isinstance(method, Lora) or method.lora_r // 2 < _LEAST_RANK:
        return None
    half = method.lora_r // 2
    method = method.model_copy(update={"lora_r": half, "lora_alpha": max(method.lora_alpha // 2, 1)})
    return _knob(
        config, f"Retry with rank {half}", "The adapter can learn less.", {"method": method}, keeps=False
    )


def _fewer_directions(config: RunConfig) -> Knob | None:
    method = config.method
    if not isinstance(method, Osft) or method.unfreeze_rank_ratio / 2 < _LEAST_RATIO:
        return None
    half = round(method.unfreeze_rank_ratio / 2, 3)
    method = method.model_copy(update={"unfreeze_rank_ratio": half})
    cost = "Fewer directions of each weight may learn."
    return _knob(config, f"Retry with an unfreeze ratio of {half:g}", cost, {"method": method}, keeps=False)


_ORDER: Final[tuple[Callable[[RunConfig], Knob | None], ...]] = (
    _fewer_rows, _fewer_tokens, _recompute, _four_bits, _shorter_rows, _smaller_adapter, _fewer_directions,
)  # fmt: skip


def _knob(config: RunConfig, label: str, cost: str, changes: dict[str, Any], *, keeps: bool = True) -> Knob:
    return Knob(label, cost, config.model_copy(update=changes), keeps)
