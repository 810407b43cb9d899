"""Which pods of an account may be ended by this app without asking anybody."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.rental_names import is_ours
from app.domain.rentals import Rental, RentalState


class Verdict(StrEnum):
    NOT_OURS = "not ours"
    """Never touched, never counted."""
    KEEP = "keep"
    """It works for a run."""
    END = "end"
    ASK = "ask"
    """Ours by its name, of no run that is known: shown with its price, ended only by a person."""


@dataclass(frozen=True)
class Billing:
    """A pod of ours that costs money now."""

    pod_id: str
    name: str
    price: float
    verdict: Verdict
    why: str
    """Why it stands as it does, as a sentence."""


def verdict(
    pod_id: str, name: str, install: str, rental: Rental | None, now: datetime, *, is_spent: bool = False
) -> Verdict:
    """`rental`: the one of this pod, or of exactly this name, if there is one. `is_spent`: its run has cost
    its whole budget."""
    if not is_ours(name, install):
        return Verdict.NOT_OURS
    if rental is None:
        return Verdict.ASK
    if rental.pod_id and rental.pod_id != pod_id:
        return Verdict.END  # an order that was answered with an error, and obeyed all the same
    if rental.state in (RentalState.ENDING, RentalState.GONE) or rental.is_overdue(now) or is_spent:
        return Verdict.END
    return Verdict.KEEP
