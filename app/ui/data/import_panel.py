"""Bring rows in: from a file or from Hugging Face; what became of every row is said."""

from collections.abc import Callable

import flet as ft

from app.domain.sessions import ImportReport, Session
from app.paths import Paths
from app.services.library import LibraryService
from app.ui.data.from_file import FromFile
from app.ui.data.import_report import ImportOutcome
from app.ui.data.importing import Import, use_import
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.section import Section
from app.ui.kit.typed import Typed, use_typed
from app.ui.theme import SPACE


@ft.component
def ImportPanel(
    library: LibraryService,
    paths: Paths,
    on_imported: Callable[[ImportReport], None],
    on_show: Callable[[Session], None],
) -> ft.Control:
    """Two ways in and, under them, the import under way and how the last one ended."""
    work = use_import(on_imported)
    return ft.Column(
        [
            ImportStatus(work, on_show),
            FromFile(library, paths, work),
            FromHub(library, work),
        ],
        spacing=SPACE,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def ImportStatus(work: Import, on_show: Callable[[Session], None]) -> ft.Control:
    """What is going on, or how it ended; nothing before the first import."""
    if work.is_busy:
        cancel = ft.OutlinedButton("Cancel import", disabled=work.is_cancelling, on_click=work.cancel)
        said = "Cancelling…" if work.is_cancelling else f"Importing… {work.count:,} rows read"
        return Section("Import", [ProgressLine(said, identifier="import-progress")], trailing=cancel)
    if work.problem is not None:
        return ErrorBanner(work.problem, on_dismiss=work.forget)
    if work.was_cancelled:
        return Section("Import cancelled", [ft.Text("Nothing was stored.")])
    if work.report is not None:
        return ImportOutcome(work.report, on_show)
    return ft.Container(visible=False)


@ft.component
def FromHub(library: LibraryService, work: Import) -> ft.Control:
    """A dataset by repository, split and configuration."""
    repo, split, config = use_typed(), use_typed("train"), use_typed()

    async def start() -> None:
        name, part, variant = repo.now(), split.now() or "train", config.now() or None
        await work.run(lambda progress: library.import_hub(name, part, variant, progress=progress))

    def field(label: str, typed: Typed, hint: str = "") -> ft.Control:
        return ft.TextField(
            label=label, value=typed.shown, hint_text=hint, on_change=typed.edit, on_submit=start, expand=True
        )

    return Section(
        "From Hugging Face",
        [
            field("Repository", repo, "owner/name"),
            ft.Row([field("Split", split, "train"), field("Configuration", config)]),
            ft.Row(
                [
                    ft.FilledButton(
                        "Import dataset",
                        icon=ft.Icons.CLOUD_DOWNLOAD_OUTLINED,
                        disabled=work.is_busy or not repo.shown.strip(),
                        on_click=start,
                    )
                ]
            ),
        ],
        subtitle="Needs the network. Private and gated datasets need a token: see Settings.",
    )
