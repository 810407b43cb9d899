"""Take a model along: what it becomes and where, how large that is, how far it is, whether it is right."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

import flet as ft

from app.domain.exports import (
    Certificate,
    ComputesOn,
    Export,
    ExportCancelledError,
    ExportFormat,
    ExportWish,
    MlxBits,
    Quantization,
    Told,
)
from app.domain.runs import Run
from app.domain.sizes import sized
from app.domain.typed_paths import expanded
from app.services.exporting import ExportService
from app.ui.inference.certificate_view import CertificateView
from app.ui.inference.export_choices import (
    base_field,
    bits_choice,
    device_choice,
    format_choice,
    said_of,
    sources_choice,
)
from app.ui.inference.export_look import Look, asked_base, fits, look_at, merges
from app.ui.inference.export_window import ExportWindow
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.long_work import LongWork, use_long_work
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Help
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer
from app.ui.training.wording import duration

_WIDTH: Final = 560

Work = LongWork[Told, "Made"]


@dataclass(frozen=True)
class Made:
    export: Export
    certificate: Certificate | None
    taken: Path | None = None
    """The folder it was to be written to, where something else came to lie there meanwhile."""


@ft.component
def ExportHost(exporting: ExportService, window: ExportWindow) -> ft.Control:
    """Where the dialog lives: to be mounted where it stays when the window becomes narrow or wide."""
    run = window.run
    if run is None:
        return ft.Container(visible=False)
    return keyed(ExportDialog, f"export-dialog-{run.id}", exporting, run, window)


@ft.component
def ExportDialog(exporting: ExportService, run: Run, window: ExportWindow) -> ft.Control:
    """What is being made goes on where it is closed, and where another run's takes its place."""
    is_open = window.is_open
    format, set_format = ft.use_state(ExportFormat.GGUF)
    quantization, set_quantization = ft.use_state(Quantization.Q8_0)
    mlx_bits, set_mlx_bits = ft.use_state(MlxBits.EIGHT)
    computes_on, set_computes_on = ft.use_state(ComputesOn.AUTO)
    picked, pick = ft.use_state(cast(str | None, None))
    look, set_look = ft.use_state(cast(Look | None, None))
    folder, base = use_typed(), use_typed()
    work: Work = use_long_work(ExportCancelledError)

    use_answer(
        lambda: look_at(
            exporting, run, picked, format, quantization, mlx_bits, computes_on, folder.shown, base.shown
        ),
        set_look,
        on=(is_open, picked, format, quantization, mlx_bits, computes_on, folder.shown, base.shown),
        delay_seconds=0.2 if look else 0.0,
    )

    def wish() -> ExportWish:
        assert look is not None
        return ExportWish(
            format,
            look.folder,
            quantization,
            base_model=asked_base(format, base.now()),
            checkpoint=look.checkpoint,
            mlx_bits=mlx_bits,
            computes_on=computes_on,
        )

    async def make() -> None:
        asked, typed = wish(), folder.now()
        if typed:
            asked = replace(asked, folder=expanded(typed).absolute())

        def done(_: Made) -> None:
            folder.put("")
            window.made += 1

        window.making = run.id
        try:
            await work.run(lambda tell: _make(exporting, run, asked, tell, is_proposed=not typed), done)
        finally:
            window.making = None if window.making == run.id else window.making

    def begin_anew() -> None:
        """What the last one came to is not shown again."""
        if is_open and not work.is_busy:
            work.forget()

    ft.use_effect(begin_anew, dependencies=[is_open])
    close = window.close

    blocked = next((c.blocked for c in look.formats if c.format is format), "") if look else ""
    may = look is not None and not blocked and fits(look.estimate) and not work.is_busy
    is_done = work.state.outcome is not None
    choices = [
        *sources_choice(look, pick),
        format_choice(look, format, set_format),
        Help(text_in("inference.export.about", format)),
        *([bits_choice(quantization, set_quantization)] if format is ExportFormat.GGUF else []),
        *([bits_choice(mlx_bits, set_mlx_bits)] if format is ExportFormat.MLX else []),
        *([device_choice(computes_on, set_computes_on)] if look and look.has_card else []),
        TextField(
            label=text("inference.export.another_folder"),
            value=folder.shown,
            on_change=folder.edit,
        ),
        *([Help(text("inference.export.written_to", folder=look.folder))] if look else []),
        *([base_field(base.shown, base.edit)] if format is not ExportFormat.ADAPTER and merges(look) else []),
        said_of(look, blocked),
    ]
    body = [*([] if work.is_busy or is_done else choices), *_progress(work)]
    dialog = ft.AlertDialog(
        title=ft.Text(
            text("inference.export.title", run=run.name), theme_style=ft.TextThemeStyle.TITLE_LARGE
        ),
        content=ft.Container(
            ft.Column(
                body, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
            ),
            width=_WIDTH,
        ),
        scrollable=True,
        actions=_actions(work, close, make, may=may),
        on_dismiss=close,
    )
    ft.use_dialog(dialog if is_open else None)
    return ft.Container(visible=False)


