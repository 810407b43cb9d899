"""Change what is chosen, or all that match; and take the last change back."""

from collections.abc import Callable
from typing import cast

import flet as ft

from app.domain.sessions import Session, SessionVersion
from app.services.editing import EditingService, Selection
from app.ui.actions import Action, use_action
from app.ui.data.rows.page import Page
from app.ui.data.wording import rows
from app.ui.data.working import ToldWork, counting
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.section import Card
from app.ui.texts import text
from app.ui.theme import GAP


def BulkBar(
    editing: EditingService,
    session: Session,
    page: Page,
    chosen: frozenset[int],
    set_chosen: Callable[[frozenset[int]], None],
    work: ToldWork,
    on_done: Callable[[Session], None],
) -> ft.Control:
    """Nothing until rows are chosen or looked for."""
    wanted = page.place.wanted
    if not chosen and (wanted.is_empty or not page.rows):
        return ft.Container(visible=False)
    selection: Selection = chosen or wanted
    named = rows(len(chosen))

    async def delete() -> None:
        await work.run(
            lambda tell: editing.delete_rows(session, selection, counting(tell, "looked_at")), on_done
        )

    async def learn(*, unmask: bool) -> None:
        await work.run(
            lambda tell: editing.set_unmask(
                session, selection, unmask=unmask, progress=counting(tell, "looked_at")
            ),
            on_done,
        )

    async def learn_whole() -> None:
        await learn(unmask=True)

    async def learn_answers() -> None:
        await learn(unmask=False)

    def choose_page() -> None:
        set_chosen(chosen | {row.position for row in page.rows})

    busy = work.is_busy
    line = ft.Row(
        [
            ft.Text(
                text("data.rows.bulk.chosen", rows=rows(len(chosen)))
                if chosen
                else text("data.rows.bulk.matching")
            ),
            ft.TextButton(text("data.rows.bulk.choose_page"), on_click=choose_page),
            ft.TextButton(
                text("data.rows.bulk.choose_none"),
                disabled=not chosen,
                on_click=lambda: set_chosen(frozenset()),
            ),
            ft.OutlinedButton(
                text("data.rows.bulk.delete", rows=named) if chosen else text("data.rows.bulk.delete_all"),
                icon=ft.Icons.DELETE_OUTLINE,
                disabled=busy,
                on_click=delete,
            ),
            ft.OutlinedButton(
                text("data.rows.bulk.learn", rows=named) if chosen else text("data.rows.bulk.learn_all"),
                disabled=busy,
                on_click=learn_whole,
            ),
            ft.OutlinedButton(
                text("data.rows.bulk.learn_answers", rows=named)
                if chosen
                else text("data.rows.bulk.learn_answers_all"),
                disabled=busy,
                on_click=learn_answers,
            ),
        ],
        wrap=True,
        spacing=GAP,
        run_spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
    return Identified("bulk", Card(line, padding=12))


@ft.component
def ChangeLine(editing: EditingService, session: Session, undo: Action) -> ft.Control:
    """What the newest version did, with the way back."""
    newest, set_newest = ft.use_state(cast(SessionVersion | None, None))
    load = use_action(lambda: editing.versions(session.id)[0], on_done=set_newest)
    ft.use_effect(load.run, dependencies=[session.version], cleanup=_nothing)
    if undo.problem or session.version == 1 or newest is None or newest.version != session.version:
        return ErrorBanner(undo.problem, on_dismiss=undo.dismiss)
    said = ft.Text(
        text("data.rows.bulk.version", version=newest.version, summary=newest.summary),
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    button = ft.TextButton(
        text("data.rows.bulk.undo"), icon=ft.Icons.UNDO, disabled=undo.is_busy, on_click=undo.run
    )
    return Identified("last-change", ft.Row([said, button], wrap=True, spacing=GAP), live=True)


def _nothing() -> None:
    pass
