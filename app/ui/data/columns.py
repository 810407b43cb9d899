"""Which column of a file or a Hub dataset plays which part: the guess as a sentence, and a choice."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import flet as ft

from app.domain.mapping import ColumnMapping, Part, RowKind
from app.domain.merging import MergeSource
from app.domain.reading import Preview
from app.services.library import LibraryService
from app.ui.actions import Problem, use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.offline import use_reason
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Choice, Grid
from app.ui.training.watching import use_answer

_GUESSED = "guessed"
_LOOKED_AT_ROWS = 20

_OnChoose = Callable[[Callable[[ColumnMapping | None], ColumnMapping | None]], None]
"""Is told how to change what is chosen by then: two quick choices come before the window is drawn anew."""


def ColumnChoice(
    library: LibraryService, place: MergeSource, mapping: ColumnMapping | None, on_choose: _OnChoose
) -> ft.Control:
    """For a source that is a file or a dataset; a session's rows are made already."""
    if place.file is not None:
        return FileColumns(library, place.file, mapping, on_choose)
    return _HubColumns(library, place, mapping, on_choose)


@ft.component
def FileColumns(
    library: LibraryService, file: Path, mapping: ColumnMapping | None, on_choose: _OnChoose
) -> ft.Control:
    """Looks at the first rows of the file as soon as it is mounted, and when it is another."""
    preview, set_preview = ft.use_state(cast(Preview | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    use_answer(
        lambda: library.preview_file(file, _LOOKED_AT_ROWS), set_preview, on=file, on_problem=set_problem
    )
    if problem is not None:
        return ErrorBanner(problem)
    if preview is None:
        return ft.Text(text("data.columns.looking"), color=ft.Colors.ON_SURFACE_VARIANT)
    return _columns(preview, mapping, on_choose)


@ft.component
def _HubColumns(
    library: LibraryService, place: MergeSource, mapping: ColumnMapping | None, on_choose: _OnChoose
) -> ft.Control:
    """Looks when it is told to: nothing goes over the network just because a saved merge is opened."""
    preview, set_preview = ft.use_state(cast(Preview | None, None))
    blocked = use_reason(library.why_no_hub)
    looking = use_action(
        lambda: library.preview_hub(place.hub or "", place.split, place.subset, _LOOKED_AT_ROWS), set_preview
    )
    if preview is not None:
        return _columns(preview, mapping, on_choose)
    said = mapping.sentence(()) if mapping else text("data.columns.guessed")
    button = ft.OutlinedButton(
        text("data.columns.look"),
        icon=ft.Icons.TABLE_ROWS_OUTLINED,
        disabled=bool(blocked) or looking.is_busy,
        on_click=looking.run,
    )
    lines = [
        ErrorBanner(looking.problem, on_dismiss=looking.dismiss),
        Identified("columns", _small(f"{said} {blocked}".strip())),
        ProgressLine(text("data.columns.reading"), identifier="columns-looking")
        if looking.is_busy
        else ft.Row([button]),
    ]
    return ft.Column(lines, spacing=GAP, tight=True)


def _columns(preview: Preview, mapping: ColumnMapping | None, on_choose: _OnChoose) -> ft.Control:
    lines: list[ft.Control] = [Identified("columns", _small(_sentence(preview, mapping)))]
    if preview.is_table:
        lines += _choices(preview, mapping, on_choose)
    return ft.Column(lines, spacing=GAP, tight=True)


def _small(text: str) -> ft.Control:
    return ft.Text(text, theme_style=ft.TextThemeStyle.BODY_SMALL)


def _sentence(preview: Preview, mapping: ColumnMapping | None) -> str:
    shown = mapping or preview.mapping
    said = preview.format[0].upper() + preview.format[1:] + "."
    if not preview.is_table:
        return said
    if shown is None:
        return text("data.columns.no_row", said=said)
    return f"{said} {shown.sentence(preview.columns)}"


def _choices(preview: Preview, mapping: ColumnMapping | None, on_choose: _OnChoose) -> list[ft.Control]:
    def choose_kind(kind: str) -> None:
        def chosen_by_then(now: ColumnMapping | None) -> ColumnMapping | None:
            if kind == _GUESSED:
                return None
            return (now or preview.mapping or ColumnMapping(RowKind(kind))).of_kind(RowKind(kind))

        on_choose(chosen_by_then)

    named = ((kind.value, text_in("data.columns.kinds", kind)) for kind in RowKind)
    kinds = [(_GUESSED, text("data.columns.as_guessed")), *named]
    chosen = mapping.kind.value if mapping else _GUESSED
    lines: list[ft.Control] = [Choice("row-kind", text("data.columns.rows_are"), chosen, kinds, choose_kind)]
    if mapping is not None:
        lines.append(Grid([_part(preview, mapping, part, on_choose) for part in mapping.kind.parts]))
    return lines


def _part(
    preview: Preview,
    mapping: ColumnMapping,
    part: Part,
    on_choose: _OnChoose,
) -> ft.Control:
    def choose(column: str) -> None:
        on_choose(lambda now: (now or mapping).with_part(part, column or None))

    none = [] if part in mapping.kind.required else [("", text("data.columns.none"))]
    options = [*none, *((column, column) for column in preview.columns)]
    label = text("data.columns.for_part", part=part)
    return Choice(f"column-{part}", label, mapping.columns.get(part, ""), options, choose)