def _actions(
    work: Work, close: Callable[[], None], make: Callable[[], object], *, may: bool
) -> list[ft.Control]:
    if work.is_busy:
        return [
            ft.TextButton(
                text("inference.export.cancel"), disabled=work.state.is_cancelling, on_click=work.cancel
            ),
            ft.FilledButton(text("inference.export.hide"), on_click=close),
        ]
    leave = ft.TextButton(text("inference.export.close"), on_click=close)
    if work.state.outcome is not None:
        return [leave]
    return [leave, ft.FilledButton(text("inference.export.export"), disabled=not may, on_click=make)]


def _make(
    exporting: ExportService, run: Run, wish: ExportWish, tell: Callable[[Told], None], *, is_proposed: bool
) -> Made:
    """What was proposed when the dialog opened may be taken by now."""
    if is_proposed:
        now = exporting.proposed_folder(run, wish.format, wish.quantization, wish.checkpoint, wish.mlx_bits)
        wish = replace(wish, folder=now)
    export = exporting.export(run.id, wish, tell)
    return Made(export, exporting.certificate(export), None if export.folder == wish.folder else wish.folder)


def doing(told: Told) -> str:
    """What is done now, and how long that or all of it still takes, as far as anybody knows."""
    said = text("inference.export.doing", doing=told.text)
    if told.left_seconds is None:
        return said
    left = text(
        "inference.export.left" if told.left_of_all else "inference.export.left_of_step",
        time=duration(told.left_seconds),
    )
    return f"{said} {left}"


def _progress(work: Work) -> list[ft.Control]:
    state = work.state
    if state.problem is not None:
        return [ErrorBanner(state.problem, on_dismiss=work.forget)]
    if state.is_busy:
        told = state.news or Told(text("inference.export.starting"))
        said = text("inference.export.cancelling") if state.is_cancelling else doing(told)
        return [
            ProgressLine(said, told.share, identifier="export-progress"),
            Help(text("inference.export.goes_on")),
        ]
    if state.was_cancelled:
        return [Identified("export-cancelled", ft.Text(text("inference.export.cancelled")), live=True)]
    if state.outcome is not None:
        made = state.outcome
        where = f"{made.export.label}, {sized(made.export.size_bytes)}: {made.export.folder}"
        return [
            CertificateView(made.export, made.certificate),
            ft.Text(where, selectable=True, theme_style=ft.TextThemeStyle.BODY_SMALL),
            *(
                [Help(text("inference.export.taken", folder=made.taken, other=made.export.folder))]
                if made.taken
                else []
            ),
            *([Help(text("inference.export.to_talk"))] if made.export.format is ExportFormat.GGUF else []),
        ]
    return []
