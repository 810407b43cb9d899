"""What a curve says and what can be done about it: rules of thumb over what a run has reported.

Pure, and silent where a rule does not hold: too few steps, rows that carry loss only in part, data that is
simply easy. Each piece of advice names the steps it is about, which a chart can mark.

Sources: the training_hub and hyperparameter guides (rates to try, ranks to try, losses to expect).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median
from typing import Final, Literal

from app.domain.decimals import plain, rounded
from app.domain.expected_loss import band_at
from app.domain.gain import while_training
from app.domain.runs import Measurement, Metric, RunStatus
from trainer_image.config import Lora, RunConfig

FIRST_STEPS: Final = 50
"""So many steps after warm-up decide whether a loss falls at all."""
_RATES: Final = {"lora": (1e-4, 5e-5), "osft": (1e-5, 5e-6), "sft": (1e-5, 5e-6)}
_RANKS: Final = (32, 64)
_RISES: Final = 3
_MEMORISED: Final = 0.2
"""A loss below this is mostly a text known by heart, whatever the data."""

ChartKind = Literal["loss", "rate", "gradient", "speed", "gpu", "memory"]


@dataclass(frozen=True)
class Finish:
    """End the run here; the result is the model measured best."""

    label: str


@dataclass(frozen=True)
class NewRun:
    """Open a copy of the run with other settings in the form."""

    label: str
    config: RunConfig


@dataclass(frozen=True)
class Show:
    """Look at another chart."""

    label: str
    chart: ChartKind


@dataclass(frozen=True)
class Advice:
    """One thing the curve says. `first` and `last` are the steps it is about."""

    rule: str
    title: str
    text: str
    first: int
    last: int
    steps: tuple[Finish | NewRun | Show, ...] = ()


@dataclass(frozen=True)
class Curve:
    """What the rules look at."""

    config: RunConfig
    metrics: Sequence[Metric]
    measurements: Sequence[Measurement]
    status: RunStatus

    @property
    def is_live(self) -> bool:
        return not self.status.is_final

    @property
    def recent_loss(self) -> float:
        return mean(m.loss for m in self.metrics[-20:])

    @property
    def can_finish(self) -> bool:
        """Other libraries' loops do not look for wishes."""
        return self.is_live and self.config.backend in {"native", "unsloth"}


def advise(
    config: RunConfig, metrics: Sequence[Metric], measurements: Sequence[Measurement], status: RunStatus
) -> tuple[Advice, ...]:
    """What there is to say, the most pressing first. Steps whose loss is no number are passed over."""
    told = [m for m in metrics if math.isfinite(m.loss)]
    if not told:
        return ()
    measured = [m for m in while_training(measurements) if math.isfinite(m.loss)]
    curve = Curve(config, told, measured, status)
    return tuple(advice for rule in _RULES if (advice := rule(curve)) is not None)


def _evaluation_rises(curve: Curve) -> Advice | None:
    """Three measurements in a row, each worse than the one before, while the training loss falls."""
    measured, needed = curve.measurements, _RISES + 1
    tail = [m.loss for m in measured[-needed:]]
    if len(tail) < needed or any(later <= earlier for earlier, later in pairwise(tail)):
        return None
    best = min(measured, key=lambda m: m.loss)
    if curve.recent_loss >= _loss_around(curve.metrics, measured[-needed].step):
        return None
    text = (
        f"From step {best.step:,} ({best.loss:.3f}) to step {measured[-1].step:,} ({measured[-1].loss:.3f}) "
        "the validation loss rose while the training loss fell: it learns its rows by heart. The best model "
        f"is that of step {best.step:,}{', which is the result' if _has_best(curve) else ''}."
    )
    return Advice(
        "evaluation-rises", "The validation loss rises", text, best.step, measured[-1].step,
        _keep_best(curve, best),
    )  # fmt: skip


def _keep_best(curve: Curve, best: Measurement) -> tuple[Finish | NewRun, ...]:
    if curve.can_finish and curve.config.load_best:
        return (Finish(f"Finish with the model of step {best.step:,}"),)
    if _has_best(curve):
        return ()
    changes = {"max_steps": best.step, "load_best": True}
    return (_new_run(curve, f"New run of {best.step:,} steps", changes),)


