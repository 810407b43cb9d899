"""What can be chosen in the dialog of an export, and what is said of a choice."""

from collections.abc import Callable
from typing import Final, TypeVar

import flet as ft

from app.domain.exports import ComputesOn, ExportFormat, MlxBits, Quantization
from app.domain.sizes import sized
from app.services.export_sources import RESULT
from app.ui.inference.export_look import Look
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.texts import text
from app.ui.training.fields import Choice, Help
from app.ui.training.wording import duration

_RESULT_KEY: Final = "result"

Bits = TypeVar("Bits", Quantization, MlxBits)


def sources_choice(look: Look | None, pick: Callable[[str], None]) -> list[ft.Control]:
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


def format_choice(
    look: Look | None, format: ExportFormat, choose: Callable[[ExportFormat], None]
) -> ft.Control:
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


def bits_choice(chosen: Bits, choose: Callable[[Bits], None]) -> ft.Control:
    kind = type(chosen)
    options = [(one.value, one.label) for one in kind]
    return Choice(
        "export-bits",
        text("inference.export.bits"),
        chosen.value,
        options,
        lambda key: choose(kind(key or chosen)),
    )


def device_choice(chosen: ComputesOn, choose: Callable[[ComputesOn], None]) -> ft.Control:
    options = [(one.value, one.label) for one in ComputesOn]
    return Choice(
        "export-on",
        text("inference.export.on"),
        chosen.value,
        options,
        lambda key: choose(ComputesOn(key or chosen)),
    )


def base_field(shown: str, edit: Callable[[ft.Event[ft.TextField]], None]) -> ft.Control:
    return TextField(label=text("inference.export.base"), value=shown, on_change=edit)


def said_of(look: Look | None, blocked: str) -> ft.Control:
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


def _warning(text: str) -> ft.Control:
    said = ft.Text(text, color=ft.Colors.ERROR)
    row = ft.Row(
        [ft.Icon(ft.Icons.ERROR_OUTLINE, color=ft.Colors.ERROR, size=20), ft.Column([said], expand=True)]
    )
    return Identified("export-blocked", row, live=True)
