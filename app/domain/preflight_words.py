"""What the checks before a run found out, in words: the same in the window and in the terminal."""

from typing import Final

from app.domain.money import credit, money
from app.domain.preflight import ActiveLogger, DiskNeed, Extent, Readiness
from app.domain.renting import CostPlan
from app.domain.rough_time import TIMES_WRONG
from app.domain.sizes import sized

_ABILITIES: Final = {
    "lora": "LoRA",
    "qlora_4bit": "LoRA in 4 bits",
    "qlora_8bit": "LoRA in 8 bits",
    "osft": "OSFT",
    "sft": "All weights",
    "native": "Native",
    "unsloth": "Unsloth",
    "instructlab-training": "instructlab-training",
    "mini-trainer": "mini-trainer",
    "ddp": "Several GPUs, whole copies",
    "fsdp": "Several GPUs, parts",
    "model_splitting": "One model over several GPUs",
}
_DIRECTIONS_NAMED: Final = 8
_FILES_NAMED: Final = 4
_AT_ONCE: Final = 60.0
"""Seconds below which a rough time is no range: to begin takes as long."""


def facts(found: Readiness) -> list[tuple[str, str]]:
    """(name, sentence) of everything that is known, in the order of a run."""
    lines = [
        ("Memory", memory(found)),
        ("Length", length(found.extent)),
        ("Disk", disk(found)),
        ("Model", download(found)),
        ("Cost", cost(found)),
        ("Leaves", leaving(found)),
        ("Logging", loggers(found)),
        ("OSFT", directions(found)),
    ]
    return [(name, text) for name, text in lines if text]


def memory(found: Readiness) -> str:
    need = found.memory
    if need is None:
        return ""
    expected, low = (sized(size, beside=need.high) for size in (need.expected, need.low))
    text = f"{expected} expected, {low} to {sized(need.high)} ({need.basis})"
    if need.free is not None:
        where = f"on {need.device_name}" if need.device == "cuda" else "in this computer's memory"
        text = f"{text}; {sized(need.free)} free {where}"
    return f"{text}. {need.rows}" if need.rows else text


def length(extent: Extent | None) -> str:
    if extent is None:
        return ""
    about = "" if extent.is_exact else "about "
    rows = f"{about}{extent.rows:,} rows to learn" if extent.rows is not None else ""
    steps = f"{extent.steps:,} steps" if extent.steps is not None else ""
    time = _time(extent)
    told = ", ".join(filter(None, (steps, rows, time))) or "as many steps as the rows come to"
    if extent.is_by_size:
        return f"{told}, by size alone; the time is known after the first ones"
    return told if time else f"{told}; the time is known after the first ones"


def short_length(extent: Extent) -> str:
    """Steps and time only; empty if neither is known."""
    steps = f"{extent.steps:,} steps" if extent.steps is not None else ""
    return ", ".join(filter(None, (steps, _time(extent))))


def _time(extent: Extent) -> str:
    if extent.seconds is None:
        return ""
    if not extent.is_by_size:
        return f"roughly {duration(extent.seconds)}"
    low, high = extent.seconds / TIMES_WRONG, extent.seconds * TIMES_WRONG
    return (
        f"very roughly {duration(low)} to {duration(high)}" if high > _AT_ONCE else "about a minute or less"
    )


def short_disk(need: DiskNeed) -> str:
    return f"{sized(need.most)} of {sized(need.free)} free"


def disk(found: Readiness) -> str:
    need = found.disk
    if need is None:
        return ""
    return (
        f"{sized(need.checkpoint)} a checkpoint, {sized(need.most)} at most; "
        f"{sized(need.free)} free at {need.folder}"
    )


def download(found: Readiness) -> str:
    it = found.download
    if it is None:
        return ""
    if not it.left:
        return "already on this computer"
    begun = f"; {sized(it.here)} of it are here already" if it.here else ""
    return f"downloads {sized(it.left)} at the start{begun}"


def short_download(found: Readiness) -> str:
    it = found.download
    return "" if it is None else f"downloads {sized(it.left)}" if it.left else "model is here"


def cost(found: Readiness) -> str:
    if found.plan is not None:
        return plan(found.plan)
    return "none: it runs on this computer" if found.memory or found.disk else ""


def plan(it: CostPlan) -> str:
    """The price of an hour, how long, what it comes to, and the most it can be."""
    price = f"{money(it.offer.price_per_hour)} an hour for {it.offer.name} ({it.offer.memory_gb} GB)"
    if it.seconds is not None and it.total is not None:
        steps = f"from {it.measured_steps:,} measured step{'s' * (it.measured_steps != 1)} on it"
        about = f"about {duration(it.seconds)}, {money(it.total)} ({steps}, with about 8 min to begin)"
    else:
        about = "how long is not known: nothing like it ran on this GPU yet"
    others = " or ".join(f"{o.name} at {money(o.price_per_hour)}" for o in it.others)
    instead = f"; if it is gone, {others}" if others else ""
    left = f"; the account has {credit(it.balance)}" if it.balance is not None else ""
    limit = f"never more than {money(it.most)} or {it.hours:.1f} hours"
    if it.spent:
        limit += f" from now on ({money(it.spent)} of the budget of {money(it.budget)} is spent)"
    return f"{price}; {about}; {limit}{instead}{left}"


def short_plan(it: CostPlan) -> str:
    about = f"about {money(it.total)}, " if it.total is not None else ""
    return f"{it.offer.name}: {money(it.offer.price_per_hour)}/h, {about}at most {money(it.most)}"


def leaving(found: Readiness) -> str:
    """What leaves this computer, for whom it matters."""
    if found.plan is None:
        return ""
    names = ", ".join(f"{each.name} ({sized(each.size)})" for each in found.plan.leaving[:_FILES_NAMED])
    more = len(found.plan.leaving) - _FILES_NAMED
    rest = f" and {more} more" if more > 0 else ""
    size = sized(found.plan.leaving_bytes)
    return f"{size} are sent to the pod: {names}{rest}. No key and no token is in any of them."


def loggers(found: Readiness) -> str:
    return ", ".join(logger_words(logger) for logger in found.loggers or ())


def logger_words(logger: ActiveLogger) -> str:
    """Who gets the numbers, who asked for it, and whether it is there."""
    state = {True: "installed", False: "not installed", None: "if the image has it"}[logger.is_installed]
    origin = "" if logger.origin == "the config" else f", from {logger.origin}"
    return f"{logger.label} ({state}{origin})"


def directions(found: Readiness) -> str:
    """How many directions of each kind of matrix learn, largest kinds named."""
    return "; ".join(
        f"{kind.trained:,} of {kind.rank:,} directions in each of {kind.copies} {kind.name} "
        f"({kind.rows} × {kind.columns})"
        for kind in (found.directions or ())[:_DIRECTIONS_NAMED]
    )


def ability(name: str) -> str:
    return _ABILITIES.get(name, name)


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
