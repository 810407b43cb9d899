"""Saved merges: edited, run again, deleted; each says whether its sources have changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import flet as ft

from app.domain.merging import SavedMerge
from app.services.merging import MergeService
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.kit.status_pill import StatusPill
from app.ui.merge.wording import about
from app.ui.texts import text
from app.ui.theme import GAP


@dataclass(frozen=True)
class Listed:
    """A saved merge and what has changed since it was run."""

    merge: SavedMerge
    changes: tuple[str, ...] = ()


def listed(merging: MergeService) -> tuple[Listed, ...]:
    return tuple(Listed(merge, tuple(merging.changes(merge))) for merge in merging.saved())


@ft.component
def SavedMerges(
    merging: MergeService,
    merges: Sequence[Listed],
    on_edit: Callable[[SavedMerge], None],
    on_run: Callable[[SavedMerge], object],
    on_changed: Callable[[], object],
    *,
    is_busy: bool,
) -> ft.Control:
    """Nothing at all before the first merge."""
    doomed, set_doomed = ft.use_state(cast(SavedMerge | None, None))

    def done(_: None) -> None:
        set_doomed(None)
        on_changed()

    delete = use_action(lambda: merging.delete(doomed.id) if doomed else None, on_done=done)
    dialog = ConfirmDialog(
        text("merge.saved.delete_question", name=doomed.name if doomed else ""),
        text("merge.saved.delete_text"),
        confirm=text("merge.saved.delete_confirm"),
        on_confirm=delete.run,
        on_cancel=lambda: set_doomed(None),
        is_busy=delete.is_busy,
        problem=delete.problem,
    )
    ft.use_dialog(dialog if doomed else None)
    if not merges:
        return ft.Container(visible=False)
    entries: list[ft.Control] = [_entry(one, on_edit, on_run, set_doomed, is_busy=is_busy) for one in merges]
    column = ft.Column(entries, spacing=GAP, tight=True)
    return Section(
        text("merge.saved.title"), [Identified("saved-merges", column, label=text("merge.saved.title"))]
    )


def _entry(
    one: Listed,
    on_edit: Callable[[SavedMerge], None],
    on_run: Callable[[SavedMerge], object],
    on_delete: Callable[[SavedMerge], None],
    *,
    is_busy: bool,
) -> ft.Control:
    merge = one.merge

    def edit() -> None:
        on_edit(merge)

    async def again() -> None:
        ft.context.page.run_task(on_run, merge)  # type: ignore[arg-type]

    def delete() -> None:
        on_delete(merge)

    said = [about(merge), *one.changes]
    title = ft.Column(
        [
            ft.Text(merge.name, theme_style=ft.TextThemeStyle.LABEL_LARGE),
            *(
                ft.Text(line, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
                for line in said
            ),
            *([ft.Row([StatusPill(text("merge.saved.changed"), "warning")])] if one.changes else []),
        ],
        spacing=2,
        tight=True,
        expand=True,
    )
    return ft.Row(
        [
            title,
            IconAction(
                ft.Icons.REPLAY, text("merge.saved.run_again", name=merge.name), again, disabled=is_busy
            ),
            IconAction(ft.Icons.EDIT_OUTLINED, text("merge.saved.edit", name=merge.name), edit),
            IconAction(ft.Icons.DELETE_OUTLINE, text("merge.saved.delete", name=merge.name), delete),
        ],
        key=merge.id,
    )
