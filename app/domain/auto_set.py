"""Auto Set: settings that fit this model, method, data and card, each with its reason. Pure.

The best first: all rows, the model as it is, as many rows at once as the effective batch has. Then, each only
when what stands before it does not fit: fewer rows at once, gradient checkpointing, 4 bits, and last, with
a sentence about it, without the longest rows. What is chosen is the first of these whose peak (the upper end
of the trainer's own estimate) stays under `SAFE_SHARE` of the memory that is free. So it never exceeds that
bound, anything better would, and more memory never makes it worse.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import Any, Final, Literal

from app.domain.advice import suggest_batch, suggest_epochs
from app.domain.gpus import Gpu
from trainer_image import memory
from trainer_image.cards import SAFE_SHARE
from trainer_image.config import Lora, RunConfig
from trainer_image.demand import work_of
from trainer_image.shapes import Shape

Bits = Literal["", "4", "8"]
"""In how many bits LoRA keeps the frozen model; empty for as it is."""
BitsWish = Literal["auto", "", "4", "8"]
Pin = Literal["learning_rate", "effective_batch", "length"]

CPU_BATCH: Final = 8
CPU_ROWS_AT_ONCE: Final = 2
CPU_STEPS: Final = 50
STEPS_UNKNOWN: Final = 200
"""Where nobody has counted the rows."""
BATCH_UNKNOWN: Final = 32
MOST: Final = 4096
"""Of rows at once, and of their accumulation: the config's own limits."""
_LEAST_STEPS: Final = 4
"""Of an epoch: of very few rows, so many go into one step that it still has these."""


@dataclass(frozen=True)
class Wishes:
    """What a person has decided; the rest is chosen around it."""

    bits: BitsWish = "auto"
    pinned: frozenset[Pin] = frozenset()
    """Numbers that stay as the config has them."""


NO_WISHES: Final = Wishes()


@dataclass(frozen=True)
class KnownRows:
    """What is known of the rows to train on."""

    count: int | None = None
    lengths: Mapping[str, int] = field(default_factory=dict)
    """Tokens of a row: p50, p95, p99, max; empty where nobody has looked."""
    is_whole: bool = True
    """Whether all rows were looked at, and not a sample."""


@dataclass(frozen=True)
class Machine:
    """What trains: one NVIDIA GPU, or the processor with the computer's own memory."""

    gpu: Gpu | None
    total_bytes: int
    free_bytes: int
    cards: int = 1
    called: str = ""
    """The GPU, for people."""

    @property
    def bound(self) -> int:
        """Bytes that a run may be expected to take at most."""
        return int(SAFE_SHARE * min(self.free_bytes, self.total_bytes))


@dataclass(frozen=True)
class Model:
    """What is to be trained, as far as it is known without its weights."""

    name: str
    shape: Shape
    context: int | None = None
    """Tokens it can read at once."""
    is_rough: bool = False
    """Its size is told from its name alone."""


Peak = Callable[[Shape, RunConfig], int]
"""Bytes at the peak of a run, the upper end of the estimate."""


@dataclass(frozen=True)
class Case:
    """All that a choice depends on."""

    config: RunConfig
    rows: KnownRows
    machine: Machine
    model: Model
    peak: Peak
    wishes: Wishes = NO_WISHES

    def needs(self, config: RunConfig) -> int:
        return self.peak(self.model.shape, config)

    def fits(self, config: RunConfig) -> bool:
        return self.needs(config) <= self.machine.bound


def estimated_peak(machine: Machine) -> Peak:
    """By the trainer's own formulas."""
    device: Literal["cpu", "cuda"] = "cuda" if machine.gpu else "cpu"

    def peak(shape: Shape, config: RunConfig) -> int:
        return memory.estimate(shape, work_of(config, device=device, bfloat16=bfloat16(machine, config))).high

    return peak


def bfloat16(machine: Machine, config: RunConfig) -> bool:
    """Whether the run computes in it, as the trainer decides."""
    if machine.gpu is None:
        return config.precision == "bfloat16"
    return machine.gpu.has_bfloat16 and config.precision != "float32"


def chosen(case: Case) -> RunConfig | None:
    """The first of `candidates` that fits; None if none does."""
    return next((config for config in candidates(case) if case.fits(config)), None)


def candidates(case: Case) -> Iterator[RunConfig]:
    """Best first. Where a single row at once does not fit, more of them are not tried."""
    for level in levels(case):
        batches = batch_sizes(case)
        if not case.fits(of_batch(level, batches[-1], case)):
            continue
        yield from (of_batch(level, rows, case) for rows in batches)


