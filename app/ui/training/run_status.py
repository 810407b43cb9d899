"""A run's status as a pill."""

from typing import Final

import flet as ft

from app.domain.runs import Run, RunStatus
from app.ui.kit.status_pill import StatusPill, Tone
from app.ui.texts import text, text_in

_TONES: Final[dict[RunStatus, Tone]] = {
    RunStatus.QUEUED: "neutral",
    RunStatus.STARTING: "active",
    RunStatus.RUNNING: "active",
    RunStatus.FINISHED: "good",
    RunStatus.STOPPED: "warning",
    RunStatus.FAILED: "bad",
}

_ICONS: Final = {
    RunStatus.STOPPED: ft.Icons.PAUSE_CIRCLE_OUTLINE,
    RunStatus.QUEUED: ft.Icons.SCHEDULE,
}


def RunStatusPill(run: Run) -> ft.Control:
    if run.is_stopping:
        return StatusPill(text("training.run.stopping"), "warning", icon=ft.Icons.PENDING_OUTLINED)
    icon = _ICONS.get(run.status)
    return StatusPill(text_in("training.statuses", run.status), _TONES[run.status], icon=icon)
