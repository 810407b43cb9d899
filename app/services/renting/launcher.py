"""Runs on rented pods, as the other launchers run them here.

What a launcher must find again is in the store: the rental of the run's attempt. All that takes time is done
by its keeper, in this process or in the one that has it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from app.domain.errors import TargetError
from app.domain.money import money
from app.domain.rentals import Rental, Wish
from app.domain.runs import DockerOptions, JobHandle, JobPhase, JobState, Run
from app.services.renting.keepers import Keepers
from app.services.renting.log_copy import LogCopy
from app.services.renting.ordering import NeededBytes, Ordering, Resumed
from app.services.renting.parts import Renting


class RunpodLauncher:
    """Implements `Launcher`."""

    def __init__(self, renting: Renting, keepers: Keepers, needed_bytes: NeededBytes) -> None:
        self._renting = renting
        self._keepers = keepers
        self._ordering = Ordering(renting, needed_bytes)

    def problems(self, docker: DockerOptions) -> Sequence[str]:
        problem = self._renting.account.problem()
        return [problem] if problem else []

    def launch(
        self,
        run: Run,
        *,
        resume: bool,
        extend: bool = False,
        resume_from: str = "",
        secrets: Mapping[str, str],
    ) -> JobHandle:
        """Returns when there is a pod, or when nobody can tell whether there is. Its boot, the upload and the
        start are its keeper's; the Hub's token is looked up anew then."""
        for rental in self._renting.rentals.living():
            if rental.run_id == run.id and rental.is_wanted:
                raise TargetError("This run is still going.", "Stop it first.")
        self._renting.write_config(run.folder, run.config)
        LogCopy(run.folder).keep()
        with self._keepers.waiting(run.id):
            rental = self._ordering.order(run, Resumed(resume, extend, resume_from))
        self._keepers.ensure(rental)
        return JobHandle(rental.name)

    def find(self, run: Run) -> JobHandle | None:
        rental = self._renting.rentals.find(run.id, run.attempt)
        return None if rental is None or rental.is_refused else JobHandle(rental.name)

    def state(self, handle: JobHandle) -> JobState:
        rental = self._renting.rentals.get(str(handle))
        if rental.is_over:
            return _ended(rental)
        self._keepers.ensure(rental)
        if rental.trouble:
            raise TargetError(rental.trouble, "It costs on meanwhile, and ends itself at its deadline.")
        return JobState(JobPhase.RUNNING)

    def stop(self, handle: JobHandle, *, save: bool, passed_on: Callable[[], None] = lambda: None) -> None:
        """Waits until the pod is surely gone, and what it saved is here."""
        wish: Wish = "save" if save else "stop"
        name = str(handle)
        rental = self._renting.rentals.update(name, lambda r: r if r.is_over else replace(r, wish=wish))
        passed_on()  # its keeper, or whoever comes next, sees to it
        seconds = self._renting.patience.stopped.total_seconds()
        rental = self._keepers.until(name, lambda r: r.is_over, seconds)
        if not rental.is_over:
            raise TargetError(
                f"The pod {rental.name} could not be ended yet: it costs {money(rental.price)} an hour. "
                f"{rental.trouble}".strip(),
                "Tunewright goes on trying. You can also end it in the Runpod console.",
            )

    def sync_log(self, run: Run, handle: JobHandle) -> None:
        """Its keeper mirrors the log. Where nothing was ever trained, it says so."""
        rental = self._renting.rentals.get(str(handle))
        if rental.is_over and not rental.is_started and not run.log_path.exists():
            text = f"[tunewright] The pod {rental.name} was ended before the training began.\n"
            run.log_path.write_text(text, encoding="utf-8")

    def clean_up(self, handle: JobHandle) -> None:
        """Nothing to do: a rental is over only when its pod is surely gone."""


def _ended(rental: Rental) -> JobState:
    if rental.exit_code is not None:
        return JobState(JobPhase.EXITED, rental.exit_code, message=rental.message, hint=rental.hint)
    if rental.message or rental.wish:
        return JobState(JobPhase.EXITED, None, message=rental.message, hint=rental.hint)
    return JobState(JobPhase.GONE, message="The pod is gone.")