def _has_best(curve: Curve) -> bool:
    """Whether the result is the best model; a run that was stopped leaves the one it had then."""
    return curve.config.load_best and curve.status is RunStatus.FINISHED


def _gradient_explodes(curve: Curve) -> Advice | None:
    norms = [(m.step, m.grad_norm) for m in curve.metrics if m.grad_norm is not None]
    if len(norms) < 30:
        return None
    before = [norm for _, norm in norms[:-10] if math.isfinite(norm)]
    if not before:  # another library's loop goes on without numbers, from its first step
        return None
    usual = median(before)
    far = [step for step, norm in norms[-10:] if not math.isfinite(norm) or norm > 10 * max(usual, 1e-9)]
    if len(far) < 3:
        return None
    rate = curve.config.learning_rate / 10
    text = (
        f"From step {far[0]:,} to step {far[-1]:,} the gradient was over ten times its usual length "
        f"({usual:.2g}): the learning rate may be too high for these rows."
    )
    return Advice(
        "gradient-explodes", "The gradient explodes", text, far[0], far[-1],
        (_new_run(curve, f"New run with rate {rounded(rate)}", {"learning_rate": rate}),
         Show("Show the gradient", "gradient")),
    )  # fmt: skip


def _loss_spikes(curve: Curve) -> Advice | None:
    """At least three of the last hundred steps cost twice what the twenty before them did."""
    losses = [(m.step, m.loss) for m in curve.metrics[-120:]]
    spikes = [
        step
        for at, (step, loss) in enumerate(losses)
        if at >= 20 and loss > 2 * median(value for _, value in losses[at - 20 : at]) and loss > _MEMORISED
    ]
    if len(spikes) < 3:
        return None
    rate = curve.config.learning_rate / 2
    text = (
        f"{len(spikes)} steps from {spikes[0]:,} to {spikes[-1]:,} lost twice as much as those before them. "
        "A few rows may be unlike all others, or the steps are too large."
    )
    return Advice(
        "loss-spikes", "The loss jumps", text, spikes[0], spikes[-1],
        (_new_run(curve, f"New run with rate {rounded(rate)}", {"learning_rate": rate}),),
    )  # fmt: skip


def _loss_is_flat(curve: Curve) -> Advice | None:
    """Over the first steps after warm-up the loss fell by less than 2 %, and has not begun to since."""
    warm = [m for m in curve.metrics if m.step > _warmup(curve.config, m.total_steps)]
    if len(warm) < FIRST_STEPS:
        return None
    start, end = mean(m.loss for m in warm[:10]), mean(m.loss for m in warm[FIRST_STEPS - 10 : FIRST_STEPS])
    if end < 0.98 * start or curve.recent_loss < 0.95 * start or start < 2 * _MEMORISED:
        return None
    first, last, now = warm[0].step, warm[FIRST_STEPS - 1].step, curve.config.learning_rate
    text = (
        f"From step {first:,} to step {last:,} the loss went from {start:.3f} to {end:.3f}: it learns next "
        f"to nothing at a rate of {plain(now)}. Try another rate; if that does not help, look at the rows as "
        "the model sees them (Data tab), and whether the base model is the one you meant."
    )
    rates = [rate for rate in _RATES[curve.config.method.kind] if not math.isclose(rate, now, rel_tol=0.1)]
    steps = tuple(
        _new_run(curve, f"New run with rate {rounded(rate)}", {"learning_rate": rate}) for rate in rates
    )
    return Advice("loss-is-flat", "The loss does not fall", text, first, last, steps)


def _loss_is_far_below(curve: Curve) -> Advice | None:
    """Half of what the guide expects, where it expects something; else what only knowing by heart gives.

    A validation loss as low says that the data is simply easy.
    """
    last, loss = curve.metrics[-1], curve.recent_loss
    band = band_at(curve.config, last.epoch)
    least = band[0] / 2 if band else _MEMORISED
    if len(curve.metrics) < 30 or loss >= least:
        return None
    if curve.measurements and curve.measurements[-1].loss < 1.5 * least:
        return None
    low = next(m.step for m in curve.metrics if m.loss < least)
    usual = f"the {band[0]:g} to {band[1]:g} the guide expects" if band else f"{_MEMORISED:g}"
    text = (
        f"From step {low:,} on the loss lies far below {usual} ({loss:.3f} now): it may know its rows by "
        "heart. Compare its answers with those of the base model on questions it has not seen."
    )
    steps: list[Finish | NewRun] = [Finish("Finish here")] if curve.can_finish else []
    if curve.config.num_epochs > 1 and not curve.config.max_steps:
        fewer = curve.config.num_epochs - 1
        noun = "epoch" if fewer == 1 else "epochs"
        steps.append(_new_run(curve, f"New run of {fewer} {noun}", {"num_epochs": fewer}))
    return Advice("loss-far-below", "The loss is very low", text, low, last.step, tuple(steps))


