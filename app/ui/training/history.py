"""All runs, newest first: look at one again, or delete it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar, cast

import flet as ft

from app.domain.runs import Run, RunId
from app.services.training import TrainingService
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.entered import is_on
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.theme import GAP
from app.ui.training import wording
from app.ui.training.mounting import drawn
from app.ui.training.run_status import RunStatusPill

T = TypeVar("T")


@ft.component
def RunHistory(
    training: TrainingService,
    runs: Sequence[Run],
    shown: RunId | None,
    on_choose: Callable[[RunId], None],
    on_changed: Callable[[], None],
) -> ft.Control:
    """A row a run; the shown one is marked."""
    doomed, set_doomed = ft.use_state(cast(Run | None, None))
    with_files, set_with_files = ft.use_state(False)

    def done(_: None) -> None:
        set_doomed(None)
        on_changed()

    def ask(run: Run) -> None:
        set_with_files(False)
        set_doomed(run)

    delete = use_action(lambda: _delete(training, doomed, files=with_files), on_done=done)
    dialog = None
    if doomed is not None:
        dialog = ConfirmDialog(
            f"Delete {doomed.name}?",
            "Its curve, timeline and chats are forgotten. This cannot be undone.",
            confirm="Deleting…" if delete.is_busy else "Delete",
            on_confirm=delete.run,
            on_cancel=lambda: set_doomed(None),
            is_busy=delete.is_busy,
            problem=delete.problem,
            extra=_files_choice(doomed, with_files, set_with_files),
        )
    ft.use_dialog(dialog)
    rows = [_row(run, is_shown=run.id == shown, on_choose=on_choose, on_delete=ask) for run in runs]
    return Section("Run history", [ft.Column(rows, spacing=GAP / 2, tight=True)])


def _delete(training: TrainingService, run: Run | None, *, files: bool) -> None:
    if run is not None:
        training.delete(run.id, files=files)


def _files_choice(run: Run, value: bool, on_change: Callable[[bool], None]) -> ft.Control:
    def change(event: ft.Event[ft.Checkbox]) -> None:
        on_change(is_on(event))

    return ft.Column(
        [
            ft.Checkbox(label="Also delete its files", value=value, on_change=change),
            ft.Text(
                str(run.folder),
                theme_style=ft.TextThemeStyle.BODY_SMALL,
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
        ],
        spacing=0,
        tight=True,
    )


def _row(
    run: Run, *, is_shown: bool, on_choose: Callable[[RunId], None], on_delete: Callable[[Run], None]
) -> ft.Control:
    """Drawn anew only when it says something else: a history of hundreds of runs is read once a second."""
    loss = f" · loss {wording.number(run.loss)}" if run.loss is not None else ""
    created = wording.when(run.created_at, wording.now_utc())
    facts = f"{run.target.label} · {wording.method(run)}{loss} · {created}"
    return drawn(
        f"history-{run.id}",
        (run.name, facts, run.status, run.is_stopping, is_shown),
        lambda: _tile(run, facts, is_shown=is_shown, on_choose=on_choose, on_delete=on_delete),
    )


def _tile(
    run: Run,
    facts: str,
    *,
    is_shown: bool,
    on_choose: Callable[[RunId], None],
    on_delete: Callable[[Run], None],
) -> ft.Control:
    tile = ft.ListTile(
        title=ft.Text(run.name, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
        subtitle=ft.Text(facts, theme_style=ft.TextThemeStyle.BODY_SMALL),
        leading=ft.Container(RunStatusPill(run), width=100, alignment=ft.Alignment.CENTER_LEFT),
        trailing=IconAction(
            ft.Icons.DELETE_OUTLINE,
            f"Delete {run.name}" if run.status.is_final else "Stop the run before deleting it",
            partial(_call, on_delete, run),
            disabled=not run.status.is_final,
        ),
        selected=is_shown,
        selected_tile_color=ft.Colors.SURFACE_CONTAINER,
        shape=ft.RoundedRectangleBorder(radius=GAP),
        content_padding=ft.Padding.symmetric(horizontal=GAP),
        on_click=partial(_call, on_choose, run.id),
    )
    return Identified(f"history-{run.id}", tile)


def _call(handler: Callable[[T], None], value: T) -> None:
    handler(value)
