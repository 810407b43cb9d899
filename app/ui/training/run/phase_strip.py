"""The stages of a run side by side: what is over, what is under way, what is ahead."""

from typing import Final

import flet as ft

from app.domain.stages import Stage, StageState
from app.ui.kit.identified import Identified
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training import wording

_ICONS: Final[dict[StageState, ft.IconData]] = {
    "done": ft.Icons.CHECK_CIRCLE,
    "now": ft.Icons.PENDING,
    "ahead": ft.Icons.RADIO_BUTTON_UNCHECKED,
    "failed": ft.Icons.ERROR,
    "stopped": ft.Icons.PAUSE_CIRCLE,
}
_COLORS: Final[dict[StageState, ft.ColorValue]] = {
    "done": ft.Colors.PRIMARY,
    "now": ft.Colors.TERTIARY,
    "ahead": ft.Colors.ON_SURFACE_VARIANT,
    "failed": ft.Colors.ERROR,
    "stopped": ft.Colors.TERTIARY,
}


@ft.component
def PhaseStrip(stages: tuple[Stage, ...]) -> ft.Control:
    """Memoise it: most of the time only the seconds of one stage change. Nothing where none is known."""
    if not stages:
        return ft.Container(visible=False)
    said = ", ".join(f"{stage.label} {_said(stage)}" for stage in stages)
    row = ft.Row([_cell(stage) for stage in stages], wrap=True, spacing=GAP * 2, run_spacing=GAP / 2)
    return Identified("stages", row, label=text("training.run.stages.label", stages=said))


def _cell(stage: Stage) -> ft.Control:
    icon, meaning = _ICONS[stage.state], text_in("training.run.stages.states", stage.state)
    is_now = stage.state == "now"
    name = ft.Text(
        stage.label,
        theme_style=ft.TextThemeStyle.TITLE_SMALL if is_now else ft.TextThemeStyle.BODY_SMALL,
        color=None if is_now else ft.Colors.ON_SURFACE_VARIANT,
    )
    parts: list[ft.Control] = [
        ft.Icon(icon, size=16, color=_COLORS[stage.state], semantics_label=meaning),
        name,
    ]
    if detail := _detail(stage):
        parts.append(
            ft.Text(detail, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
        )
    return ft.Container(ft.Row(parts, spacing=6, tight=True))


def _detail(stage: Stage) -> str:
    time = wording.duration(stage.seconds) if stage.seconds is not None else ""
    return ", ".join(part for part in (stage.note, time) if part)


def _said(stage: Stage) -> str:
    meaning, detail = text_in("training.run.stages.states", stage.state), _detail(stage)
    return f"{meaning} ({detail})" if detail else meaning
