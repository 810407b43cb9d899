"""Leaf through the rows of a session."""

from typing import Final, cast

import flet as ft

from app.domain.sessions import Session, SessionRow
from app.services.library import LibraryService
from app.ui.actions import use_action
from app.ui.data.conversation import RowCard
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.paging_bar import PagingBar
from app.ui.kit.selectable import Selectable
from app.ui.theme import GAP

PAGE_ROWS: Final = 25


@ft.component
def Preview(library: LibraryService, session: Session) -> ft.Control:
    """A page of rows and the bar to turn it."""
    start, set_start = ft.use_state(0)
    rows, set_rows = ft.use_state(cast(tuple[SessionRow, ...], ()))
    wanted = ft.use_ref(0)
    load = use_action(
        lambda: tuple(library.rows(session.id, start=wanted.current or 0, limit=PAGE_ROWS)), on_done=set_rows
    )

    async def move(to: int) -> None:
        wanted.current = to
        set_start(to)
        await load.run()

    async def first() -> None:
        await move(0)

    ft.use_effect(first, dependencies=[session.id], cleanup=_nothing)
    return ft.Column(
        [
            ErrorBanner(load.problem, retry=("Try again", load.run)),
            Identified(
                "rows", Selectable(ft.Column([RowCard(row) for row in rows], spacing=GAP, tight=True))
            ),
            PagingBar(start, PAGE_ROWS, session.row_count, move),
        ],
        spacing=GAP * 1.5,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _nothing() -> None:
    pass
