"""The right side of the tab: the run that is followed, talking to its result, and all runs."""

from typing import Final, cast

import flet as ft

from app.domain.runs import Run, RunId
from app.services.everything import Services
from app.ui.actions import Problem
from app.ui.kit.empty_state import EmptyState
from app.ui.kit.error_banner import ErrorBanner
from app.ui.theme import SPACE
from app.ui.training.draft import TrainingDraft
from app.ui.training.history import RunHistory
from app.ui.training.inference.draft import ChatDraft
from app.ui.training.inference.panel import InferencePanel
from app.ui.training.mounting import Unwatched, keyed, memoised
from app.ui.training.run.view import RunView, talk_place
from app.ui.training.selection import RunSelection
from app.ui.training.watching import use_answer

_SECONDS: Final = 1.0


@ft.component
def RunColumn(
    services: Services, selection: RunSelection, chat: ChatDraft, form: Unwatched[TrainingDraft]
) -> ft.Control:
    """Reads all runs once a second. Memoise it, so that typing in the form leaves it alone."""
    runs, set_runs = ft.use_state(cast(tuple[Run, ...] | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    version = selection.version

    def take(fresh: tuple[Run, ...]) -> None:
        if version == selection.version:
            selection.settle(fresh)
        set_runs(fresh)
        set_problem(None)

    use_answer(
        lambda: tuple(services.monitoring.refresh_all()),
        take,
        on=version,
        every_seconds=_SECONDS,
        on_problem=set_problem,
    )

    def look_again() -> None:
        selection.version += 1

    def choose(run_id: RunId) -> None:
        selection.choose(run_id)

    def started(run: Run) -> None:
        selection.choose(run.id)

    if runs is None:
        return ErrorBanner(problem)
    if not runs and problem is None:
        return _empty()
    run = next((run for run in runs if run.id == selection.run_id), None)
    body: list[ft.Control] = [ErrorBanner(problem)] if problem else []
    if run is not None:
        body.append(keyed(RunView, f"run-{run.id}", services, run, look_again, form.value.load, started))
        panel = memoised(InferencePanel, f"chat-{run.id}", services.chats, run, chat)
        body.append(talk_place(panel))
    body.append(keyed(RunHistory, "history", services.training, runs, selection.run_id, choose, look_again))
    return ft.Column(body, spacing=SPACE, horizontal_alignment=ft.CrossAxisAlignment.STRETCH, tight=True)


def _empty() -> ft.Control:
    return EmptyState(
        ft.Icons.MODEL_TRAINING,
        "No run yet",
        "Choose a dataset and press Start. Progress, loss and log appear here, "
        "and when it is done you can talk to your model.",
    )
