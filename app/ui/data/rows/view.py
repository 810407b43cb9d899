"""The rows of a session: leaf through them, find some, change them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import flet as ft

from app.domain.finding import RowFilter, is_unmasked
from app.domain.sessions import Session, SessionRow
from app.ui.actions import use_action
from app.ui.data.conversation import RowCard
from app.ui.data.rows.bulk import BulkBar, ChangeLine
from app.ui.data.rows.editor import NEW, use_row_editor
from app.ui.data.rows.filter_bar import FilterBar
from app.ui.data.rows.page import PAGE_ROWS, Page, Place, load
from app.ui.data.rows.replacing import use_replacing
from app.ui.data.rows.search_state import SearchIndexLine
from app.ui.data.session_context import SessionContext
from app.ui.data.working import WorkStatus, use_work
from app.ui.kit.empty_state import EmptyState
from app.ui.kit.entered import is_on
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.paging_bar import HitsBar, PagingBar
from app.ui.kit.selectable import Selectable
from app.ui.kit.status_pill import StatusPill
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.mounting import keyed

_Edited = tuple[Session, SessionRow]
"""A row, and the session as it was when the row was opened."""


@ft.component
def RowsView(context: SessionContext) -> ft.Control:
    """A page of rows, what is chosen among them, and what was just changed."""
    library, session = context.library, context.session
    page, set_page = ft.use_state(Page())
    chosen, set_chosen = ft.use_state(cast(frozenset[int], frozenset()))
    edited, set_edited = ft.use_state(cast(_Edited | None, None))
    is_adding, set_adding = ft.use_state(False)
    emptied, empty_filter = ft.use_state(0)
    loading, changing = use_work(), use_work()
    wanted, version = ft.use_ref(Place()), ft.use_ref(session.version)
    seen = page.session or session

    def show(fresh: Page) -> None:
        if fresh.session is not None and fresh.session.version != version.current:
            version.current = fresh.session.version
            set_chosen(frozenset())  # other rows may stand in those places now
        set_page(fresh)

    async def go(place: Place) -> None:
        wanted.current = place
        await loading.run(lambda tell: load(library, session, place, tell), show)

    async def again() -> None:
        await go(wanted.current or Place())

    async def search(asked: RowFilter) -> None:
        set_chosen(frozenset())
        await go(Place(wanted=asked))

    async def show_all() -> None:
        empty_filter(lambda n: n + 1)
        await search(RowFilter())

    async def move(start: int) -> None:
        await go(replace(page.place, start=start))

    def changed(after: Session) -> None:
        set_chosen(frozenset())
        context.on_changed(after)

    def choose(position: int, event: ft.Event[ft.Checkbox]) -> None:
        set_chosen(chosen | {position} if is_on(event) else chosen - {position})

    ft.use_effect(again, dependencies=[session.id, session.version, session.row_count], cleanup=_nothing)
    use_row_editor(
        text("data.rows.row", row=edited[1].position + 1) if edited else text("data.rows.one_row"),
        edited[1].messages if edited else None,
        lambda messages, tell: library.editing.edit_row(
            edited[0] if edited else seen, edited[1].position if edited else 0, messages, tell
        ),
        changed,
        lambda: set_edited(None),
    )
    use_row_editor(
        text("data.rows.new_row"),
        NEW if is_adding else None,
        lambda messages, tell: library.editing.add_row(session, messages, tell),
        changed,
        lambda: set_adding(False),
    )
    open_replace = use_replacing(library.editing, session, changed)
    undo = use_action(lambda: library.editing.undo(session), on_done=changed)

    def card(row: SessionRow) -> ft.Control:
        def edit(row: SessionRow) -> None:
            set_edited((seen, row))

        return RowCard(row, controls=_controls(row, row.position in chosen, choose, edit))

    tools = ft.Row(
        [
            ft.TextButton(text("data.rows.add_row"), icon=ft.Icons.ADD, on_click=lambda: set_adding(True)),
            ft.TextButton(
                text("data.rows.find_and_replace"), icon=ft.Icons.FIND_REPLACE, on_click=open_replace
            ),
        ],
        spacing=GAP,
        wrap=True,
    )
    return ft.Column(
        [
            keyed(
                FilterBar,
                f"filter-{emptied}",
                page.place.wanted,
                search,
                show_all,
                is_busy=loading.is_busy,
            ),
            SearchIndexLine(library.editing, session),
            tools,
            ChangeLine(library.editing, session, undo),
            BulkBar(library.editing, seen, page, chosen, set_chosen, changing, changed),
            WorkStatus(loading, identifier="search-progress"),
            WorkStatus(changing, identifier="change-progress"),
            _rows_or_hint(page, [card(row) for row in page.rows], is_busy=loading.is_busy),
            _bar(page, session, move, go),
        ],
        spacing=GAP * 1.5,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _controls(
    row: SessionRow,
    is_chosen: bool,
    choose: Callable[[int, ft.Event[ft.Checkbox]], None],
    edit: Callable[[SessionRow], None],
) -> list[ft.Control]:
    number = row.position + 1
    pill = (
        [StatusPill(text("data.rows.learnt_whole"), icon=ft.Icons.SCHOOL_OUTLINED)]
        if is_unmasked(row.messages)
        else []
    )
    return [
        *pill,
        IconAction(ft.Icons.EDIT_OUTLINED, text("data.rows.edit", row=number), partial(edit, row), size=18),
        ft.Checkbox(
            value=is_chosen,
            semantics_label=text("data.rows.choose", row=number),
            on_change=partial(choose, row.position),
        ),
    ]


def _rows_or_hint(page: Page, cards: Sequence[ft.Control], *, is_busy: bool) -> ft.Control:
    if cards or is_busy or not page.is_loaded:
        return Identified("rows", Selectable(ft.Column(list(cards), spacing=GAP, tight=True)))
    if not page.place.wanted.is_empty:
        return EmptyState(
            ft.Icons.SEARCH_OFF, text("data.rows.nothing_found"), text("data.rows.nothing_found_help")
        )
    return EmptyState(ft.Icons.TABLE_ROWS_OUTLINED, text("data.rows.none"), text("data.rows.none_help"))


def _bar(
    page: Page,
    session: Session,
    move: Callable[[int], Awaitable[None]],
    go: Callable[[Place], Awaitable[None]],
) -> ft.Control:
    place = page.place
    if place.wanted.is_empty:
        return PagingBar(place.start, PAGE_ROWS, session.row_count, move, can_jump=True)

    async def forward() -> None:
        if page.next_start is not None:
            await go(Place(page.next_start, place.wanted, (*place.before, place.start)))

    async def back() -> None:
        *before, start = place.before
        await go(Place(start, place.wanted, tuple(before)))

    return HitsBar(
        len(page.rows),
        before=len(place.before) * PAGE_ROWS,
        on_back=back if place.before else None,
        on_forward=forward if page.next_start is not None else None,
    )


def _nothing() -> None:
    pass
