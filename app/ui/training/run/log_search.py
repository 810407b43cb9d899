"""Look for a word in a run's whole log."""

from collections.abc import Callable, Sequence
from typing import Final

import flet as ft

from app.domain.runs import Run
from app.services.monitoring import MonitoringService
from app.ui.kit.entered import text_of
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.kit.text_field import TextField
from app.ui.texts import counted, text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.fields import Help
from app.ui.training.watching import use_answer

_TYPING_SECONDS: Final = 0.3
_LONGEST: Final = 500

Found = tuple[Sequence[tuple[int, str]], int]


class Newest:
    """Only the search that began last is wanted."""

    def __init__(self) -> None:
        self._number = 0

    def end(self) -> None:
        """None is wanted any more."""
        self._number += 1

    def begin(self) -> Callable[[], bool]:
        """Tells whether this one still is."""
        self.end()
        mine = self._number
        return lambda: self._number == mine


@ft.component
def LogSearch(monitoring: MonitoringService, run: Run) -> ft.Control:
    """Memoise it. What is found is as of the moment of typing; Enter looks again."""
    wanted, want = ft.use_state("")
    looks, set_looks = ft.use_state(0)
    nothing: Found = ((), 0)
    found, set_found = ft.use_state(nothing)
    newest = ft.use_memo(Newest, dependencies=[])

    def edit(event: ft.Event[ft.TextField]) -> None:
        newest.end()
        want(text_of(event))

    def find() -> Found:
        is_wanted = newest.begin()
        return monitoring.find_in_log(run, wanted, is_wanted=is_wanted) if wanted.strip() else nothing

    ft.use_effect(lambda: None, dependencies=[], cleanup=newest.end)
    use_answer(
        find,
        set_found,
        on=(wanted, looks, run.status),
        delay_seconds=_TYPING_SECONDS,
    )
    field = TextField(
        label=text("training.log.search"),
        value=wanted,
        dense=True,
        prefix_icon=ft.Icons.SEARCH,
        on_change=edit,
        on_submit=lambda: set_looks(looks + 1),
    )
    lines: list[ft.Control] = [field]
    if wanted.strip():
        lines.append(Identified("log-found-count", Help(_told(*found)), live=True))
        lines.extend(_shown(found[0]))
    return ft.Column(lines, spacing=GAP / 2, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _told(found: Sequence[tuple[int, str]], count: int) -> str:
    if not count:
        return text("training.log.found_none")
    if count > len(found):
        return counted("training.log.found_more", count, shown=len(found))
    return counted("training.log.found", count)


def _shown(found: Sequence[tuple[int, str]]) -> list[ft.Control]:
    if not found:
        return []
    said = "\n".join(f"{number:>6}  {line[:_LONGEST]}" for number, line in found)
    listed = ft.ListView(
        [ft.Text(said, font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)], padding=GAP
    )
    box = ft.Container(Selectable(listed), height=140, bgcolor=ft.Colors.SURFACE_CONTAINER, border_radius=GAP)
    return [Identified("log-found", box, label=text("training.log.found_label"))]