def _underfits(curve: Curve) -> Advice | None:
    """Near the end an adapter has learnt little, on what it trains on and on what is kept aside alike."""
    method, last = curve.config.method, curve.metrics[-1]
    if not isinstance(method, Lora) or len(curve.metrics) < FIRST_STEPS:
        return None
    if last.step < 0.8 * last.total_steps or _loss_is_flat(curve):
        return None
    start, loss, band = mean(m.loss for m in curve.metrics[:10]), curve.recent_loss, None
    if last.epoch >= 1:
        band = band_at(curve.config, last.epoch)
    if not (loss > band[1] if band else loss > 0.9 * start):
        return None
    if curve.measurements and curve.measurements[-1].loss > 1.2 * loss:
        return None
    steps = tuple(_of_rank(curve, method, rank) for rank in _RANKS if rank > method.lora_r)
    text = (
        f"From step {curve.metrics[0].step:,} to step {last.step:,} the loss fell from {start:.3f} to "
        f"{loss:.3f} only. An adapter of rank {method.lora_r} may be too small for what is to be learnt."
    )
    return Advice("underfits", "Underfitting?", text, curve.metrics[0].step, last.step, steps)


def _of_rank(curve: Curve, method: Lora, rank: int) -> NewRun:
    alpha = min(max(round(method.lora_alpha / method.lora_r * rank), 1), 4096)
    larger = method.model_copy(update={"lora_r": rank, "lora_alpha": alpha})
    return _new_run(curve, f"New run with rank {rank}", {"method": larger})


def _is_slower(curve: Curve) -> Advice | None:
    """Of late at most half as fast as at the beginning, its first steps left out."""
    speeds = [(m.step, m.tokens_per_second) for m in curve.metrics if m.tokens_per_second]
    if not curve.is_live or len(speeds) < 60:
        return None
    early, late = median(s for _, s in speeds[5:45]), median(s for _, s in speeds[-15:])
    if late > early / 2:
        return None
    is_on_gpu, is_seen = _gpu_facts(curve.metrics[-60:])
    text = (
        f"From step {speeds[-15][0]:,} to step {speeds[-1][0]:,} it makes {late:,.0f} tokens a second; at "
        f"the beginning it made {early:,.0f}. Another program may use the "
        f"{'GPU' if is_on_gpu else 'processor'}, or it is too warm."
    )
    shows = [Show("Show the speed", "speed"), *([Show("Show the GPU", "gpu")] if is_seen else [])]
    return Advice("slower", "It has become slow", text, speeds[-15][0], speeds[-1][0], tuple(shows))


def _gpu_facts(metrics: Sequence[Metric]) -> tuple[bool, bool]:
    """Whether there is a GPU, and whether it tells how busy or how warm it is."""
    is_seen = any(m.gpu_utilisation is not None or m.gpu_temperature is not None for m in metrics)
    return is_seen or any(m.gpu_memory_gb is not None for m in metrics), is_seen


_RULES: Final[tuple[Callable[[Curve], Advice | None], ...]] = (
    _evaluation_rises, _gradient_explodes, _loss_spikes, _loss_is_flat, _loss_is_far_below, _underfits,
    _is_slower,
)  # fmt: skip


def _new_run(curve: Curve, label: str, changes: Mapping[str, object]) -> NewRun:
    return NewRun(label, curve.config.model_copy(update=changes))


def _warmup(config: RunConfig, total_steps: int) -> int:
    return config.warmup_steps or math.ceil(config.warmup_ratio * total_steps)


def _loss_around(metrics: Sequence[Metric], step: int) -> float:
    return mean([m.loss for m in metrics if m.step <= step][-20:] or [metrics[0].loss])
