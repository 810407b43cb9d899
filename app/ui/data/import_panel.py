"""Bring rows in: from a file or from Hugging Face; what became of every row is said."""

from collections.abc import Callable

import flet as ft

from app.domain.sessions import ImportReport, Session
from app.paths import Paths
from app.services.library import ImportCancelledError, LibraryService
from app.ui.data.from_file import FromFile
from app.ui.data.from_hub import FromHub
from app.ui.data.import_report import ImportOutcome
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.section import Section
from app.ui.long_work import LongWork, use_long_work
from app.ui.texts import text
from app.ui.theme import SPACE

Import = LongWork[int, ImportReport]


@ft.component
def ImportPanel(
    library: LibraryService,
    paths: Paths,
    on_imported: Callable[[ImportReport], None],
    on_show: Callable[[Session], None],
) -> ft.Control:
    """Two ways in and, under them, the import under way and how the last one ended."""
    work: Import = use_long_work(ImportCancelledError)
    return ft.Column(
        [
            ImportStatus(work, on_show),
            FromFile(library, paths, work, on_imported),
            FromHub(library, work, on_imported),
        ],
        spacing=SPACE,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def ImportStatus(work: Import, on_show: Callable[[Session], None]) -> ft.Control:
    """What is going on, or how it ended; nothing before the first import."""
    state = work.state
    if state.is_busy:
        cancel = ft.OutlinedButton(
            text("data.import.cancel"), disabled=state.is_cancelling, on_click=work.cancel
        )
        said = (
            text("data.import.cancelling")
            if state.is_cancelling
            else text("data.import.importing", count=state.news or 0)
        )
        return Section(
            text("data.import.title"), [ProgressLine(said, identifier="import-progress")], trailing=cancel
        )
    if state.problem is not None:
        return ErrorBanner(state.problem, on_dismiss=work.forget)
    if state.was_cancelled:
        return Section(text("data.import.cancelled"), [ft.Text(text("data.import.nothing_stored"))])
    if state.outcome is not None:
        return ImportOutcome(state.outcome, on_show)
    return ft.Container(visible=False)
