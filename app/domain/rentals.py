"""A rented pod, from before it is ordered until it is surely gone: what is true of it, and what it costs.

The row is written first, the pod is ordered second: whatever happens in between, somebody knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from app.domain.runs import RunId

_OVERTIME: Final = timedelta(minutes=10)
CONFIRMED_AFTER: Final = timedelta(seconds=10)
"""Between two looks that both find no pod: one alone may be a hiccup of the other side."""


class RentalState(StrEnum):
    CREATING = "creating"
    """Ordered, or about to be: there may be a pod that nobody has seen yet."""
    BOOTING = "booting"
    UPLOADING = "uploading"
    TRAINING = "training"
    RETRIEVING = "retrieving"
    ENDING = "ending"
    """It is to go, or may exist without being wanted. Costs until it is confirmed gone."""
    GONE = "gone"
    """Confirmed twice, or never made."""


_ORDER: Final = tuple(RentalState)

Wish = Literal["", "stop", "save"]
"""What a person asked of it: nothing, to leave, to save and leave."""


@dataclass(frozen=True)
class Rental:
    """One pod, as the store keeps it."""

    name: str
    """The pod's name: of this installation, this run, this attempt."""
    run_id: RunId
    attempt: int
    gpu: str
    gpu_name: str
    price: float
    """Dollars an hour: as offered, then as billed."""
    budget: float
    """For everything the run costs, on all its pods together."""
    created_at: datetime
    """When the row was written, before the order: it costs from then on, so nothing is counted too low."""
    train_until: datetime
    ends_by: datetime
    token_sha256: str
    folder: Path
    """The run's, on this computer."""
    is_resumed: bool = False
    is_extended: bool = False
    resume_from: str = ""
    passes_token: bool = False
    """Whether the Hub's token goes to the trainer, in the body that starts it."""
    state: RentalState = RentalState.CREATING
    pod_id: str = ""
    keeper: str | None = None
    """Process that looks after it ("pid:start time")."""
    wish: Wish = ""
    is_started: bool = False
    """Whether training was started there, as far as is known: it was asked for."""
    exit_code: int | None = None
    is_retrieved: bool = False
    """What it made is here and its checksums are right."""
    message: str = ""
    """Why it ended as it did, as a sentence; what is wrong meanwhile."""
    hint: str = ""
    progress: str = ""
    """What goes on, in half a sentence."""
    trouble: str = ""
    """Why nothing can be said or done just now, as a sentence; empty while all goes well."""
    missed_at: datetime | None = None
    """When a look first found no pod."""
    state_since: datetime | None = None
    ended_at: datetime | None = None
    spent_before: float = 0.0
    """Dollars that the run had cost on other pods when this one was ordered."""

    @property
    def is_over(self) -> bool:
        return self.state is RentalState.GONE

    @property
    def is_refused(self) -> bool:
        """Whether its order was turned down, so that nothing ever ran."""
        return self.is_over and not self.pod_id and not self.is_started

    @property
    def was_made(self) -> bool:
        """Whether there ever was a pod, as far as is known."""
        return bool(self.pod_id)

    @property
    def is_wanted(self) -> bool:
        """Whether its pod may live on."""
        return self.state not in (RentalState.ENDING, RentalState.GONE)

    def to(self, state: RentalState, now: datetime) -> "Rental":
        """Only ever onward: a rental that is ending never trains again. Gone it is by `missed` alone."""
        if state is RentalState.GONE:
            raise ValueError("a pod is gone when it was missed twice, or never made")
        if _ORDER.index(state) <= _ORDER.index(self.state):
            return self
        return replace(self, state=state, state_since=now, progress="", missed_at=None)

    def made(self, pod_id: str, price: float, now: datetime) -> "Rental":
        """There is a pod. `price` is what its hour is billed; 0 where that is not told. One that was given
        up meanwhile is to end."""
        known = replace(self, pod_id=pod_id, price=price or self.price, missed_at=None)
        if self.is_over:
            return known.back(pod_id, now)
        return known.to(RentalState.BOOTING, now)

    def failed(self, message: str, hint: str, now: datetime) -> "Rental":
        """It is to end, and why. The first reason stays."""
        if not self.is_wanted:
            return self
        return replace(self, message=message, hint=hint).to(RentalState.ENDING, now)

    def missed(
        self, now: datetime, *, asked: datetime | None = None, apart: timedelta = CONFIRMED_AFTER
    ) -> "Rental":
        """A look found no pod: the second one, far enough from the first, makes it gone.

        `now` is when it was answered, `asked` when it was begun, unless that was at once: an answer may take
        long, and who knows when in between it became true.

        It is counted up to the second look, also if nobody ever saw the pod: the first may have been wrong,
        and an order that was not answered may have been obeyed. Where nobody looked for long, up to a while
        behind its hard end, which Runpod and the pod itself hold to.
        """
        if self.is_over:
            return self
        if self.missed_at is None:
            return replace(self, missed_at=now)
        if (asked or now) - self.missed_at < apart:
            return self
        ended = min(now, self.ends_by + _OVERTIME)
        return replace(self, state=RentalState.GONE, ended_at=ended, keeper=None, progress="", trouble="")

    def seen(self) -> "Rental":
        """A look found it: whatever was missed before was a hiccup."""
        return replace(self, missed_at=None) if self.missed_at is not None and not self.is_over else self

    def back(self, pod_id: str, now: datetime) -> "Rental":
        """Its pod turned up after all: it costs, from the order on, and is to end."""
        if not self.is_over:
            return self
        return replace(
            self,
            state=RentalState.ENDING,
            state_since=now,
            pod_id=pod_id,
            missed_at=None,
            ended_at=None,
        )

    def refused(self, message: str, hint: str) -> "Rental":
        """Nothing was made, for certain: the order was turned down. Costs nothing."""
        if self.was_made:
            raise ValueError("a pod that was made must be missed twice")
        gone = replace(self, state=RentalState.GONE, ended_at=self.created_at, keeper=None, progress="")
        return replace(gone, message=message, hint=hint)

    def kept_by(self, owner: str, before: str | None) -> "Rental":
        """Looked after by that process, unless another one came first than the one that was seen."""
        return replace(self, keeper=owner) if self.keeper == before and not self.is_over else self

    def cost(self, now: datetime) -> float:
        """Dollars so far, never too low: from before the order until the look that confirmed it gone."""
        seconds = ((self.ended_at or now) - self.created_at).total_seconds()
        return max(seconds, 0.0) / 3600 * self.price

    def is_overdue(self, now: datetime) -> bool:
        return not self.is_over and now >= self.ends_by

    def is_spent(self, spent: float) -> bool:
        """Whether its run has used up its budget, `spent` being what all pods of the run have cost."""
        return not self.is_over and spent >= self.budget


def spent(rentals: Iterable[Rental], run_id: RunId, now: datetime) -> float:
    """Dollars that a run has cost so far, on all its pods, those of earlier attempts too."""
    return sum(rental.cost(now) for rental in rentals if rental.run_id == run_id)


def spent_since(rentals: Iterable[Rental], since: datetime, now: datetime) -> float:
    """Dollars that all pods together have cost from then on."""
    return sum(max(rental.cost(now) - _cost_until(rental, since), 0.0) for rental in rentals)


def _cost_until(rental: Rental, moment: datetime) -> float:
    seconds = (moment - rental.created_at).total_seconds()
    return max(seconds, 0.0) / 3600 * rental.price
