"""Say which rows are wanted: by words at once, by what they are behind a button."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

import flet as ft

from app.domain.errors import StudioError
from app.domain.finding import RowFilter
from app.ui.actions import Problem
from app.ui.data.conversation import ROLES
from app.ui.kit.entered import whole
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Choice, Grid

Search = Callable[[RowFilter], Coroutine[Any, Any, None]]

_ANY: Final = "any"
_YES_NO: Final = {_ANY: None, "yes": True, "no": False}
_ROLES: Final = (_ANY, *ROLES)


@ft.component
def FilterBar(
    wanted: RowFilter, on_search: Search, on_show_all: Callable[[], Any], *, is_busy: bool
) -> ft.Control:
    """Enter searches; "Show all" goes back to every row. Give it another key to empty it."""
    words = use_typed()
    shortest, longest, source = use_typed(), use_typed(), use_typed()
    kinds, set_kinds = ft.use_state(RowFilter())
    is_open, set_open = ft.use_state(False)
    problem, set_problem = ft.use_state(Problem(""))

    async def search() -> None:
        try:
            asked = replace(
                kinds,
                text=words.now(),
                source=source.now(),
                min_characters=_number(shortest.now()),
                max_characters=_number(longest.now()),
            )
        except StudioError as error:
            set_problem(Problem(error.message, error.hint))
            return
        set_problem(Problem(""))
        await on_search(asked)

    line: list[ft.Control] = [
        TextField(
            label=text("data.rows.filter.find_in"),
            prefix_icon=ft.Icons.SEARCH,
            value=words.shown,
            on_change=words.edit,
            on_submit=search,
            dense=True,
            expand=True,
        ),
        ft.OutlinedButton(text("data.rows.filter.find"), disabled=is_busy, on_click=search),
    ]
    more: list[ft.Control] = [
        ft.TextButton(
            text("data.rows.filter.fewer") if is_open else text("data.rows.filter.filters"),
            icon=ft.Icons.FILTER_LIST,
            on_click=lambda: set_open(not is_open),
        ),
    ]
    if not wanted.is_empty:
        more.append(ft.TextButton(text("data.rows.filter.show_all"), on_click=on_show_all))
    roles = [(role, text_in("data.rows.filter.roles", role)) for role in _ROLES]
    fields = Grid(
        [
            Choice(
                "filter-role", text("data.rows.filter.roles_title"), kinds.role or _ANY, roles,
                lambda key: set_kinds(replace(kinds, role="" if key == _ANY else key)),
            ),
            _yes_or_no("filter-tools", text("data.rows.filter.tool_calls"), kinds.has_tool_calls,
                       lambda value: set_kinds(replace(kinds, has_tool_calls=value))),
            _yes_or_no("filter-unmask", text("data.rows.filter.learnt_whole"), kinds.unmask,
                       lambda value: set_kinds(replace(kinds, unmask=value))),
            TextField(label=text("data.rows.filter.source"), value=source.shown, on_change=source.edit,
                         on_submit=search),
            TextField(label=text("data.rows.filter.shortest"), value=shortest.shown,
                         on_change=shortest.edit, on_submit=search),
            TextField(label=text("data.rows.filter.longest"), value=longest.shown, on_change=longest.edit,
                         on_submit=search),
        ]
    )  # fmt: skip
    return ft.Column(
        [
            ft.Row(line, spacing=GAP, vertical_alignment=ft.CrossAxisAlignment.CENTER),
            ft.Row(more, spacing=GAP, wrap=True),
            ft.Container(fields, visible=is_open),
            ErrorBanner(problem if problem.message else None),
        ],
        spacing=GAP * 1.5,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _yes_or_no(
    identifier: str, label: str, value: bool | None, on_choose: Callable[[bool | None], None]
) -> ft.Control:
    key = next(key for key, its in _YES_NO.items() if its is value)
    options = [(choice, text_in("data.rows.filter.choices", choice)) for choice in _YES_NO]
    return Choice(identifier, label, key, options, lambda chosen: on_choose(_YES_NO[chosen]))


def _number(typed: str) -> int | None:
    if not typed:
        return None
    number = whole(typed)
    if number is None:
        raise StudioError(
            text("data.rows.filter.no_number", typed=typed[:30]), text("data.rows.filter.no_number_hint")
        )
    return number
