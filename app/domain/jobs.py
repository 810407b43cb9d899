"""Hugging Face Jobs: which machine, for how long at most, and what a person does with the script."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.job_costs import JobCost, job_cost
from app.domain.money import money
from trainer_image.config import RunConfig

FLAVOR: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,40}")
TIMEOUT: Final = re.compile(r"([1-9]\d{0,5})([smhd])")
_HOURS: Final = {"s": 1 / 3600, "m": 1 / 60, "h": 1.0, "d": 24.0}

FLAVORS: Final = (("a10g-large", "A10G, 24 GB"), ("a100-large", "A100, 80 GB"))
"""Those whose cost the guide knows, by the Hub's own names."""


@dataclass(frozen=True)
class JobOptions:
    """What a job needs beyond the config."""

    flavor: str = "a10g-large"
    timeout: str = "6h"
    """When the Hub ends it at the latest: a number with s, m, h or d."""
    dollars_an_hour: float | None = None
    """What the flavor costs today; None for the guide's price."""

    def problem(self) -> str:
        """What is wrong, as an order to the person; empty if nothing is."""
        if not FLAVOR.fullmatch(self.flavor):
            return "Type a flavor, like a10g-large"
        if not TIMEOUT.fullmatch(self.timeout):
            return "Type the longest time as a number with s, m, h or d, like 6h"
        return ""


NO_JOB: Final = JobOptions()


def hours(timeout: str) -> float:
    """Raises ValueError for what is no time."""
    found = TIMEOUT.fullmatch(timeout)
    if not found:
        raise ValueError(timeout)
    return int(found[1]) * _HOURS[found[2]]


def passes(config: RunConfig, rows: int) -> float:
    """How often each row is learnt from: the epochs, or what the bound on the steps leaves of them."""
    if config.max_steps is None or rows <= 0:
        return config.num_epochs
    at_once = config.per_device_batch_size * config.gradient_accumulation_steps
    return config.max_steps * at_once / rows


def cost_of(options: JobOptions, config: RunConfig, rows: int) -> JobCost | None:
    """None where the guide knows nothing of the flavor."""
    return job_cost(
        options.flavor, rows=rows, epochs=passes(config, rows), dollars_an_hour=options.dollars_an_hour
    )


def limits(options: JobOptions, cost: JobCost | None) -> str:
    """What the longest time means for the money and for the run, as sentences."""
    longest, price = hours(options.timeout), options.dollars_an_hour or (cost and cost.dollars_an_hour)
    said = f"It is ended after {options.timeout} whether it is done or not"
    said += f", so it costs {money(longest * price)} at most." if price else "."
    if cost and cost.hours[1] > longest:
        said += " That may be before it is done: give it longer."
    return said


def steps_to_run(command: str) -> Sequence[tuple[str, str]]:
    """What to type, in order, each with why. A job is the person's own: the app never starts one."""
    return (
        ("pip install -U huggingface_hub", "Once: the Hub's own program, hf."),
        ("hf auth login", "Once: with a token that may write, for the result is pushed to your account."),
        (command, "In the folder the script was saved to. From here on it costs money."),
        ("hf jobs ps", "Which jobs there are, with their ids."),
        ("hf jobs logs JOB_ID", "What it says while it trains."),
        ("hf jobs inspect JOB_ID", "Its state, and why it ended."),
        ("hf jobs cancel JOB_ID", "End it, and with it the cost."),
    )
