"""What was changed in a run because memory ran out: the effective batch stays, the parts become smaller."""

from collections.abc import Sequence
from typing import Final

import flet as ft

from app.domain.runs import RunEvent
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training import wording
from app.ui.training.run.coach_view import NoteBox

_BEGINNING: Final = "Memory ran out"


def memory_changes(notices: Sequence[RunEvent]) -> tuple[RunEvent, ...]:
    return tuple(notice for notice in notices if notice.text.startswith(_BEGINNING))


@ft.component
def MemoryChanges(changes: tuple[RunEvent, ...]) -> ft.Control:
    """Nothing if memory never ran out. Memoise it."""
    if not changes:
        return ft.Container(visible=False)
    title = text("training.run.memory.title")
    lines: list[ft.Control] = [ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_SMALL)]
    lines += [
        ft.Text(f"{wording.clock(change.time)}  {change.text}", theme_style=ft.TextThemeStyle.BODY_SMALL)
        for change in changes
    ]
    column = ft.Column(lines, spacing=GAP / 2, tight=True)
    return Identified(
        "memory-changes", NoteBox([column], ft.Icons.MEMORY, text("training.run.memory.changed")), label=title
    )
