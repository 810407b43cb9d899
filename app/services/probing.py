"""Measure what a run would take on this computer, before it is started."""

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError
from app.domain.ports import RunStore
from app.domain.probes import ProbeOutcome, Prober, Tell, outcome_of
from app.domain.runs import RunRequest, RunStatus, Target
from app.domain.speeds import MeasuredSpeed, SpeedLog
from app.services.extent import rows_named
from app.services.library import LibraryService
from app.services.run_data import write_run_data
from app.services.training import TrainingService
from trainer_image.config import DATA_FILE, RunConfig

_PREFIX: Final = "probe-"
_STALE_SECONDS: Final = 24 * 3600.0
_ALONE: Final = "A run is going on this computer, so the time is longer than it would be alone."


class ProbingService:
    """Blocking, up to minutes: the UI calls it off the event loop."""

    def __init__(
        self,
        training: TrainingService,
        library: LibraryService,
        runs: RunStore,
        prober: Prober,
        speeds: SpeedLog,
        *,
        cache: Path,
        seen_by: Callable[[RunConfig], RunConfig],
        offline: Callable[[], str],
        make_room: Callable[[], None],
    ) -> None:
        """`seen_by` puts the model where it is on this computer; `make_room` frees memory beforehand."""
        self._training, self._library, self._runs, self._prober = training, library, runs, prober
        self._speeds = speeds
        self._cache, self._seen_by, self._offline, self._make_room = cache, seen_by, offline, make_room

    def blocked(self, target: Target) -> str:
        """Why nothing can be measured for a run there, as a sentence; empty if it can. Quick."""
        if target.needs_network:
            return (
                f"{target.label} is measured by the run itself: this computer has another memory and speed."
            )
        return self._prober.problem()

    def probe(self, request: RunRequest, tell: Tell) -> tuple[ProbeOutcome, str]:
        """What was measured, and what is to be said of it; later estimates on this computer know it.

        `tell` may raise to cancel. Nothing is trained, and nothing is left behind. Raises StudioError.
        """
        if reason := self.blocked(request.target):
            raise StudioError(reason, "Start the run: it measures its memory after the first step.")
        if missing := self._training.missing(request):
            raise StudioError(f"Nothing can be measured yet. {missing}.", "Then measure again.")
        self._make_room()
        try:
            outcome = self._measured(request, tell)
        except OSError as error:
            raise StudioError(
                f"The rows could not be written for measuring: {error.strerror or error}.",
                "Make room on the disk, then measure again.",
            ) from error
        remarks = [self._remember(request, outcome), _ALONE if self._is_busy() else ""]
        return outcome, " ".join(filter(None, remarks))

    def _remember(self, request: RunRequest, outcome: ProbeOutcome) -> str:
        """Keep how fast it was for what is told of a run's length; why not, as a sentence, if it can't be."""
        config = self._seen_by(request.config)
        speed = MeasuredSpeed(
            model=config.base_model,
            method=config.method.kind,
            rows=rows_named(request),
            seconds_per_example=outcome.seconds_per_step / config.effective_batch_size,
            tokens_per_second=outcome.tokens_per_second,
            measured_at=datetime.now(UTC),
        )
        try:
            self._speeds.add(speed)
        except OSError as error:
            return f"The speed could not be kept for later: {error.strerror or error}."
        return ""

    def _measured(self, request: RunRequest, tell: Tell) -> ProbeOutcome:
        config = self._seen_by(request.config)
        if self._offline():
            config = config.model_copy(update={"offline": True, "push": None})
        session = self._library.get(request.session_id) if request.session_id else None
        self._cache.mkdir(parents=True, exist_ok=True)
        self._remove_stale()
        with tempfile.TemporaryDirectory(dir=self._cache, prefix=_PREFIX) as name:
            folder = Path(name)
            tell("Writing the rows")
            (folder / DATA_FILE).parent.mkdir()
            write_run_data(self._library, request, session, folder / DATA_FILE)
            outcome = outcome_of(self._prober.probe(config, folder, tell))
        if outcome is None:
            raise StudioError("The trainer ended without having measured anything.", "Start the run instead.")
        return outcome

    def _is_busy(self) -> bool:
        here = {Target.LOCAL, Target.DOCKER}
        return any(run.status is RunStatus.RUNNING and run.target in here for run in self._runs.all())

    def _remove_stale(self) -> None:
        """What an app that was killed while measuring has left."""
        for left in self._cache.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
