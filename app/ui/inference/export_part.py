"""A run's exports: the button that makes one, and those there are, each with what can be done with it."""

from collections.abc import Callable
from typing import Final, cast

import flet as ft

from app.domain.exports import Export
from app.domain.runs import Run
from app.domain.sizes import sized
from app.services.export_deleting import Deleted, left_in_words
from app.services.export_progress import ExportUnderWay
from app.services.exporting import ExportService
from app.ui.actions import use_action
from app.ui.inference.certificate_view import verdict
from app.ui.inference.export_dialog import doing
from app.ui.inference.export_window import ExportWindow
from app.ui.inference.push_dialog import PushExport
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.open_folder_button import OpenFolderButton
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.fields import Help
from app.ui.training.mounting import keyed, memoised
from app.ui.training.watching import use_answer

_LOOK_SECONDS: Final = 0.5


def export_button(run: Run, window: ExportWindow) -> ft.Control:
    """For a run that has something to take along."""
    button = ft.OutlinedButton(
        text("inference.export.open"),
        icon=ft.Icons.IOS_SHARE,
        tooltip=text("inference.export.open_help"),
        on_click=lambda: window.open(run),
    )
    return Identified("export", button)


@ft.component
def ExportPart(exporting: ExportService, run: Run, window: ExportWindow) -> ft.Control:
    """What was made of the run, and what is being made. Memoise it with a run that does not tick."""
    exports, set_exports = ft.use_state(cast(tuple[Export, ...], ()))
    under_way, set_under_way = ft.use_state(cast(tuple[ExportUnderWay, ...], ()))
    version, set_version = ft.use_state(0)
    left, set_left = ft.use_state("")

    def look() -> tuple[tuple[ExportUnderWay, ...], tuple[Export, ...]]:
        exporting.tidy()
        going = exporting.under_way(run.id)  # first: one that ends now is in the list then
        return going, tuple(exporting.exports(run.id))

    def take(found: tuple[tuple[ExportUnderWay, ...], tuple[Export, ...]]) -> None:
        set_under_way(found[0])
        set_exports(found[1])

    def look_again() -> None:
        set_version(lambda number: number + 1)

    goes_on = window.making == run.id or bool(under_way)
    use_answer(
        look,
        take,
        on=(run.id, version, window.made, goes_on),
        every_seconds=_LOOK_SECONDS if goes_on else None,
    )
    lines: list[ft.Control] = [keyed(UnderWayLine, f"making-{one.id}", exporting, one) for one in under_way]
    lines += [keyed(ExportLine, f"export-{one.id}", exporting, one, look_again, set_left) for one in exports]
    if left:
        lines.append(Identified("export-left", Selectable(ft.Text(left)), live=True))
    return ft.Column(
        lines,
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        visible=bool(lines),
    )


@ft.component
def UnderWayLine(exporting: ExportService, one: ExportUnderWay) -> ft.Control:
    """One that is being made, also where its dialog was closed, or its run left and come back to."""
    cancel = use_action(lambda: exporting.cancel(one.id), on_done=lambda _: None)
    said = text("inference.export.cancelling") if one.is_cancelling else doing(one.told)
    progress = ProgressLine(f"{one.label}: {said}", one.told.share, identifier="export-making")
    button = ft.TextButton(
        text("inference.export.cancel_this"),
        disabled=one.is_cancelling or cancel.is_busy,
        on_click=cancel.run,
    )
    return ft.Row([ft.Container(progress, expand=True), button], spacing=GAP)


@ft.component
def ExportLine(
    exporting: ExportService, export: Export, on_changed: Callable[[], None], on_left: Callable[[str], None]
) -> ft.Control:
    """`on_left` is told in a sentence what a deletion has left in the folder."""
    is_deleting, set_deleting = ft.use_state(False)
    is_pushing, set_pushing = ft.use_state(False)

    def done(deleted: Deleted) -> None:
        set_deleting(False)
        on_left(left_in_words(export.folder, deleted.left))
        on_changed()

    delete = use_action(lambda: exporting.delete(export.id), on_done=done)
    question = ConfirmDialog(
        text("inference.export.delete_question", name=export.label),
        text("inference.export.delete_text", folder=export.folder),
        confirm=text("inference.export.deleting")
        if delete.is_busy
        else text("inference.export.delete_confirm"),
        on_confirm=delete.run,
        on_cancel=lambda: set_deleting(False),
        is_busy=delete.is_busy,
        problem=delete.problem,
    )
    ft.use_dialog(question if is_deleting else None)
    name = f"{export.label}, {sized(export.size_bytes)}"
    texts: list[ft.Control] = [
        ft.Text(name, theme_style=ft.TextThemeStyle.TITLE_SMALL),
        verdict(export),
        Selectable(
            ft.Text(str(export.folder), font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
        ),
        *([Help(text("inference.export.on_the_hub", place=export.pushed_to))] if export.pushed_to else []),
        ft.Row(
            [
                memoised(OpenFolderButton, f"open-{export.id}", exporting.show_folder, export.folder),
                ft.TextButton(
                    text("inference.export.push"),
                    icon=ft.Icons.CLOUD_UPLOAD_OUTLINED,
                    on_click=lambda: set_pushing(True),
                ),
                IconAction(
                    ft.Icons.DELETE_OUTLINE,
                    text("inference.export.delete", name=name),
                    lambda: set_deleting(True),
                ),
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
