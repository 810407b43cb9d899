"""Ask a run that is going for something: to stop, to save, to answer, or to finish early."""

import logging
from collections.abc import Callable
from datetime import datetime

from app.domain.errors import StudioError
from app.domain.ports import Launchers, Processes, RunStore
from app.domain.runs import Run, RunId, RunStatus
from app.services.monitoring import MonitoringService
from app.services.run_data import leave_wish
from trainer_image.config import FINISH_COMMAND, SAMPLE_COMMAND, SAVE_COMMAND

log = logging.getLogger(__name__)


class Steering:
    """The part of `TrainingService` for runs that are going."""

    def __init__(
        self,
        runs: RunStore,
        launchers: Launchers,
        monitoring: MonitoringService,
        processes: Processes,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._launchers = launchers
        self._monitoring = monitoring
        self._processes = processes
        self._clock = clock

    def stop(self, run_id: RunId, *, save: bool) -> Run:
        """End a run and return it as it then truly is. With `save` it writes a checkpoint first.

        Raises TargetError if the target cannot be reached: the run may then still be going, and can be asked
        to stop again.
        """
        run = self._monitoring.refresh(run_id)
        if run.status.is_final:
            return run
        launcher = self._launchers[run.target]
        handle = None if run.status is RunStatus.QUEUED else run.handle or launcher.find(run)
        if handle is None:
            return self._runs.update(
                run_id, lambda r: r if r.status.is_final else r.ended(RunStatus.STOPPED, now=self._clock())
            )
        self._pass_on_stop(run, lambda: launcher.stop(handle, save=save))
        log.info("Run %s was stopped (save=%s)", run_id, save)
        return self._monitoring.refresh(run_id)

    def _pass_on_stop(self, run: Run, ask: Callable[[], None]) -> None:
        """The wish stands only if it was passed on, or an earlier one was: else a crash to come would count
        as the stop that was asked for. While it is passed on the run names this process, so that whoever
        finds the process gone takes the wish back (`MonitoringService.refresh`)."""
        me, was_passed_on = self._processes.me(), run.stop_requested
        self._runs.update(run.id, lambda r: r.stopping(me))
        try:
            ask()
            was_passed_on = True
        finally:
            self._runs.update(run.id, lambda r: r.stop_told(was_passed_on, by=me, attempt=run.attempt))

    def save_now(self, run_id: RunId) -> Run:
        """Ask a run for a checkpoint after the step at hand; it goes on. Its timeline tells when it is there.

        Raises StudioError if the run isn't going, or its folder can't be written.
        """
        return self._ask(run_id, SAVE_COMMAND)

    def sample_now(self, run_id: RunId) -> Run:
        """Ask a run to answer questions of its data after the step at hand; it goes on.

        Raises StudioError if the run isn't going, or its folder can't be written.
        """
        return self._ask(run_id, SAMPLE_COMMAND)

    def finish_now(self, run_id: RunId) -> Run:
        """Ask a run to end after the step at hand and finish: its result is the model measured best.

        Raises StudioError if the run isn't going, or its folder can't be written.
        """
        return self._ask(run_id, FINISH_COMMAND)

    def _ask(self, run_id: RunId, command: str) -> Run:
        run = self._monitoring.refresh(run_id)
        if run.status is not RunStatus.RUNNING:
            raise StudioError("This run is not going, so it cannot be asked.", "Its results are kept.")
        leave_wish(run, command)
        return run
