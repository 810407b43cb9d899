"""The part of the half-filled form on a Hugging Face Job, as it was typed."""

from dataclasses import dataclass
from math import isfinite

from app.domain.jobs import FLAVORS, NO_JOB, JobOptions
from app.domain.money import typed_money
from app.ui.texts import text

LISTED = tuple(name for name, _ in FLAVORS)


@dataclass(frozen=True)
class JobDraft:
    """Never changed, only replaced, as `SpreadDraft` is."""

    flavor: str = NO_JOB.flavor
    timeout: str = NO_JOB.timeout
    price: str = ""
    """Dollars an hour; empty for the guide's."""

    @classmethod
    def of(cls, options: JobOptions) -> "JobDraft":
        """So that `options` gives the same again."""
        price = options.dollars_an_hour
        return cls(options.flavor, options.timeout, "" if price is None else typed_money(price))

    def options(self) -> JobOptions:
        """As it stands, complete or not: what is no number counts as none given, which `problem` says."""
        return JobOptions(self.flavor.strip().lower(), self.timeout.strip().lower(), _price(self.price))

    @property
    def is_listed(self) -> bool:
        return self.flavor in LISTED

    def price_problem(self) -> str:
        if not self.price.strip():
            return ""
        price = _price(self.price)
        return "" if price is not None and price > 0 else text("training.missing.job_price")

    def problem(self) -> str:
        """As an order to the person; empty if nothing is wrong."""
        return self.options().problem() or self.price_problem()


def _price(text: str) -> float | None:
    try:
        price = float(text.replace(",", ".").strip().removeprefix("$"))
    except ValueError:
        return None
    return price if isfinite(price) else None
