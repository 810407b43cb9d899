"""The right side of the tab: the run that is followed, talking to its result, what waits, and all runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

import flet as ft

from app.domain.runs import Run, RunId
from app.services.everything import Services
from app.services.queueing import Standing
from app.ui.actions import Problem
from app.ui.kit.empty_state import EmptyState
from app.ui.kit.error_banner import ErrorBanner
from app.ui.landmarks import scroll_to_piece, scrolled_to
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
_RUN: Final = "run"


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
    column = ft.use_memo(ft.Ref[ft.Column], dependencies=[])
    seen = ft.use_ref(cast(RunId | None, None))

    def take(fresh: Look) -> None:
        if version == selection.version:
            selection.settle(fresh.runs)
        set_look(fresh)
        set_problem(None)

    use_answer(lambda: _look(services), take, on=version, every_seconds=_SECONDS, on_problem=set_problem)

    def started(run: Run) -> None:
        selection.choose(run.id)

    run = _shown(look.runs if look else (), selection.run_id, seen.current)
    seen.current = run.id if run else None
    _use_sight(column, selection, run)

    if look is None:
        return ErrorBanner(problem)
    if not look.runs and problem is None:
        return _empty(services, selection)
    runs, read_again = look.runs, selection.read_again
    into_form = partial(open_clone, form.value)
    body: list[ft.Control] = [ErrorBanner(problem)] if problem else []
    if run is not None:
        exports = Unwatched(form.value.exports)
        view = keyed(RunView, f"run-{run.id}", services, run, read_again, into_form, started, exports)
        body.append(scrolled_to(_RUN, view))
        panel = memoised(InferencePanel, f"chat-{run.id}", services.chats, run, chat)
        body.append(talk_place(panel))
    if look.standing.runs or look.standing.rules.is_paused or selection.is_queue_open:
        body.append(memoised(QueuePanel, "queue", services.queue, look.standing, read_again))
    history = keyed(RunHistory, "history", services, runs, selection, into_form, read_again)
    body.append(scrolled_to("history", history))
    stretch = ft.CrossAxisAlignment.STRETCH
    return ft.Column(body, ref=column, spacing=SPACE, horizontal_alignment=stretch, tight=True)


def _shown(runs: Sequence[Run], chosen: RunId | None, before: RunId | None) -> Run | None:
    """The chosen one, and until it is among those that were read, the one that was shown before."""
    known = {run.id: run for run in runs}
    return known.get(chosen or RunId("")) or known.get(before or RunId(""))


def _use_sight(column: "ft.Ref[ft.Column]", selection: RunSelection, run: Run | None) -> None:
    """A run that was chosen or started is brought into sight, once it is there."""
    scrolled = ft.use_ref(selection.choices)
    choices = selection.choices
    is_there = run is not None and run.id == selection.run_id

    async def bring() -> None:
        if is_there and scrolled.current != choices and column.current is not None:
            scrolled.current = choices
            await scroll_to_piece(column.current, _RUN, milliseconds=300)

    # Flet 1.0.5 cancels an async effect on unmount only if the effect has a cleanup.
    ft.use_effect(bring, dependencies=[choices, is_there], cleanup=lambda: None)


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
