"""Sees to it that every rental that lives has one keeper: a thread of this process or of another."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from app.domain.errors import StudioError
from app.domain.rentals import Rental, RentalState
from app.domain.runs import RunId
from app.services.renting.keeping import Keeper
from app.services.renting.parts import Renting

log = logging.getLogger(__name__)


class Keepers:
    """May be asked from any thread, as often as anybody looks at a rental."""

    def __init__(self, renting: Renting, keeper: Callable[[Renting, str], Keeper] = Keeper) -> None:
        self._renting = renting
        self._keeper = keeper
        self._threads: dict[str, threading.Thread] = {}
        self._ordered: set[RunId] = set()
        self._lock = threading.Lock()
        self._news = threading.Condition()
        self._is_over = threading.Event()

    def ensure(self, rental: Rental) -> None:
        """Begin to look after it, unless somebody does."""
        if rental.is_over or self._is_over.is_set() or rental.run_id in self._ordered:
            return
        with self._lock:
            thread = self._threads.get(rental.name)
            if (thread is not None and thread.is_alive()) or not self._claim(rental):
                return
            thread = threading.Thread(
                target=self._keep, args=(rental.name,), name=f"keep {rental.name}", daemon=True
            )
            self._threads[rental.name] = thread
            thread.start()

    @contextmanager
    def waiting(self, run_id: RunId) -> Iterator[None]:
        """A pod for it is being ordered: nobody here takes it for missing before that is answered."""
        self._ordered.add(run_id)
        try:
            yield
        finally:
            self._ordered.discard(run_id)

    def until(self, name: str, is_so: Callable[[Rental], bool], seconds: float) -> Rental:
        """Wait until it is so, for so long, or until the app ends; what is then true. Sees to its keeper
        meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            rental = self._renting.rentals.get(name)
            if is_so(rental) or time.monotonic() > deadline or self._is_over.is_set():
                return rental
            self.ensure(rental)
            with self._news:
                self._news.wait(min(self._renting.patience.retry_seconds, 0.5))

    def close(self) -> None:
        """Let go of all: what lives is kept on by whoever comes next."""
        self._is_over.set()
        for thread in list(self._threads.values()):
            thread.join(5)

    def _claim(self, rental: Rental) -> bool:
        me, before = self._renting.processes.me(), rental.keeper
        if before not in (None, me) and self._renting.processes.is_alive(before or ""):
            return False
        after = self._renting.rentals.update(rental.name, lambda r: r.kept_by(me, before))
        return after.keeper == me

    def _keep(self, name: str) -> None:
        with closing(self._keeper(self._renting, name)) as keeper:
            self._keep_on(keeper, name)

    def _keep_on(self, keeper: Keeper, name: str) -> None:
        while not self._is_over.is_set():
            before, rental = self._advanced(keeper, name)
            with self._news:
                self._news.notify_all()
            if rental is not None and rental.is_over:
                return
            if before is None or rental is None or rental.state is before.state:
                self._is_over.wait(self._pause(rental))

    def _pause(self, rental: Rental | None) -> float:
        """Runpod is asked less often than a pod."""
        patience = self._renting.patience
        is_asked = rental is not None and rental.state in (RentalState.CREATING, RentalState.ENDING)
        return max(patience.look.total_seconds() if is_asked else 0.0, patience.retry_seconds)

    def _advanced(self, keeper: Keeper, name: str) -> tuple[Rental | None, Rental | None]:
        """Before and after one step, as far as is known. A bug, or a database that is busy, must not leave a
        pod alone."""
        before = None
        try:
            before = self._renting.rentals.get(name)
            return before, keeper.advance()
        except StudioError as error:
            log.warning("Rental %s: %s", name, error.message)
        except Exception:
            log.exception("Rental %s could not be looked after", name)
        return before, before
