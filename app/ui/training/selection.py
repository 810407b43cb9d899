"""Which run is on the screen, for as long as the window lives."""

from collections.abc import Sequence
from dataclasses import dataclass

import flet as ft

from app.domain.runs import Run, RunId


@ft.observable
@dataclass(eq=False)
class RunSelection:
    """What the run view follows. `version` rises when the list of runs changed and should be read again."""

    run_id: RunId | None = None
    version: int = 0

    def choose(self, run_id: RunId) -> None:
        self.run_id = run_id
        self.version += 1

    def settle(self, runs: Sequence[Run]) -> None:
        """Keep a choice that still exists; else take the newest run that is going, else the newest."""
        if any(run.id == self.run_id for run in runs):
            return
        going = (run.id for run in runs if not run.status.is_final)
        self.run_id = next(going, runs[0].id if runs else None)
