"""What a job costs, roughly: the guide's experience with 1,000 rows and three passes, in proportion.

Prices change; who knows today's gives it.
"""

from dataclasses import dataclass
from typing import Final

from app.domain.money import money


@dataclass(frozen=True)
class _Known:
    """Of 1,000 rows, three times."""

    dollars_an_hour: float
    hours: tuple[float, float]
    dollars: tuple[float, float]


_KNOWN: Final = {"a10g": _Known(1.5, (2, 3), (4, 5)), "a100": _Known(4, (3, 4), (12, 16))}
"""By the beginning of the flavor's name."""


@dataclass(frozen=True)
class JobCost:
    dollars: tuple[float, float]
    hours: tuple[float, float]
    dollars_an_hour: float

    @property
    def sentence(self) -> str:
        low, high = self.dollars
        return (
            f"About {money(low)} to {money(high)}, {self.hours[0]:,.1f} to {self.hours[1]:,.1f} hours at "
            f"{money(self.dollars_an_hour)} an hour: by rows and passes, from the guide's runs of "
            "1,000 rows. Longer rows and larger models take longer."
        )


def job_cost(
    flavor: str, *, rows: int, epochs: float, dollars_an_hour: float | None = None
) -> JobCost | None:
    """None for a flavor of which nothing is known. `dollars_an_hour` counts instead of the one known here."""
    known = next((known for start, known in _KNOWN.items() if flavor.startswith(start)), None)
    if known is None:
        return None
    share = rows / 1000 * epochs / 3
    price = known.dollars_an_hour if dollars_an_hour is None else dollars_an_hour
    dearer = price / known.dollars_an_hour
    return JobCost(
        (known.dollars[0] * share * dearer, known.dollars[1] * share * dearer),
        (known.hours[0] * share, known.hours[1] * share),
        price,
    )
