"""The first rows of a table; in its heads one chooses which part each column plays."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import flet as ft

from app.domain.mapping import ColumnMapping, Part, RowKind
from app.ui.kit.dropdown import Dropdown
from app.ui.kit.identified import Identified
from app.ui.texts import text, text_in
from app.ui.theme import CODE_FONT, GAP, RADIUS
from app.ui.training.mounting import keyed

_OnPlay = Callable[[str, Part | None], None]
"""Is told a column and the part it shall play."""
_EXTRA: Final = "extra"
_CELL_WIDTH: Final = 220
_MOST_COLUMNS: Final = 40
_LONGEST_CELL: Final = 160
_ROWS_SHOWN: Final = 6


def KindChoice(mapping: ColumnMapping | None, on_choose: Callable[[RowKind], None]) -> ft.Control:
    """What a row of the table is."""

    chosen = text_in("data.columns.kinds", mapping.kind) if mapping else text("window.kit.nothing_chosen")
    name = text("data.columns.row_is_chosen", kind=chosen)
    dropdown = Dropdown(
        name,
        text("data.columns.row_is"),
        mapping.kind.value if mapping else None,
        [ft.DropdownOption(key=kind.value, text=text_in("data.columns.kinds", kind)) for kind in RowKind],
        lambda kind: on_choose(RowKind(kind)),
        hint=text("data.columns.choose"),
    )
    return Identified("row-kind", dropdown, label=name)


def MappingTable(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    mapping: ColumnMapping | None,
    on_play: _OnPlay,
) -> ft.Control:
    """Scrolls sideways; columns beyond the fortieth are kept as extra, and not shown."""
    shown = columns[:_MOST_COLUMNS]
    heads = ft.Row([_Head(column, mapping, on_play) for column in shown], spacing=GAP)
    lines = [heads, ft.Divider(height=1), *(_line(n, shown, row) for n, row in enumerate(rows[:_ROWS_SHOWN]))]
    if len(columns) > len(shown):
        lines.append(ft.Text(text("data.columns.more", count=len(columns) - len(shown))))
    # The label of a dropdown stands above its border, where scrolling would cut it off.
    table = ft.Container(ft.Column(lines, spacing=GAP, tight=True), padding=ft.Padding.only(top=8, bottom=16))
    return Identified(
        "preview-table",
        ft.Container(
            ft.Row([table], scroll=ft.ScrollMode.ALWAYS, vertical_alignment=ft.CrossAxisAlignment.START),
            bgcolor=ft.Colors.SURFACE_CONTAINER,
            border_radius=RADIUS - 4,
            padding=12,
        ),
        label=text("data.columns.first_rows"),
    )


def _Head(column: str, mapping: ColumnMapping | None, on_play: _OnPlay) -> ft.Control:
    part = mapping.part_of(column) if mapping else None

    def choose(chosen: str) -> None:
        on_play(column, None if chosen == _EXTRA else Part(chosen))

    options = [ft.DropdownOption(key=_EXTRA, text=text("data.columns.extra"))]
    options += (
        [ft.DropdownOption(key=p.value, text=text_in("data.columns.parts", p)) for p in mapping.kind.parts]
        if mapping
        else []
    )
    said = text_in("data.columns.parts", part) if part else text("data.columns.extra_said")
    name = text("data.columns.column", column=column, part=said)
    dropdown = keyed(
        Dropdown,
        column,
        name,
        column,
        part.value if part else _EXTRA,
        options,
        choose,
        disabled=mapping is None,
        filled=part is not None,
    )
    return Identified(f"column-{column}", ft.Container(dropdown, width=_CELL_WIDTH), label=name)


def _line(number: int, columns: Sequence[str], row: Mapping[str, Any]) -> ft.Control:
    return ft.Row(
        [ft.Container(_cell(row.get(column)), width=_CELL_WIDTH, key=column) for column in columns],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
        key=number,
    )


def _cell(value: Any) -> ft.Control:
    text = " ".join(_said(value)[: 4 * _LONGEST_CELL].split())
    clipped = text if len(text) <= _LONGEST_CELL else text[:_LONGEST_CELL] + "…"
    font = None if isinstance(value, str) else CODE_FONT
    return ft.Text(
        clipped,
        theme_style=ft.TextThemeStyle.BODY_SMALL,
        max_lines=3,
        overflow=ft.TextOverflow.ELLIPSIS,
        font_family=font,
    )


def _said(value: Any) -> str:
    """Conversations as they are spoken; other nested values as the JSON they are in a file."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(_is_turn(item) for item in value):
        return "  ".join(f"{turn.get('role', turn.get('from'))}: {_said_in(turn)}" for turn in value)
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _is_turn(item: Any) -> bool:
    return isinstance(item, dict) and ("role" in item or "from" in item)


def _said_in(turn: Mapping[str, Any]) -> str:
    return _said(turn.get("content", turn.get("value")))
