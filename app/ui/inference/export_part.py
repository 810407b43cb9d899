"""A run's exports: a button that makes one, and those there are, each with what can be done with it."""

from collections.abc import Callable
from typing import cast

import flet as ft

from app.domain.exports import Export, PushWish, Told, size_in_words
from app.domain.runs import Run
from app.services.exporting import ExportService
from app.ui.actions import use_action
from app.ui.inference.certificate_view import verdict
from app.ui.inference.export_dialog import use_export_dialog
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.entered import is_on
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.open_folder_button import OpenFolderButton
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.selectable import Selectable
from app.ui.kit.typed import use_typed
from app.ui.long_work import LongWork, use_long_work
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.fields import Help
from app.ui.training.mounting import keyed, memoised
from app.ui.training.watching import use_answer


@ft.component
def ExportPart(exporting: ExportService, run: Run) -> ft.Control:
    """For a run that has a result. Memoise it with a run that does not tick."""
    exports, set_exports = ft.use_state(cast(tuple[Export, ...], ()))
    version, set_version = ft.use_state(0)

    def look() -> tuple[Export, ...]:
        exporting.tidy()
        return tuple(exporting.exports(run.id))

    def look_again() -> None:
        set_version(lambda number: number + 1)

    use_answer(look, set_exports, on=(run.id, version))
    open_dialog = use_export_dialog(exporting, run, look_again)
    button = ft.OutlinedButton(
        "Export…",
        icon=ft.Icons.IOS_SHARE,
        tooltip="For Ollama, llama.cpp, Transformers or the Hub; checked against what was trained.",
        on_click=open_dialog,
    )
    lines = [keyed(ExportLine, f"export-{one.id}", exporting, one, look_again) for one in exports]
    return ft.Column(
        [ft.Row([Identified("export", button)]), *lines],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@ft.component
def ExportLine(exporting: ExportService, export: Export, on_changed: Callable[[], None]) -> ft.Control:
    is_deleting, set_deleting = ft.use_state(False)
    is_pushing, set_pushing = ft.use_state(False)

    def done(_: object) -> None:
        set_deleting(False)
        on_changed()

    delete = use_action(lambda: exporting.delete(export.id), on_done=done)
    question = ConfirmDialog(
        f"Delete the export {export.label}?",
        f"Its files in {export.folder} are deleted. The run itself stays; it can be exported again.",
        confirm="Deleting…" if delete.is_busy else "Delete",
        on_confirm=delete.run,
        on_cancel=lambda: set_deleting(False),
        is_busy=delete.is_busy,
        problem=delete.problem,
    )
    ft.use_dialog(question if is_deleting else None)
    name = f"{export.label}, {size_in_words(export.size_bytes)}"
    texts: list[ft.Control] = [
        ft.Text(name, theme_style=ft.TextThemeStyle.TITLE_SMALL),
        verdict(export),
        Selectable(
            ft.Text(str(export.folder), font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
        ),
        *([Help(f"On the Hub: {export.pushed_to}")] if export.pushed_to else []),
        ft.Row(
            [
                memoised(OpenFolderButton, f"open-{export.id}", exporting.show_folder, export.folder),
                ft.TextButton(
                    "Push to the Hub…",
                    icon=ft.Icons.CLOUD_UPLOAD_OUTLINED,
                    on_click=lambda: set_pushing(True),
                ),
                IconAction(ft.Icons.DELETE_OUTLINE, f"Delete the export {name}", lambda: set_deleting(True)),
            ],
            wrap=True,
            spacing=GAP,
        ),
    ]
    if is_pushing:
        texts.append(
            keyed(PushExport, f"push-{export.id}", exporting, export, lambda: set_pushing(False), on_changed)
        )
    return Identified(f"export-{export.id}", ft.Column(texts, spacing=GAP / 2, tight=True))


@ft.component
def PushExport(
    exporting: ExportService, export: Export, on_close: Callable[[], None], on_changed: Callable[[], None]
) -> ft.Control:
    """Asks where to, says why not, and shows how far it is."""
    repo = use_typed()
    is_public, set_public = ft.use_state(False)
    reason, set_reason = ft.use_state("")
    work: LongWork[Told, Export] = use_long_work()
    use_answer(exporting.why_no_push, set_reason, on=export.id)

    async def push() -> None:
        wish = PushWish(repo.now(), is_private=not is_public)

        def done(_: Export) -> None:
            on_changed()
            on_close()

        await work.run(lambda tell: exporting.push(export.id, wish, tell), done)

    body: list[ft.Control] = [
        Help("Weights and a model card are sent. The certificate stays here: it quotes rows of your data."),
        ft.Text(f"{reason} Nothing can be pushed now.", color=ft.Colors.ERROR, visible=bool(reason)),
        ft.TextField(label="Model (your-name/ferry-talk)", value=repo.shown, on_change=repo.edit),
        ft.Switch(
            label="Public: everybody may see it",
            value=is_public,
            on_change=lambda event: set_public(is_on(event)),
        ),
        ErrorBanner(work.state.problem, on_dismiss=work.forget),
    ]
    if work.is_busy:
        told = work.state.news or Told("Starting")
        body.append(ProgressLine(f"{told.text}…", told.share, identifier="push-progress"))
    ft.use_dialog(
        ft.AlertDialog(
            title=ft.Text(f"Push {export.label}", theme_style=ft.TextThemeStyle.TITLE_LARGE),
            content=ft.Container(ft.Column(body, spacing=GAP * 1.5, tight=True), width=520),
            scrollable=True,
            modal=work.is_busy,
            actions=[
                ft.TextButton("Close", disabled=work.is_busy, on_click=on_close),
                ft.FilledButton(
                    "Push publicly" if is_public else "Push privately",
                    disabled=bool(reason) or work.is_busy or not repo.shown.strip(),
                    on_click=push,
                ),
            ],
            on_dismiss=on_close,
        )
    )
    return ft.Container(visible=False)