def levels(case: Case) -> Iterator[RunConfig]:
    """Every way to keep the model and the activations, for each length, best first; batches come below."""
    for length in lengths(case):
        for bits in bits_to_try(case):
            for checkpointing in (False, True):
                yield kept_in(case.config, bits).model_copy(
                    update={"max_seq_len": length, "gradient_checkpointing": checkpointing}
                )


def batch_sizes(case: Case) -> list[int]:
    """Rows at once that divide the effective batch, the most first."""
    whole = effective_batch(case)
    small = {n for n in range(1, isqrt(whole) + 1) if whole % n == 0}
    sizes = {size for size in small | {whole // n for n in small} if max(size, whole // size) <= MOST}
    if case.machine.gpu is None:
        sizes = {size for size in sizes if size <= CPU_ROWS_AT_ONCE} or sizes
    return sorted(sizes, reverse=True)


def of_batch(config: RunConfig, rows_at_once: int, case: Case) -> RunConfig:
    accumulation = effective_batch(case) // rows_at_once
    return config.model_copy(
        update={"per_device_batch_size": rows_at_once, "gradient_accumulation_steps": accumulation}
    )


def effective_batch(case: Case) -> int:
    """As the size of the data advises, and small on a processor."""
    if "effective_batch" in case.wishes.pinned:
        return case.config.effective_batch_size
    rows = case.rows.count
    advised = suggest_batch(rows) if rows else BATCH_UNKNOWN
    if rows and rows < advised * _LEAST_STEPS:
        advised = 1 << (max(rows // _LEAST_STEPS, 1).bit_length() - 1)
    return advised if case.machine.gpu else min(advised, CPU_BATCH)


def lengths(case: Case) -> list[int]:
    """Longest rows to train on: all of them, then without the longest 1 %, then 5 %.

    Where not all lengths are known the config's own stays, and grows to the longest that was seen.
    """
    if case.config.is_pretraining:
        return [case.config.max_seq_len]
    most = longest_possible(case)
    known = case.rows.lengths
    if not known or not case.rows.is_whole:
        return [min(max(case.config.max_seq_len, known.get("max", 0)), most)]
    tried = [min(_whole_eighths(known[name]), most) for name in ("max", "p99", "p95") if name in known]
    return list(dict.fromkeys(tried))


def longest_possible(case: Case) -> int:
    """What the model can read, and what the run may have in memory at once."""
    bound = case.config.max_tokens_per_gpu
    return min(case.model.context or 1_048_576, bound if isinstance(bound, int) else 1_048_576)


def bits_to_try(case: Case) -> tuple[Bits, ...]:
    """As it is, then 4 bits: by arXiv:2305.14314 as good, with less memory and more speed than 8."""
    if not isinstance(case.config.method, Lora) or case.model.shape.stored_bits:
        return ("",)
    if case.wishes.bits != "auto":
        return (case.wishes.bits,)
    return ("", "4") if case.machine.gpu else ("",)


def kept_in(config: RunConfig, bits: Bits) -> RunConfig:
    """With the frozen model in so many bits, where the method keeps one."""
    if not isinstance(config.method, Lora):
        return config
    method = config.method.model_copy(update={"load_in_4bit": bits == "4", "load_in_8bit": bits == "8"})
    return config.model_copy(update={"method": method})


def bits_in(config: RunConfig) -> Bits:
    if not isinstance(config.method, Lora):
        return ""
    return "4" if config.method.load_in_4bit else "8" if config.method.load_in_8bit else ""


def length_of_run(case: Case) -> dict[str, Any]:
    """Epochs and most steps."""
    if "length" in case.wishes.pinned:
        return case.config.length
    if case.machine.gpu is None:
        return {"num_epochs": 1, "max_steps": CPU_STEPS}
    rows = case.rows.count
    if not rows:
        return {"num_epochs": 1, "max_steps": STEPS_UNKNOWN}
    return {"num_epochs": suggest_epochs(rows), "max_steps": None}


def least_needed(case: Case) -> int:
    """Bytes that it takes at least, with everything that saves memory."""
    smallest = batch_sizes(case)[-1]
    return min(case.needs(of_batch(level, smallest, case)) for level in levels(case))


def _whole_eighths(tokens: int) -> int:
    """Tensor cores like lengths that 8 divides."""
    return max(-(-tokens // 8) * 8, 16)
