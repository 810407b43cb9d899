"""The exports this process is making: how far each is, whoever asked for it, and a way to end it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.domain.export_pace import Pacer
from app.domain.export_ports import Tell
from app.domain.exports import Export, ExportCancelledError, Told
from app.domain.runs import RunId


@dataclass(frozen=True)
class ExportUnderWay:
    id: str
    run_id: RunId
    label: str
    told: Told
    is_cancelling: bool = False
    offline: bool = False
    """Begun so: it uses no network, whatever is switched later."""


class ExportsUnderWay:
    """Every method may be called from any thread."""

    def __init__(self) -> None:
        self._known: dict[str, ExportUnderWay] = {}
        self._lock = threading.Lock()

    @contextmanager
    def following(self, export: Export, pacer: Pacer, tell: Tell, *, offline: bool = False) -> Iterator[Tell]:
        """Within this context the export is under way: it says how far it is to what this gives."""
        self._known[export.id] = ExportUnderWay(
            export.id, export.run_id, export.label, Told("Starting"), offline=offline
        )

        def hear(told: Told) -> None:
            timed = pacer.hear(told)
            with self._lock:
                self._known[export.id] = now = replace(self._known[export.id], told=timed)
            if now.is_cancelling:
                raise ExportCancelledError
            tell(timed)

        try:
            yield hear
        finally:
            with self._lock:
                del self._known[export.id]

    def of_run(self, run_id: RunId) -> tuple[ExportUnderWay, ...]:
        return tuple(one for one in list(self._known.values()) if one.run_id == run_id)

    def offline_ids(self) -> set[str]:
        return {one.id for one in list(self._known.values()) if one.offline}

    def cancel(self, export_id: str) -> None:
        """End it at the next sign of life, some tenths of a second. One that has ended is left as it is."""
        with self._lock:
            if (one := self._known.get(export_id)) is not None:
                self._known[export_id] = replace(one, is_cancelling=True)
