"""What Auto Set chose, value by value, each with a sentence on why; or why nothing fits and what would."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from app.domain import auto_set
from app.domain.advice import ADAPTER_RATE, suggest_batch, suggest_learning_rate
from app.domain.auto_set import Bits, Case
from app.domain.decimals import plain
from app.domain.gpus import GIB
from app.domain.model_sizes import USUAL_SIZES, rough_shape, size_in_words
from app.domain.presets import Method
from trainer_image.cards import CARDS, SAFE_SHARE
from trainer_image.config import Lora, RunConfig

METHODS: Final[dict[Method, str]] = {"lora": "LoRA", "osft": "OSFT", "sft": "Training all weights"}


@dataclass(frozen=True)
class Choice:
    """One value, and why it is this one."""

    name: str
    """Field of the run's config; `bits` and `effective_batch_size` besides."""
    value: Any
    why: str


@dataclass(frozen=True)
class Instead:
    """Another method that would fit."""

    method: Method
    bits: Bits


@dataclass(frozen=True)
class AutoSet:
    """The answer. Without choices nothing fits: `problem` says so, `advice` what to do."""

    choices: tuple[Choice, ...] = ()
    notes: tuple[str, ...] = ()
    """What is to be said of all of them: no GPU, rows left out, what is not known."""
    problem: str = ""
    advice: str = ""
    instead: Instead | None = None

    def value(self, name: str) -> Any:
        """Of a choice; None if it was not made."""
        return next((choice.value for choice in self.choices if choice.name == name), None)

    def applied_to(self, config: RunConfig) -> RunConfig:
        """The config with all of it; unchanged if nothing fits."""
        values = {c.name: c.value for c in self.choices if c.name in RunConfig.model_fields}
        bits: Bits = self.value("bits") or ""
        kept = auto_set.kept_in(config, bits) if self.choices else config
        return RunConfig.model_validate({**kept.model_dump(), **values})


def auto_settings(case: Case) -> AutoSet:
    """Choose everything."""
    if case.model.shape.stored_bits and not isinstance(case.config.method, Lora):
        return _stored_in_few_bits(case)
    config = auto_set.chosen(case)
    if config is None:
        return _nothing_fits(case)
    config = config.model_copy(update=auto_set.length_of_run(case))
    return AutoSet(tuple(_choices(case, config)), tuple(_notes(case, config)))


def _choices(case: Case, config: RunConfig) -> Iterator[Choice]:
    rate = _rate(case)
    yield Choice("learning_rate", rate, _why_rate(case, rate))
    yield Choice("effective_batch_size", config.effective_batch_size, _why_batch(case))
    yield Choice("num_epochs", config.num_epochs, _why_epochs(case))
    yield Choice("max_steps", config.max_steps, _why_steps(case, config))
    yield Choice("per_device_batch_size", config.per_device_batch_size, _why_rows_at_once(case, config))
    yield Choice(
        "gradient_accumulation_steps",
        config.gradient_accumulation_steps,
        f"{config.gradient_accumulation_steps} × {config.per_device_batch_size} rows make the effective "
        f"batch of {config.effective_batch_size}.",
    )
    if isinstance(config.method, Lora):
        yield Choice("bits", auto_set.bits_in(config), _why_bits(case, config))
    yield Choice("gradient_checkpointing", config.gradient_checkpointing, _why_checkpointing(case, config))
    if not config.is_pretraining:
        yield Choice("max_seq_len", config.max_seq_len, _why_length(case, config))


def _rate(case: Case) -> float:
    if "learning_rate" in case.wishes.pinned:
        return case.config.learning_rate
    if isinstance(case.config.method, Lora):
        return ADAPTER_RATE
    rows = case.rows.count or 1
    return suggest_learning_rate(case.config.method.kind, rows, case.model.shape.parameters)


def _why_rate(case: Case, rate: float) -> str:
    if "learning_rate" in case.wishes.pinned:
        return _OWN
    if isinstance(case.config.method, Lora):
        return f"{plain(rate)} suits new adapters; 0.00001 is more cautious, and takes many more steps."
    size = size_in_words(case.model.shape.parameters)
    why = f"smaller for much data and large models ({size})"
    return f"{plain(rate)}: all weights follow it, so it is small; {why}."


