"""Which column of a file plays which part: the guess as a sentence, and a way to choose otherwise."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import flet as ft

from app.domain.mapping import ColumnMapping, Part, RowKind
from app.domain.reading import Preview
from app.services.library import LibraryService
from app.ui.actions import Problem
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.theme import GAP
from app.ui.training.fields import Choice, Grid
from app.ui.training.watching import use_answer

_GUESSED = "guessed"
_LOOKED_AT_ROWS = 20


@ft.component
def ColumnChoice(
    library: LibraryService,
    file: Path,
    mapping: ColumnMapping | None,
    on_choose: Callable[[ColumnMapping | None], None],
) -> ft.Control:
    """Looks at the first rows of the file as soon as it is a source."""
    preview, set_preview = ft.use_state(cast(Preview | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    use_answer(
        lambda: library.preview_file(file, _LOOKED_AT_ROWS), set_preview, on=file, on_problem=set_problem
    )
    if problem is not None:
        return ErrorBanner(problem)
    if preview is None:
        return ft.Text("Looking at its first rows…", color=ft.Colors.ON_SURFACE_VARIANT)
    lines: list[ft.Control] = [
        Identified("columns", ft.Text(_sentence(preview, mapping), theme_style=ft.TextThemeStyle.BODY_SMALL))
    ]
    if preview.is_table:
        lines += _choices(preview, mapping, on_choose)
    return ft.Column(lines, spacing=GAP, tight=True)


def _sentence(preview: Preview, mapping: ColumnMapping | None) -> str:
    shown = mapping or preview.mapping
    said = preview.format[0].upper() + preview.format[1:] + "."
    if not preview.is_table:
        return said
    if shown is None:
        return f"{said} Nothing in it looks like a row: choose what its columns are."
    return f"{said} {shown.sentence(preview.columns)}"


def _choices(
    preview: Preview, mapping: ColumnMapping | None, on_choose: Callable[[ColumnMapping | None], None]
) -> list[ft.Control]:
    def choose_kind(kind: str) -> None:
        if kind == _GUESSED:
            on_choose(None)
            return
        start = mapping or preview.mapping or ColumnMapping(RowKind(kind))
        on_choose(start.of_kind(RowKind(kind)))

    kinds = [(_GUESSED, "as guessed"), *((kind.value, kind.label) for kind in RowKind)]
    chosen = mapping.kind.value if mapping else _GUESSED
    lines: list[ft.Control] = [Choice("row-kind", "Rows are", chosen, kinds, choose_kind)]
    if mapping is not None:
        lines.append(Grid([_part(preview, mapping, part, on_choose) for part in mapping.kind.parts]))
    return lines


def _part(
    preview: Preview,
    mapping: ColumnMapping,
    part: Part,
    on_choose: Callable[[ColumnMapping | None], None],
) -> ft.Control:
    def choose(column: str) -> None:
        if column:
            on_choose(mapping.playing(column, part))
        elif before := mapping.columns.get(part):
            on_choose(mapping.playing(before, None))

    none = [] if part in mapping.kind.required else [("", "none")]
    options = [*none, *((column, column) for column in preview.columns)]
    label = f"Column for the {part}"
    return Choice(f"column-{part}", label, mapping.columns.get(part, ""), options, choose)
