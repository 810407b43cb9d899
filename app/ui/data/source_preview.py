"""What a chosen file or dataset holds and how it will be read, before anything is imported."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

import flet as ft

from app.domain.mapping import ColumnMapping, Part, RowKind
from app.domain.reading import PASSAGE_CHARACTERS, SHORTEST_PASSAGE, Preview, ReadOptions
from app.ui.data.mapping_table import KindChoice, MappingTable
from app.ui.kit.entered import whole
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.kit.selectable import Selectable
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text
from app.ui.theme import GAP


@ft.component
def SourcePreview(
    name: str,
    preview: Preview,
    is_busy: bool,
    on_import: Callable[[ReadOptions], Coroutine[Any, Any, None]],
    on_back: Callable[[], None],
) -> ft.Control:
    """The first rows with the mapping in their heads, or the first passages; then Import."""
    changed, set_changed = ft.use_state(cast(ColumnMapping | None, None))
    size = use_typed(str(PASSAGE_CHARACTERS))
    mapping = changed or preview.mapping
    problem = "" if preview.is_table else _size_problem(size.shown)

    async def start() -> None:
        passage = PASSAGE_CHARACTERS if preview.is_table else int(size.now().replace(",", ""))
        await on_import(ReadOptions(changed, passage))

    # Each changes what is chosen by then: two quick choices come before the window is drawn anew.
    def choose_kind(kind: RowKind) -> None:
        set_changed(lambda now: (now or preview.mapping or ColumnMapping(kind)).of_kind(kind))

    def play(column: str, part: Part | None) -> None:
        set_changed(lambda now: _played(now or preview.mapping, column, part))

    is_ready = not problem and (not preview.is_table or not preview.columns or _is_whole(mapping))
    body: list[ft.Control] = [Identified("mapping-status", ft.Text(_status(preview, mapping)), live=True)]
    if preview.is_table and preview.columns:
        body += [
            KindChoice(mapping, choose_kind),
            MappingTable(preview.columns, preview.rows, mapping, play),
        ]
    elif not preview.is_table:
        body += [
            TextField(
                label=text("data.preview.passage"),
                value=size.shown,
                error=problem or None,
                keyboard_type=ft.KeyboardType.NUMBER,
                on_change=size.edit,
            ),
            _passages(preview),
        ]
    if preview.problems:
        body.append(_problems(preview))
    start_button = ft.FilledButton(
        text("data.preview.import"),
        icon=ft.Icons.DOWNLOAD_OUTLINED,
        disabled=is_busy or not is_ready,
        on_click=start,
    )
    back_button = ft.OutlinedButton(text("data.preview.back"), disabled=is_busy, on_click=on_back)
    body.append(ft.Row([start_button, back_button], wrap=True))
    subtitle = " ".join([text("data.preview.format", format=preview.format), *preview.notes])
    return Section(name, body, subtitle=subtitle)


def _played(mapping: ColumnMapping | None, column: str, part: Part | None) -> ColumnMapping | None:
    if mapping is None or (part is not None and part not in mapping.kind.parts):
        return mapping
    return mapping.playing(column, part)


def _is_whole(mapping: ColumnMapping | None) -> bool:
    return mapping is not None and not mapping.missing


def _status(preview: Preview, mapping: ColumnMapping | None) -> str:
    if not preview.is_table:
        return text("data.preview.text_cut")
    if not preview.columns:
        return text("data.preview.none_read")
    if mapping is None:
        return text("data.preview.choose_parts")
    return mapping.sentence(preview.columns)


def _size_problem(typed: str) -> str:
    size = whole(typed.strip().replace(",", ""))
    if size is not None and SHORTEST_PASSAGE <= size <= 1_000_000:
        return ""
    return text("data.preview.passage_range", shortest=SHORTEST_PASSAGE)


def _passages(preview: Preview) -> ft.Control:
    texts = [str(row.get("document", "")) for row in preview.rows[:5]]
    lines: list[ft.Control] = [
        ft.Text(said[:400] + ("…" if len(said) > 400 else ""), key=n) for n, said in enumerate(texts)
    ]
    return Identified(
        "preview-table", Selectable(ft.Column(lines, spacing=GAP * 2)), label=text("data.preview.passages")
    )


def _problems(preview: Preview) -> ft.Control:
    count = len(preview.problems)
    first = "; ".join(f"{item.line:,}: {item.reason}" for item in preview.problems[:3])
    if count > 3:
        first += "; …"
    return ft.Text(
        text("data.preview.problems", count=count, first=first),
        color=ft.Colors.TERTIARY,
    )
