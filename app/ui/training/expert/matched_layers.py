"""The layers that the target patterns match, under their field."""

from typing import cast

import flet as ft

from app.services.layers import LayerService, MatchedLayers
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.fields import Help
from app.ui.training.watching import use_answer

_TYPING_SECONDS = 0.4


@ft.component
def LayersMatched(layers: LayerService, model: str, patterns: tuple[str, ...]) -> ft.Control:
    """Asked anew when model or patterns change; nothing without patterns."""
    found, set_found = ft.use_state(cast(MatchedLayers | None, None))
    use_answer(
        lambda: layers.matching(model, patterns) if patterns and model else None,
        set_found,
        on=(model, patterns),
        delay_seconds=_TYPING_SECONDS,
    )
    if not patterns:
        return ft.Container()
    if found is None:
        return Help(text("training.expert.layers.looking"))
    return Identified("matched-layers", _lines(found), live=True)


def _lines(found: MatchedLayers) -> ft.Control:
    seen = found.matches
    asked = (
        text("training.expert.layers.matching", count=len(seen.names), all=seen.of)
        if found.is_real
        else text(
            "training.expert.layers.matching_by_name",
            why_not=found.why_not,
            count=len(seen.names),
            all=seen.of,
        )
    )
    lines: list[ft.Control] = [Help(asked)]
    if seen.names:
        lines.append(
            Selectable(
                ft.Text(seen.in_short, font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
            )
        )
    lines += [
        ft.Text(text("training.expert.layers.nothing_matches", pattern=pattern), color=ft.Colors.ERROR)
        for pattern in seen.without_any
    ]
    return ft.Column(lines, spacing=GAP / 2, tight=True)
