"""Which run is on the screen, for as long as the window lives."""

from collections.abc import Sequence
from dataclasses import dataclass

import flet as ft

from app.domain.runs import Run, RunId, RunStatus


@ft.observable
@dataclass(eq=False)
class RunSelection:
    """What the run view follows. `version` rises when the list of runs changed and should be read again,
    `choices` whenever a person chose a run, which is then to be seen."""

    run_id: RunId | None = None
    version: int = 0
    choices: int = 0
    compared: tuple[RunId, ...] = ()
    """Runs whose curves lie over each other, in the order they were chosen."""
    is_queue_open: bool = False

    def choose(self, run_id: RunId) -> None:
        self.run_id = run_id
        self.choices += 1
        self.read_again()

    def read_again(self) -> None:
        """The list of runs has changed."""
        self.version += 1

    def queued(self, runs: Sequence[Run]) -> None:
        """Several at once are there to be compared."""
        if len(runs) > 1:
            self.compared = tuple(run.id for run in runs)
        self.read_again()

    def toggle_compared(self, run_id: RunId) -> None:
        rest = tuple(other for other in self.compared if other != run_id)
        self.compared = rest if run_id in self.compared else (*rest, run_id)

    def settle(self, runs: Sequence[Run]) -> None:
        """Keep a choice that still exists; else take the newest run that is going, else the newest that does
        not wait."""
        if any(run.id == self.run_id for run in runs):
            return
        going = (run.id for run in runs if run.status in (RunStatus.STARTING, RunStatus.RUNNING))
        begun = (run.id for run in runs if run.status is not RunStatus.QUEUED)
        self.run_id = next(going, None) or next(begun, runs[0].id if runs else None)
