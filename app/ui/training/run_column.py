"""The right side of the tab: the run that is followed, talking to its result, what waits, and all runs."""

from dataclasses import dataclass
from functools import partial
from typing import Final, cast

import flet as ft

from app.domain.runs import Run
from app.services.everything import Services
from app.services.queueing import Standing
from app.ui.actions import Problem
from app.ui.kit.empty_state import EmptyState
from app.ui.kit.error_banner import ErrorBanner
from app.ui.landmarks import scrolled_to
from app.ui.texts import text
from app.ui.theme import SPACE
from app.ui.training.beginner.cloned import open_clone
from app.ui.training.draft import TrainingDraft
from app.ui.training.history.import_run import ImportRun
from app.ui.training.history.section import RunHistory
from app.ui.training.inference.draft import ChatDraft
from app.ui.training.inference.panel import InferencePanel
from app.ui.training.mounting import Unwatched, keyed, memoised
from app.ui.training.queue.panel import QueuePanel
from app.ui.training.run.view import RunView, talk_place
from app.ui.training.selection import RunSelection
from app.ui.training.watching import use_answer

_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Look:
    """All runs as they truly are, and the queue."""

    runs: tuple[Run, ...]
    standing: Standing


@ft.component
def RunColumn(
    services: Services, selection: RunSelection, chat: ChatDraft, form: Unwatched[TrainingDraft]
) -> ft.Control:
    """Reads all runs once a second, and starts what waits. Memoise it, so that typing in the form leaves it
    alone."""
    look, set_look = ft.use_state(cast(Look | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    version = selection.version

    def take(fresh: Look) -> None:
        if version == selection.version:
            selection.settle(fresh.runs)
        set_look(fresh)
        set_problem(None)

    use_answer(lambda: _look(services), take, on=version, every_seconds=_SECONDS, on_problem=set_problem)

    def started(run: Run) -> None:
        selection.choose(run.id)

    if look is None:
        return ErrorBanner(problem)
    if not look.runs and problem is None:
        return _empty(services, selection)
    runs, read_again = look.runs, selection.read_again
    run = next((run for run in runs if run.id == selection.run_id), None)
    into_form = partial(open_clone, form.value)
    body: list[ft.Control] = [ErrorBanner(problem)] if problem else []
    if run is not None:
        exports = Unwatched(form.value.exports)
        view = keyed(RunView, f"run-{run.id}", services, run, read_again, into_form, started, exports)
        body.append(scrolled_to("run", view))
        panel = memoised(InferencePanel, f"chat-{run.id}", services.chats, run, chat)
        body.append(talk_place(panel))
    if look.standing.runs or look.standing.rules.is_paused or selection.is_queue_open:
        body.append(memoised(QueuePanel, "queue", services.queue, look.standing, read_again))
    history = keyed(RunHistory, "history", services, runs, selection, into_form, read_again)
    body.append(scrolled_to("history", history))
    return ft.Column(body, spacing=SPACE, horizontal_alignment=ft.CrossAxisAlignment.STRETCH, tight=True)


def _look(services: Services) -> Look:
    runs = services.monitoring.refresh_all()
    turn = services.queue.advance(runs)
    if turn.run is not None:
        runs = services.monitoring.runs()
    return Look(tuple(runs), services.queue.standing(runs, reason=turn.reason))


def _empty(services: Services, selection: RunSelection) -> ft.Control:
    return EmptyState(
        ft.Icons.MODEL_TRAINING,
        text("training.run.none_yet"),
        text("training.run.none_yet_help"),
        keyed(ImportRun, "import-run", services.history, selection, selection.read_again),
    )