def _why_batch(case: Case) -> str:
    if "effective_batch" in case.wishes.pinned:
        return _OWN
    if case.machine.gpu is None:
        return f"At most {auto_set.CPU_BATCH} examples a step without a GPU, so that steps come quickly."
    rows = case.rows.count
    if not rows:
        return "The rows were not counted: what suits a few hundred."
    advised = suggest_batch(rows)
    if auto_set.effective_batch(case) < advised:
        return f"With {_rows(rows)}, so that an epoch has some steps; the guides say {advised}."
    return f"The guides' start for {_rows(rows)}."


def _why_epochs(case: Case) -> str:
    if "length" in case.wishes.pinned:
        return _OWN
    if case.machine.gpu is None or not case.rows.count:
        return "The number of steps ends the run."
    return f"Two or three passes; more over {_rows(case.rows.count)} would be learnt by heart."


def _why_steps(case: Case, config: RunConfig) -> str:
    if "length" in case.wishes.pinned:
        return _OWN
    if case.machine.gpu is None:
        return f"{auto_set.CPU_STEPS} steps: without a GPU a try, not a whole training."
    if not case.rows.count:
        return f"{auto_set.STEPS_UNKNOWN} steps to begin with; the run can be made longer later."
    if config.is_pretraining:
        return f"No limit: {config.num_epochs} passes over all documents, in blocks."
    steps = -(-case.rows.count // config.effective_batch_size) * config.num_epochs
    return f"No limit: {config.num_epochs} passes over {_rows(case.rows.count)} are about {steps:,} steps."


def _why_rows_at_once(case: Case, config: RunConfig) -> str:
    sizes = auto_set.batch_sizes(case)
    rows = config.per_device_batch_size
    larger = [size for size in sizes if size > rows]
    if larger:
        need = case.needs(auto_set.of_batch(config, larger[-1], case))
        return f"{rows}: {larger[-1]} would need {_of_memory(case, need)}"
    if rows == config.effective_batch_size:
        return f"{rows}: the whole effective batch at once needs {_gb(case.needs(config))} GB at most."
    return f"{rows}: more would not make a processor faster."


def _why_bits(case: Case, config: RunConfig) -> str:
    stored = case.model.shape.stored_bits
    if stored:
        return f"The model is stored in {stored} bits already."
    if case.wishes.bits != "auto":
        return _OWN
    if not auto_set.bits_in(config):
        return "Not needed: the model fits as it is." if case.machine.gpu else "For GPUs only."
    plain = auto_set.kept_in(config, "").model_copy(update={"gradient_checkpointing": True})
    need = case.needs(auto_set.of_batch(plain, auto_set.batch_sizes(case)[-1], case))
    return f"Needed: as it is, the model would need {_of_memory(case, need)}"


def _why_checkpointing(case: Case, config: RunConfig) -> str:
    if not config.gradient_checkpointing:
        return "Not needed, and it makes steps about a quarter slower."
    plain = config.model_copy(update={"gradient_checkpointing": False})
    smallest = auto_set.batch_sizes(case)[-1]
    need = case.needs(auto_set.of_batch(plain, smallest, case))
    rows = "one row" if smallest == 1 else f"{smallest} rows"
    return f"Needed: without it, even {rows} at once would need {_of_memory(case, need)}"


def _why_length(case: Case, config: RunConfig) -> str:
    known, length = case.rows.lengths, config.max_seq_len
    if not known:
        return f"Up to {length:,} tokens, as set: how long the rows are is not known yet."
    if not case.rows.is_whole:
        return f"Up to {length:,} tokens: only some rows were looked at; the longest has {known['max']:,}."
    if length >= known["max"]:
        return f"The longest row has {known['max']:,} tokens, half have {known['p50']:,} or fewer."
    return f"The longest row has {known['max']:,} tokens, which is too much here."


def _notes(case: Case, config: RunConfig) -> Iterator[str]:
    if case.machine.gpu is None:
        yield (
            "No NVIDIA GPU is used, so this trains on the processor: small values for a try. AMD and Apple "
            "GPUs count as none today."
        )
    elif case.machine.cards > 1:
        yield (
            f"Sized for {case.machine.called}: one of {case.machine.cards} GPUs, the one with the most free "
            "memory, on which the run will be started."
        )
    if case.machine.gpu and case.machine.free_bytes < case.machine.total_bytes / 2:
        yield (
            f"Only {_gb(case.machine.free_bytes)} of {_gb(case.machine.total_bytes)} GB are free: something "
            "else uses the GPU. With it closed, more fits."
        )
    known, length = case.rows.lengths, config.max_seq_len
    if known and not config.is_pretraining and length < known["max"]:
        yield _left_out(case, config)
    if case.model.is_rough:
        yield (
            f"The size of {case.model.name} is told from its name, about "
            f"{size_in_words(case.model.shape.parameters)} parameters: all of this is rough."
        )


def _left_out(case: Case, config: RunConfig) -> str:
    known, length = case.rows.lengths, config.max_seq_len
    verb = "cut" if config.over_long == "truncate" else "left out"
    if length >= auto_set.longest_possible(case):
        return f"Rows of more than {length:,} tokens are {verb}: the model reads no more at once."
    share = 1 if length >= known["p99"] else 5
    return (
        f"Rows of more than {length:,} tokens, up to {share} % of them, are {verb}: the longest has "
        f"{known['max']:,}, which does not fit."
    )


def _nothing_fits(case: Case) -> AutoSet:
    method = METHODS[case.config.method.kind]
    need = auto_set.least_needed(case)
    problem = f"{method} does not fit: even the smallest settings need {_of_memory(case, need)}"
    instead = _instead(case)
    if instead is not None:
        return AutoSet(problem=problem, advice=_advice_instead(instead), instead=instead)
    return AutoSet(problem=problem, advice=_smaller_or_larger(case))


def _stored_in_few_bits(case: Case) -> AutoSet:
    return AutoSet(
        problem=f"{case.model.name} is stored in {case.model.shape.stored_bits} bits, of which only adapters "
        "can learn.",
        advice="Train it with LoRA, or choose the model that it was made from.",
        instead=Instead("lora", ""),
    )


def _instead(case: Case) -> Instead | None:
    config = auto_set.chosen(_with_adapters(case))
    return Instead("lora", auto_set.bits_in(config)) if config else None


def _advice_instead(instead: Instead) -> str:
    if instead.bits == "4":
        return "QLoRA fits: small adapters learn beside the model, which is kept frozen in 4 bits."
    return "LoRA fits: small adapters learn beside the frozen model, instead of every weight."


def _smaller_or_larger(case: Case) -> str:
    """Which smaller model would fit, and which card this one needs, both with adapters, which take least."""
    way = "" if isinstance(case.config.method, Lora) else " with LoRA"
    case = _with_adapters(case)
    smaller = [size for size in USUAL_SIZES if auto_set.chosen(_of_size(case, size)) is not None]
    sentences = []
    if smaller:
        sentences.append(f"A model of about {size_in_words(smaller[-1])} parameters would fit{way}.")
    need = auto_set.least_needed(case)
    card = next(((name, gb) for name, gb in CARDS if need <= SAFE_SHARE * gb * 1e9), None)
    if card and case.machine.gpu:
        sentences.append(f"This one needs a GPU of {card[1]} GB{way}, like an {card[0]}.")
    elif case.machine.gpu:
        sentences.append("This one needs more memory than any single GPU has that is commonly rented.")
    return " ".join(sentences) or "Close other programs, or choose a smaller model."


def _with_adapters(case: Case) -> Case:
    """The same with LoRA, in 4 bits if that is needed."""
    is_so = isinstance(case.config.method, Lora)
    config = case.config if is_so else case.config.model_copy(update={"method": Lora()})
    return replace(case, config=config, wishes=replace(case.wishes, bits="auto"))


def _of_size(case: Case, parameters: int) -> Case:
    return replace(case, model=auto_set.Model("", rough_shape(parameters), case.model.context))


def _of_memory(case: Case, need: int) -> str:
    """ "13.1 GB of your 12 GB.", and how much of it is safe to fill if that is what is exceeded."""
    total, bound = case.machine.total_bytes, case.machine.bound
    place = "your" if case.machine.gpu else "this computer's"
    text = f"{_gb(need)} GB of {place} {total / GIB:.0f} GB"
    return f"{text}." if need > total else f"{text}, of which {_gb(bound)} GB are safe to fill now."


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _gb(size: int) -> str:
    return f"{size / GIB:.1f}"


_OWN: Final = "Your own choice."
