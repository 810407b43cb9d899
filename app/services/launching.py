"""The last step to a run that is going: its place, the handing over to a launcher, and what if that fails."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from app.domain.errors import StudioError, TargetError
from app.domain.gpus import Gpus, freest
from app.domain.ports import Launchers, RunStore, Secrets
from app.domain.queue import spreads
from app.domain.runs import STOP_AGAIN, STOPPED_IN_VAIN, JobHandle, Run, RunStatus, Target
from app.services.run_requests import offline_problem, request_of_run

log = logging.getLogger(__name__)


class Launching:
    """For `TrainingService`, which says which run, and when. What it is given means what it means there."""

    def __init__(
        self,
        runs: RunStore,
        launchers: Launchers,
        secrets: Secrets,
        *,
        clock: Callable[[], datetime],
        offline: Callable[[], str],
        gpus: Gpus,
        make_room: Callable[[], None],
    ) -> None:
        self._runs = runs
        self._launchers = launchers
        self._secrets = secrets
        self._clock = clock
        self._offline = offline
        self._gpus = gpus
        self._make_room = make_room

    def placed(self, run: Run) -> Run:
        """On the GPU with the most free memory, as Auto Set and the checks count on it."""
        is_here = run.target is Target.LOCAL or (run.target is Target.DOCKER and run.docker.use_gpu)
        gpus = self._gpus() if is_here and not spreads(run.config) else ()
        return replace(run, gpu=freest(gpus) if len(gpus) > 1 else None)

    def launch_or_fail(self, run: Run, *, resume: bool, extend: bool = False, resume_from: str = "") -> Run:
        """What cannot be launched is recorded as failed."""
        try:
            return self._launch(run, resume=resume, extend=extend, resume_from=resume_from)
        except StudioError as error:
            self.fail(run, error.message, error.hint)
            raise

    def launch_claimed(self, run: Run, hindrance: Callable[[Run], StudioError | None]) -> Run:
        """Launch a prepared run that this process has claimed; a later attempt goes on from its checkpoint.

        `hindrance`: what keeps it from being launched now; asked only if it is not going yet. Raises
        StudioError if it did not start. It is then recorded as failed or, if that may pass, waits again in
        its place.
        """
        try:
            # An app that was killed at just this point may have got as far as starting it.
            if handle := self._found(run):
                return self._runs.update(run.id, lambda r: r.launched(handle, self._clock()))
            with _bugs_told(run):
                error = hindrance(run)
            if error:
                raise error
            return self._launch(run, resume=run.attempt > 1)
        except StudioError as error:
            if error.may_pass:
                self._runs.update(run.id, lambda r: _waiting_again(r, error))
            else:
                self.fail(run, error.message, error.hint)
            raise

    def _found(self, run: Run) -> JobHandle | None:
        """Raises StudioError that may pass: while nobody can look, nobody knows that it is not going."""
        try:
            with _bugs_told(run):
                return self._launchers[run.target].find(run)
        except StudioError as error:
            error.may_pass = True
            raise

    def fail(self, run: Run, message: str, hint: str) -> None:
        """Unless it has ended meanwhile, as a person stopped it."""

        def failed(stored: Run) -> Run:
            is_over = stored.status.is_final
            return stored if is_over else stored.ended(RunStatus.FAILED, message, hint, now=self._clock())

        self._runs.update(run.id, failed)

    def _launch(self, run: Run, *, resume: bool, extend: bool = False, resume_from: str = "") -> Run:
        with _bugs_told(run):
            run = self._within_reach(run) if resume else self._as_the_switch_is(run)
            token = None if run.config.offline else self._secrets.hf_token()
            if not run.target.needs_network:
                self._make_room()
            handle = self._launchers[run.target].launch(
                run,
                resume=resume,
                extend=extend,
                resume_from=resume_from,
                secrets={"HF_TOKEN": token} if token else {},
            )
        log.info("Run %s started on %s", run.id, run.target)
        stored = self._runs.update(run.id, lambda r: r.launched(handle, self._clock()))
        if stored.status is RunStatus.STOPPED:  # somebody stopped it before there was anything to stop
            return self._stopped_late(stored, handle)
        return stored

    def _stopped_late(self, run: Run, handle: JobHandle) -> Run:
        """Stopped now or, where that cannot be passed on, told as going, so that it can be stopped again."""
        try:
            with _bugs_told(run, "stopped"):
                self._launchers[run.target].stop(handle, save=False)
        except StudioError as error:
            message = f"{STOPPED_IN_VAIN}{error.message}"
            hint = f"{STOP_AGAIN} {error.hint}".strip()

            def going(stored: Run) -> Run:
                if stored.status is not RunStatus.STOPPED or stored.attempt != run.attempt:
                    return stored
                again = replace(stored, status=RunStatus.STARTING, ended_at=None)
                return replace(again.launched(handle, self._clock()), message=message, hint=hint)

            return self._runs.update(run.id, going)
        return run

    def _as_the_switch_is(self, run: Run) -> Run:
        """Offline, if offline mode was switched on since the run was described: it may have waited for hours.

        Raises TargetError where it cannot be had without the network.
        """
        reason = self._offline()
        if reason and run.target.needs_network:
            raise TargetError(
                f"{run.target.label} needs the network. {reason}",
                "Leave offline mode, then start it again.",
                may_pass=True,
            )
        if reason and (problem := offline_problem(request_of_run(run), is_mode=True)):
            raise TargetError(f"{problem}.", "Leave offline mode, then start it again.", may_pass=True)
        if not reason or run.config.offline:
            return run
        offline = run.config.model_copy(update={"offline": True})
        return self._runs.update(run.id, lambda r: replace(r, config=offline))

    def _within_reach(self, run: Run) -> Run:
        """As it goes on while the app is offline; what is stored stays, for when it is online again."""
        if not self._offline():
            return run
        return replace(run, config=run.config.model_copy(update={"offline": True, "push": None}))


@contextmanager
def _bugs_told(run: Run, done: str = "launched") -> Iterator[None]:
    """As a StudioError: a run that met a bug must not stay starting, or the queue waits for it for ever."""
    try:
        yield
    except StudioError:
        raise
    except Exception as error:
        log.exception("Run %s could not be %s", run.id, done)
        raise TargetError(
            f"The run could not be {done} because of an error inside the app.",
            "The app's log has the details.",
        ) from error


def _waiting_again(run: Run, error: StudioError) -> Run:
    """In its place of the queue, unless somebody stopped it meanwhile."""
    if run.status is not RunStatus.STARTING:
        return run
    return replace(run, status=RunStatus.QUEUED, owner=None, message=error.message, hint=error.hint)
