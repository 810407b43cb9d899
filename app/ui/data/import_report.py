"""How an import ended: what is in, and which lines were refused and why."""

from collections.abc import Callable
from typing import Final

import flet as ft

from app.domain.sessions import ImportReport, RefusedRow, Session
from app.ui.data.wording import outcome
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.kit.selectable import Selectable
from app.ui.kit.status_pill import StatusPill
from app.ui.texts import text, text_in
from app.ui.theme import CODE_FONT, GAP, RADIUS

_NOTES_SHOWN: Final = 12


def ImportOutcome(report: ImportReport, on_show: Callable[[Session], None]) -> ft.Control:
    """A sentence, the refused lines, and the way to the rows."""

    def show() -> None:
        on_show(report.session)

    pill = (
        StatusPill(text("data.import.with_refusals"), "warning")
        if report.refused_count
        else StatusPill(text("data.import.imported"), "good")
    )
    return Section(
        report.session.name,
        [
            Identified("import-outcome", ft.Text(outcome(report)), live=True),
            *(ft.Text(note, key=note) for note in report.notes[:_NOTES_SHOWN]),
            *([_refused(report)] if report.refused else []),
            ft.Row(
                [
                    ft.FilledTonalButton(
                        text("data.import.show_rows"), icon=ft.Icons.TABLE_ROWS_OUTLINED, on_click=show
                    )
                ]
            ),
        ],
        trailing=pill,
    )


def _refused(report: ImportReport) -> ft.Control:
    beyond = report.refused_count - len(report.refused)
    lines: list[ft.Control] = [_line(row, report.unit) for row in report.refused]
    if beyond:
        lines.append(ft.Text(text("data.import.more", count=beyond), key="beyond"))
    scroll = ft.ListView(lines, spacing=GAP / 2, padding=12, height=min(24 + 48 * len(lines), 240))
    return Identified(
        "refused-rows",
        ft.Container(Selectable(scroll), bgcolor=ft.Colors.SURFACE_CONTAINER, border_radius=RADIUS - 4),
        label=text("data.import.refused"),
    )


def _line(row: RefusedRow, unit: str) -> ft.Control:
    return ft.Row(
        [
            ft.Text(
                text_in("data.import.refused_at", unit, place=row.source_line),
                font_family=CODE_FONT,
                theme_style=ft.TextThemeStyle.BODY_SMALL,
                width=104,
            ),
            ft.Text(row.reason, expand=True),
        ],
        vertical_alignment=ft.CrossAxisAlignment.START,
        key=row.source_line,
    )
