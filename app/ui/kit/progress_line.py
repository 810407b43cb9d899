"""How far something is, in words and as a bar."""

import flet as ft

from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP


def ProgressLine(said: str, value: float | None = None, *, identifier: str = "progress") -> ft.Control:
    """A sentence over a bar. `value` from 0 to 1; None for work of unknown length."""
    bar = ft.ProgressBar(
        value=value, bar_height=6, border_radius=3, semantics_label=text("window.kit.progress")
    )
    return Identified(identifier, ft.Column([ft.Text(said), bar], spacing=GAP, tight=True), live=True)
