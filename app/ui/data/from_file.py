"""Rows from a file or a folder: chosen, looked at, then imported."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import flet as ft

from app.domain.reading import Preview, ReadOptions
from app.domain.sessions import ImportReport
from app.domain.typed_paths import expanded
from app.paths import Paths
from app.services.library import LibraryService
from app.ui.actions import Problem, problem_of
from app.ui.data.file_choice import choose_file, choose_folder, forget_upload, why_no_chooser
from app.ui.data.source_preview import SourcePreview
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.section import Section
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.long_work import LongWork
from app.ui.texts import text

_Handler = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Looked:
    """A file that was looked into."""

    file: Path
    preview: Preview


@ft.component
def FromFile(
    library: LibraryService,
    paths: Paths,
    work: LongWork[int, ImportReport],
    on_imported: Callable[[ImportReport], None],
) -> ft.Control:
    """First the choice of a file, then the preview of what is in it."""
    looked, set_looked = ft.use_state(cast(Looked | None, None))
    if looked is None:
        return FileChoice(library, paths, work.is_busy, set_looked)
    file = looked.file

    def close() -> None:
        forget_upload(paths, file)
        set_looked(None)

    async def start(options: ReadOptions) -> None:
        stored = await work.run(
            lambda tell: library.import_file(file, progress=tell, options=options), on_imported
        )
        if stored is not None:  # else the preview stays: perhaps another mapping helps
            close()

    return SourcePreview(file.name or str(file), looked.preview, work.is_busy, start, close)


@ft.component
def FileChoice(
    library: LibraryService, paths: Paths, is_importing: bool, on_looked: Callable[[Looked], None]
) -> ft.Control:
    """The system's chooser (in the browser: an upload), or a typed path."""
    path = use_typed()
    sent, set_sent = ft.use_state(cast(float | None, None))
    is_looking, set_looking = ft.use_state(False)
    problem, set_problem = ft.use_state(cast(Problem | None, None))

    async def look(choosing: Coroutine[Any, Any, Path | None]) -> None:
        set_problem(None)
        set_looking(True)
        file = None
        try:
            if (file := await choosing) is not None:
                on_looked(Looked(file, await asyncio.to_thread(library.preview_file, file)))
        except Exception as error:
            set_problem(problem_of(error))
            if file is not None:
                forget_upload(paths, file)
        finally:
            set_sent(None)
            set_looking(False)

    async def choose_one() -> None:
        await look(choose_file(paths, set_sent))

    async def choose_all() -> None:
        await look(choose_folder())

    async def open_path() -> None:
        await look(_typed(path.now()))

    is_busy = is_importing or is_looking
    return Section(
        text("data.file.title"),
        [
            ErrorBanner(problem, on_dismiss=lambda: set_problem(None)),
            _choosers(is_busy=is_busy, on_file=choose_one, on_folder=choose_all),
            _progress(sent, is_looking=is_looking),
            ft.Row(
                [
                    TextField(
                        label=text("data.file.path"),
                        value=path.shown,
                        on_change=path.edit,
                        on_submit=open_path,
                        expand=True,
                    ),
                    ft.OutlinedButton(
                        text("data.file.open_path"),
                        disabled=is_busy or not path.shown.strip(),
                        on_click=open_path,
                    ),
                ]
            ),
        ],
        subtitle=text("data.file.about"),
    )


async def _typed(path: str) -> Path:
    return expanded(path)


def _choosers(*, is_busy: bool, on_file: _Handler, on_folder: _Handler) -> ft.Control:
    """A browser hands over files only."""
    page = ft.context.page
    missing_chooser = why_no_chooser(page)
    buttons: list[ft.Control] = [
        ft.FilledButton(
            text("data.file.choose_file_button"),
            icon=ft.Icons.UPLOAD_FILE_OUTLINED,
            disabled=is_busy or bool(missing_chooser),
            on_click=on_file,
        )
    ]
    if not page.web:
        buttons.append(
            ft.FilledTonalButton(
                text("data.file.choose_folder_button"),
                icon=ft.Icons.FOLDER_OPEN,
                disabled=is_busy or bool(missing_chooser),
                on_click=on_folder,
            )
        )
    explained = ft.Text(missing_chooser, visible=bool(missing_chooser), color=ft.Colors.TERTIARY)
    return ft.Column([explained, ft.Row(buttons, wrap=True)], tight=True)


def _progress(sent: float | None, *, is_looking: bool) -> ft.Control:
    if sent is not None:
        return ProgressLine(text("data.file.uploading"), sent, identifier="upload")
    if is_looking:
        return ProgressLine(text("data.file.looking"), identifier="looking")
    return ft.Container(visible=False)
