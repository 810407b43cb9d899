"""Make searching in a large session quick, in the background, while its rows are looked at."""

import asyncio
from typing import cast

import flet as ft

from app.domain.errors import StudioError
from app.domain.finding import SearchState
from app.domain.sessions import Session
from app.services.editing import EditingService
from app.ui.actions import problem_of
from app.ui.kit.progress_line import ProgressLine
from app.ui.texts import text


class _LeftError(StudioError):
    """Nobody looks at the session any more; the index goes on when somebody does."""


@ft.component
def SearchIndexLine(editing: EditingService, session: Session) -> ft.Control:
    """How far the index is; nothing once it is made, or where a session is small enough without."""
    state, set_state = ft.use_state(cast(SearchState | None, None))
    has_left = ft.use_ref(cast(list[bool], []))

    async def make() -> None:
        left: list[bool] = []
        has_left.current = left

        def tick(_: int) -> None:
            if left:
                raise _LeftError("left")

        try:
            first = await asyncio.to_thread(editing.search_state, session.id)
            set_state(first)
            if first.is_ready or first.problem:
                return
            task = asyncio.create_task(asyncio.to_thread(editing.make_search_index, session.id, tick))
            while not (await asyncio.wait({task}, timeout=1.0))[0]:
                set_state(await asyncio.to_thread(editing.search_state, session.id))
            task.result()
            set_state(await asyncio.to_thread(editing.search_state, session.id))
        except _LeftError:
            pass
        except Exception as error:
            problem_of(error)  # logged; searching works all the same, row by row
            set_state(None)

    def leave() -> None:
        (has_left.current or []).append(True)

    ft.use_effect(make, dependencies=[session.id, session.version], cleanup=leave)
    if state is None or state.is_ready:
        return ft.Container(visible=False)
    if state.problem:
        return ft.Text(text("data.rows.slow", problem=state.problem))
    share = state.indexed / state.total
    return ProgressLine(
        text("data.rows.indexing", share=share),
        share,
        identifier="search-index",
    )
