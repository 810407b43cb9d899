"""A run's status as a pill."""

from typing import Final

import flet as ft

from app.domain.runs import RunStatus
from app.ui.kit.status_pill import StatusPill, Tone

_TONES: Final[dict[RunStatus, Tone]] = {
    RunStatus.STARTING: "active",
    RunStatus.RUNNING: "active",
    RunStatus.FINISHED: "good",
    RunStatus.STOPPED: "warning",
    RunStatus.FAILED: "bad",
}


def RunStatusPill(status: RunStatus) -> ft.Control:
    icon = ft.Icons.PAUSE_CIRCLE_OUTLINE if status is RunStatus.STOPPED else None
    return StatusPill(status.value.capitalize(), _TONES[status], icon=icon)
