"""Take a model along: what it becomes and where, how large that is, how far it is, whether it is right."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar, cast

import flet as ft

from app.domain.exports import (
    Certificate,
    ComputesOn,
    Estimate,
    Export,
    ExportCancelledError,
    ExportFormat,
    ExportWish,
    FormatChoice,
    MlxBits,
    Quantization,
    Told,
)
from app.domain.runs import Run
from app.domain.sizes import sized
from app.domain.typed_paths import expanded
from app.services.export_sources import RESULT, ExportSource
from app.services.exporting import ExportService
from app.ui.inference.certificate_view import CertificateView
from app.ui.inference.export_window import ExportWindow
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.long_work import LongWork, use_long_work
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Choice, Help
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer
from app.ui.training.wording import duration

_WIDTH: Final = 560
_RESULT_KEY: Final = "result"

Work = LongWork[Told, "Made"]
Bits = TypeVar("Bits", Quantization, MlxBits)


@dataclass(frozen=True)
class Made:
    export: Export
    certificate: Certificate | None
    taken: Path | None = None
    """The folder it was to be written to, where something else came to lie there meanwhile."""


@dataclass(frozen=True)
class _Look:
    """What is known of a choice before anything is written."""

    sources: tuple[ExportSource, ...]
    checkpoint: str
    """What of `sources` is meant, by its name."""
    formats: tuple[FormatChoice, ...]
    folder: Path
    estimate: Estimate
    has_card: bool


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
    look, set_look = ft.use_state(cast(_Look | None, None))
    folder, base = use_typed(), use_typed()
    work: Work = use_long_work(ExportCancelledError)

    use_answer(
        lambda: _look(
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
            base_model=_asked_base(format, base.now()),
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
    may = look is not None and not blocked and _fits(look.estimate) and not work.is_busy
    is_done = work.state.outcome is not None
    choices = [
        *_sources(look, pick),
        _formats(look, format, set_format),
        Help(text_in("inference.export.about", format)),
        *([_bits(quantization, set_quantization)] if format is ExportFormat.GGUF else []),
        *([_bits(mlx_bits, set_mlx_bits)] if format is ExportFormat.MLX else []),
        *([_on(computes_on, set_computes_on)] if look and look.has_card else []),
        TextField(
            label=text("inference.export.another_folder"),
            value=folder.shown,
            on_change=folder.edit,
        ),
        *([Help(text("inference.export.written_to", folder=look.folder))] if look else []),
        *([_base(base.shown, base.edit)] if format is not ExportFormat.ADAPTER and _merges(look) else []),
        _said(look, blocked),
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


def _look(
    exporting: ExportService,
    run: Run,
    picked: str | None,
    format: ExportFormat,
    quantization: Quantization,
    mlx_bits: MlxBits,
    computes_on: ComputesOn,
    folder: str,
    base: str,
) -> _Look:
    """What was picked may be gone since: then the first of what there is."""
    sources = exporting.sources(run)
    names = [source.name for source in sources] or [RESULT]
    name = picked if picked in names else names[0]
    proposed = exporting.proposed_folder(run, format, quantization, name, mlx_bits)
    place = expanded(folder.strip()).absolute() if folder.strip() else proposed
    wish = ExportWish(
        format,
        place,
        quantization,
        base_model=_asked_base(format, base.strip()),
        checkpoint=name,
        mlx_bits=mlx_bits,
        computes_on=computes_on,
    )
    found = exporting.estimate(run, wish) if sources else Estimate(None, None, 0, None)
    return _Look(
        sources, name, exporting.formats(run, quantization, name), place, found, exporting.has_card()
    )


def _fits(estimate: Estimate) -> bool:
    return estimate.fits and estimate.download_fits


def _asked_base(format: ExportFormat, typed: str) -> str:
    """The field is about merging: an adapter alone belongs to the base it was trained on."""
    return "" if format is ExportFormat.ADAPTER else typed


def _make(
    exporting: ExportService, run: Run, wish: ExportWish, tell: Callable[[Told], None], *, is_proposed: bool
) -> Made:
    """What was proposed when the dialog opened may be taken by now."""
    if is_proposed:
        now = exporting.proposed_folder(run, wish.format, wish.quantization, wish.checkpoint, wish.mlx_bits)
        wish = replace(wish, folder=now)
    export = exporting.export(run.id, wish, tell)
    return Made(export, exporting.certificate(export), None if export.folder == wish.folder else wish.folder)


def _sources(look: _Look | None, pick: Callable[[str], None]) -> list[ft.Control]:
    """Nothing to choose where there is only the result."""
    if look is None or [source.name for source in look.sources] == [RESULT]:
        return []

    def choose(key: str) -> None:
        pick(RESULT if key == _RESULT_KEY else key)

    options = [(source.name or _RESULT_KEY, source.label) for source in look.sources]
    return [
        Choice(
            "export-source", text("inference.export.what"), look.checkpoint or _RESULT_KEY, options, choose
        )
    ]


def _merges(look: _Look | None) -> bool:
    return look is not None and any(s.is_adapter for s in look.sources if s.name == look.checkpoint)


def _formats(look: _Look | None, format: ExportFormat, choose: Callable[[ExportFormat], None]) -> ft.Control:
    blocked = {choice.format for choice in look.formats if choice.blocked} if look else set()
    options = [
        (
            one.value,
            text("inference.export.not_here", format=one.label) if one in blocked else one.label,
        )
        for one in ExportFormat
    ]
    return Choice(
        "export-format",
        text("inference.export.format"),
        format.value,
        options,
        lambda key: choose(ExportFormat(key or format)),
    )


def _bits(chosen: Bits, choose: Callable[[Bits], None]) -> ft.Control:
    kind = type(chosen)
    options = [(one.value, one.label) for one in kind]
    return Choice(
        "export-bits",
        text("inference.export.bits"),
        chosen.value,
        options,
        lambda key: choose(kind(key or chosen)),
    )


def _on(chosen: ComputesOn, choose: Callable[[ComputesOn], None]) -> ft.Control:
    options = [(one.value, one.label) for one in ComputesOn]
    return Choice(
        "export-on",
        text("inference.export.on"),
        chosen.value,
        options,
        lambda key: choose(ComputesOn(key or chosen)),
    )


def _base(shown: str, edit: Callable[[ft.Event[ft.TextField]], None]) -> ft.Control:
    return TextField(label=text("inference.export.base"), value=shown, on_change=edit)


def _said(look: _Look | None, blocked: str) -> ft.Control:
    if look is None:
        return Help(text("inference.export.looking"))
    found = look.estimate
    if blocked:
        return _warning(blocked)
    if not found.fits and found.needed_bytes is not None:
        return _warning(
            text(
                "inference.export.no_room",
                needed=sized(found.needed_bytes),
                free=sized(found.free_bytes),
            )
        )
    if not found.download_fits:
        return _warning(
            text(
                "inference.export.no_room_for_download",
                size=sized(found.download_bytes),
                free=sized(found.download_free_bytes),
            )
        )
    if found.size_bytes is None or found.needed_bytes is None:
        said = text("inference.export.size_later")
    else:
        said = text(
            "inference.export.size",
            size=sized(found.size_bytes),
            needed=sized(found.needed_bytes),
            free=sized(found.free_bytes),
        )
    if found.memory_bytes:
        memory = sized(found.memory_bytes)
        said += " " + (
            text("inference.export.takes_card_memory", memory=memory)
            if found.on_card
            else text("inference.export.takes_memory", memory=memory)
        )
    if found.download_bytes:
        said += " " + text("inference.export.downloads", size=sized(found.download_bytes))
    said += " " + _time_it_takes(found.seconds)
    return Identified("export-estimate", Help(said), live=True)


def _time_it_takes(seconds: float | None) -> str:
    if seconds is None:
        return text("inference.export.time_later")
    return text("inference.export.takes_time", time=duration(seconds))


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


def _warning(text: str) -> ft.Control:
    said = ft.Text(text, color=ft.Colors.ERROR)
    row = ft.Row(
        [ft.Icon(ft.Icons.ERROR_OUTLINE, color=ft.Colors.ERROR, size=20), ft.Column([said], expand=True)]
    )
    return Identified("export-blocked", row, live=True)


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
