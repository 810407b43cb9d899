"""Add the rows of a file, or of another session, at the end of a session."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import flet as ft

from app.domain.mapping import ColumnMapping
from app.domain.reading import ReadOptions
from app.domain.sessions import ImportReport, Session
from app.domain.typed_paths import expanded
from app.services.library import LibraryService
from app.ui.actions import use_action
from app.ui.data.columns import FileColumns
from app.ui.data.wording import rows
from app.ui.data.working import WorkStatus, counting, use_work
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Choice
from app.ui.training.mounting import keyed


def use_appending(
    library: LibraryService, session: Session, on_done: Callable[[Session], None]
) -> Callable[[], object]:
    """Returns what opens the dialog. It stays open to say what was refused."""
    is_open, set_open = ft.use_state(False)
    others, set_others = ft.use_state(cast(Sequence[Session], ()))
    other, set_other = ft.use_state("")
    said, set_said = ft.use_state("")
    path = use_typed()
    looked, set_looked = ft.use_state(cast(Path | None, None))
    mapping, set_mapping = ft.use_state(cast(ColumnMapping | None, None))
    work = use_work()
    look = use_action(library.sessions, on_done=set_others)

    async def open_dialog() -> None:
        set_said("")
        set_looked(None)
        set_open(True)
        await look.run()

    def close() -> None:
        work.cancel()
        set_open(False)

    def appended(after: Session) -> None:
        close()
        on_done(after)

    def read(report: ImportReport) -> None:
        on_done(report.session)
        if not report.refused_count:
            close()
            return
        first = report.refused[0]
        set_said(
            text(
                "data.append.outcome",
                rows=rows(report.accepted_count),
                refused=report.refused_count,
                unit=report.unit,
                line=first.source_line,
                reason=first.reason,
            )
        )

    def choose_columns() -> None:
        set_mapping(None)
        set_looked(expanded(path.now()) if path.now() else None)

    async def append() -> None:
        if path.now():
            file = expanded(path.now())
            options = ReadOptions(mapping if file == looked else None)
            await work.run(
                lambda tell: library.append_file(session, file, counting(tell, "done"), options), read
            )
        elif other:
            chosen = next(s for s in others if s.id == other)
            await work.run(
                lambda tell: library.editing.append_session(session, chosen, counting(tell, "hashed")),
                appended,
            )
        else:
            set_said(text("data.append.choose_first"))

    options = [(str(s.id), f"{s.name}, {rows(s.row_count)}") for s in others]
    dialog = ft.AlertDialog(
        title=ft.Text(
            text("data.append.title", name=session.name), theme_style=ft.TextThemeStyle.TITLE_LARGE
        ),
        content=ft.Container(
            ft.Column(
                [
                    Choice(
                        "append-session",
                        text("data.append.of_session"),
                        other,
                        options,
                        set_other,
                        hint=text("data.append.none"),
                    ),
                    TextField(
                        label=text("data.append.of_file"),
                        value=path.shown,
                        on_change=path.edit,
                        on_submit=append,
                    ),
                    ft.Row(
                        [
                            ft.OutlinedButton(
                                text("data.append.columns"),
                                disabled=not path.shown.strip(),
                                on_click=choose_columns,
                            )
                        ]
                    ),
                    *(
                        [keyed(FileColumns, f"columns-{looked}", library, looked, mapping, set_mapping)]
                        if looked
                        else []
                    ),
                    WorkStatus(work, identifier="append-progress"),
                    ft.Text(said, visible=bool(said)),
                ],
                spacing=GAP * 2,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            width=560,
        ),
        scrollable=True,
        actions=[
            ft.TextButton(text("data.append.close"), on_click=close),
            ft.FilledButton(text("data.append.append"), disabled=work.is_busy, on_click=append),
        ],
        on_dismiss=close,
    )
    ft.use_dialog(dialog if is_open else None)
    return open_dialog
