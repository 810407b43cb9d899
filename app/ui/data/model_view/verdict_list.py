"""What is to be said of the data before a run: each question with its answer."""

from collections.abc import Sequence

import flet as ft

from app.ui.kit.identified import Identified
from app.ui.texts import counted, text
from app.ui.theme import GAP
from trainer_image.judging import Verdict


def VerdictList(notices: Sequence[str], verdicts: Sequence[Verdict]) -> ft.Control:
    """What is not well in sight; what is well folded away."""
    ill = [*notices, *(verdict.sentence for verdict in verdicts if not verdict.is_well)]
    well = [_line(verdict.sentence, is_well=True) for verdict in verdicts if verdict.is_well]
    lines = [_line(said, is_well=False) for said in ill]
    if well:
        lines.append(_folded(well))
    return Identified(
        "verdicts",
        ft.Column(lines, spacing=GAP / 2, tight=True),
        label=text("data.model.verdicts.title"),
        live=True,
    )


def _folded(well: list[ft.Control]) -> ft.Control:
    count = counted("data.model.verdicts.all_well", len(well))
    return ft.ExpansionTile(
        title=ft.Text(count, theme_style=ft.TextThemeStyle.LABEL_LARGE),
        leading=ft.Icon(ft.Icons.CHECK_CIRCLE_OUTLINE, color=ft.Colors.PRIMARY, size=20),
        controls=[ft.Column(well, spacing=GAP / 2, tight=True)],
        controls_padding=ft.Padding.only(left=GAP, bottom=GAP),
        tile_padding=ft.Padding.all(0),
        dense=True,
        shape=ft.RoundedRectangleBorder(),
    )


def _line(said: str, *, is_well: bool) -> ft.Control:
    icon = ft.Icons.CHECK_CIRCLE_OUTLINE if is_well else ft.Icons.WARNING_AMBER
    color = ft.Colors.PRIMARY if is_well else ft.Colors.TERTIARY
    return ft.Row(
        [
            ft.Icon(
                icon,
                color=color,
                size=18,
                semantics_label=text("data.model.verdicts.well")
                if is_well
                else text("data.model.verdicts.warning"),
            ),
            ft.Text(said, expand=True, theme_style=ft.TextThemeStyle.BODY_SMALL if is_well else None),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
