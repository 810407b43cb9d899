"""Ends what of ours costs money for nothing, and knows what could not be ended.

Never touches a pod that this copy of the app did not name. Asks Runpod nothing as long as nothing was ever
rented from here.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from app.domain.errors import StudioError, TargetError
from app.domain.reaping import Billing, Verdict, verdict
from app.domain.rentals import Rental, RentalState
from app.domain.runpod_ports import Pod
from app.domain.runs import Run
from app.services.renting.keepers import Keepers
from app.services.renting.parts import INSTALL_SETTING, Renting
from app.services.renting.words import money_is_up, time_is_up

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 300.0
LAST_SECONDS: Final = 10.0
"""Of the look before the app ends."""
_ORDER: Final = tuple(RentalState)
_LONG: Final = timedelta(minutes=1)
"""An end that takes longer is one to tell about."""
_BY_HAND: Final = "It was ended by hand."
_LISTED: Final = "`tunewright runpod list` shows those there are."


@dataclass(frozen=True)
class Left:
    """What costs though it should not, or of which nobody can say."""

    pods: tuple[Billing, ...] = ()
    problem: str = ""
    """Why nobody could look, as a sentence."""

    @property
    def price(self) -> float:
        """An hour, of all together."""
        return sum(pod.price for pod in self.pods)


class Reaper:
    """Blocking; may run in several processes at once."""

    def __init__(self, renting: Renting, keepers: Keepers) -> None:
        self._renting = renting
        self._keepers = keepers
        self._strays: tuple[Billing, ...] = ()
        self._problem = ""
        self._stop = threading.Event()

    def billing(self) -> Sequence[Billing]:
        """Every pod of ours, and what is to become of it. Raises TargetError if Runpod cannot be asked."""
        if self._renting.settings.get(INSTALL_SETTING) is None:
            return ()
        now, rentals = self._renting.clock(), self._renting.rentals.all()
        found = [self._judged(pod, _rental_of(pod, rentals), now) for pod in self._pods()]
        return [pod for pod in found if pod.verdict is not Verdict.NOT_OURS]

    def reap(self) -> Left:
        """Begin the end of everything that is not wanted, and look after the rest."""
        if self._renting.settings.get(INSTALL_SETTING) is None:
            return Left()
        try:
            self._reap(self._renting.clock())
            self._problem = ""
        except TargetError as error:
            self._problem = f"{error.message} {error.hint}".strip()
            log.warning("No look at the pods at Runpod: %s", error.message)
        for rental in self._renting.rentals.living():
            self._keepers.ensure(rental)
        return self.left()

    def left(self) -> Left:
        """As last looked. Asks nobody."""
        now = self._renting.clock()
        late = [told for rental in self._renting.rentals.living() if (told := self._late(rental, now))]
        problem = self._problem if late or self._strays or self._renting.rentals.living() else ""
        return Left((*late, *self._strays), problem)

    def end(self, pod_id: str) -> None:
        """By a person: a pod of ours, whatever it does. Raises TargetError."""
        pod = next((pod for pod in self._pods() if pod.id == pod_id), None)
        if pod is None:
            self._forget(pod_id)
            raise TargetError(f"Runpod knows no pod {pod_id}: it is gone, or never was.", _LISTED)
        rental = _rental_of(pod, self._renting.rentals.all())
        if self._judged(pod, rental, self._renting.clock()).verdict is Verdict.NOT_OURS:
            raise TargetError(
                f"The pod {pod.name} was not started by this Tunewright.", "End it where it was."
            )
        if rental is not None:
            now = self._renting.clock()
            if not self._note_end(pod, rental, now):
                self._renting.rentals.update(rental.name, lambda r: r.failed(_BY_HAND, "", now))
        self._renting.account.cloud().terminate_pod(pod_id)
        self._forget(pod_id)
        for living in self._renting.rentals.living():
            self._keepers.ensure(living)

    def wait(self, seconds: float) -> Left:
        """Until everything that is to end is surely gone, or for so long."""
        for rental in self._renting.rentals.living():
            if not rental.is_wanted:
                self._keepers.until(rental.name, lambda r: r.is_over, seconds)
        return self.left()

    def until_it_trains(self, run: Run, tell: Callable[[Rental], None]) -> Rental | None:
        """Wait until its pod needs this computer no more, or is over; None if it has none."""

        def is_so(rental: Rental) -> bool:
            tell(rental)
            return rental.is_over or _ORDER.index(rental.state) >= _ORDER.index(RentalState.TRAINING)

        rental = self._renting.rentals.find(run.id, run.attempt)
        longest = (self._renting.patience.boot + self._renting.patience.stopped).total_seconds()
        return None if rental is None else self._keepers.until(rental.name, is_so, longest)

    def begin(self, *, every_seconds: float = EVERY_SECONDS) -> None:
        """Reap now and every so often, in a thread of its own, until `close`."""
        threading.Thread(target=self._rounds, args=(every_seconds,), name="reaper", daemon=True).start()

    def close(self, *, seconds: float = LAST_SECONDS) -> None:
        """One last time, and let go of everything: what trains goes on without this computer.

        Where Runpod does not answer for so long, whoever closes the app waits no longer.
        """
        self._stop.set()
        last = threading.Thread(target=self._reap_at_last, name="last look at the pods", daemon=True)
        last.start()
        last.join(seconds)
        self._keepers.close()

    def _reap_at_last(self) -> None:
        try:
            self.reap()
        except StudioError as error:
            log.warning("The last look at the pods failed: %s", error.message)

    def _rounds(self, every_seconds: float) -> None:
        while True:
            try:
                self.reap()
            except Exception:  # a bug must not end the rounds: pods would cost on
                log.exception("Looking after the pods failed")
            if self._stop.wait(every_seconds):
                return

    def _reap(self, now: datetime) -> None:
        strays, failures = [], list[TargetError]()
        for pod in self._pods():
            rental = _rental_of(pod, self._renting.rentals.all())
            judged = self._judged(pod, rental, now)
            if judged.verdict is Verdict.ASK:
                strays.append(judged)
            elif judged.verdict is Verdict.END and rental is not None:
                try:
                    self._end(pod, rental, now)
                except TargetError as error:
                    failures.append(error)
        self._strays = tuple(strays)
        if failures:
            raise failures[0]

    def _end(self, pod: Pod, rental: Rental, now: datetime) -> None:
        """Itself, too: its keeper may hang, here or in another process, or has no time any more."""
        log.info("Pod %s of rental %s is to end", pod.id, rental.name)
        if not self._note_end(pod, rental, now):
            why = time_is_up if rental.is_overdue(now) else money_is_up
            self._renting.rentals.update(rental.name, lambda r: r.failed(*why(r), now))
        self._renting.account.cloud().terminate_pod(pod.id)

    def _note_end(self, pod: Pod, rental: Rental, now: datetime) -> bool:
        """Write down a pod that came beside its rental's, or after its end; False if it is neither."""
        if rental.pod_id and rental.pod_id != pod.id:
            self._take_over(pod, rental, now)
        elif rental.is_over:
            self._renting.rentals.update(rental.name, lambda r: r.back(pod.id, now))
        else:
            return False
        return True

    def _forget(self, pod_id: str) -> None:
        self._strays = tuple(stray for stray in self._strays if stray.pod_id != pod_id)

    def _take_over(self, pod: Pod, rental: Rental, now: datetime) -> None:
        """A second pod of one order: it has cost from the order on, and gets a row of its own."""
        double = replace(
            rental,
            name=f"{rental.name}+{pod.id}",
            attempt=0,
            pod_id=pod.id,
            price=pod.cost_per_hour or rental.price,
            state=RentalState.ENDING,
            state_since=now,
            keeper=None,
            message="Runpod made a second pod of one order.",
            is_started=False,
            missed_at=None,
            ended_at=None,
        )
        try:
            self._renting.rentals.add(double)
        except StudioError:  # another process was faster
            log.info("Rental %s is known", double.name)

    def _pods(self) -> Sequence[Pod]:
        return self._renting.account.cloud().pods()

    def _judged(self, pod: Pod, rental: Rental | None, now: datetime) -> Billing:
        is_spent = rental is not None and self._renting.has_spent_all(rental)
        found = verdict(pod.id, pod.name, self._renting.install(), rental, now, is_spent=is_spent)
        return Billing(pod.id, pod.name, pod.cost_per_hour, found, _why(found, rental))

    def _late(self, rental: Rental, now: datetime) -> Billing | None:
        is_late = rental.state is RentalState.ENDING and now - (rental.state_since or now) > _LONG
        if not is_late and now < rental.ends_by + _LONG:
            return None
        why = rental.trouble or "Its end was asked for, and is not confirmed yet."
        return Billing(rental.pod_id, rental.name, rental.price, Verdict.END, why)


def _rental_of(pod: Pod, rentals: Sequence[Rental]) -> Rental | None:
    by_id = next((rental for rental in rentals if rental.pod_id == pod.id), None)
    return by_id or next((rental for rental in rentals if rental.name == pod.name), None)


def _why(found: Verdict, rental: Rental | None) -> str:
    if found is Verdict.ASK:
        return "It has this Tunewright's name, and no run of it is known here."
    if found is Verdict.END:
        return (rental.message if rental else "") or "Nothing needs it any more."
    return f"It works for a run: {rental.state.value}." if rental else ""
