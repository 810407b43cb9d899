"""Which run's export dialog is open, and what has come of it; outlives a change of the window's width."""

from dataclasses import dataclass

import flet as ft

from app.domain.runs import Run, RunId


@ft.observable
@dataclass(eq=False)
class ExportWindow:
    """The dialog is no part of the run's view, which is mounted anew when the columns go below each other."""

    run: Run | None = None
    """Whose exports were asked for last."""
    is_open: bool = False
    making: RunId | None = None
    """Of what the dialog makes, also where it was closed meanwhile."""
    made: int = 0

    def open(self, run: Run) -> None:
        self.run, self.is_open = run, True

    def close(self) -> None:
        self.is_open = False
