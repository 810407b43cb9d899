"""What exports took here, kept and asked."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from app.domain.export_pace import ExportPace, PaceLog, Pacer, Step, expected_steps, seconds_of
from app.domain.exports import ExportWish

log = logging.getLogger(__name__)


class ExportTiming:
    def __init__(
        self, paces: PaceLog, clock: Callable[[], datetime], seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """`seconds` only goes forward; `clock` says what time it is."""
        self._paces, self._clock, self._seconds = paces, clock, seconds

    def expected_seconds(self, wish: ExportWish, parameters: int | None) -> float | None:
        """None where none like it was made here. `parameters` of the whole model, if anybody knows."""
        return seconds_of(self._expected(wish, parameters))

    def pacer(self, wish: ExportWish, parameters: int | None) -> Pacer:
        return Pacer(self._expected(wish, parameters), self._seconds)

    def keep(self, wish: ExportWish, parameters: int | None, pacer: Pacer) -> None:
        """Of an export that was made."""
        if not parameters:
            return
        pace = ExportPace(wish.kind, parameters, wish.prompts, pacer.steps(), self._clock())
        try:
            self._paces.add(pace)
        except OSError as error:  # the export is made all the same
            log.warning("How long the export took cannot be kept: %s", error)

    def _expected(self, wish: ExportWish, parameters: int | None) -> tuple[Step, ...]:
        kept = self._paces.newest_first()
        return expected_steps(kept, kind=wish.kind, parameters=parameters, prompts=wish.prompts)
