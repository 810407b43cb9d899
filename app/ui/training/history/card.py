"""One run of the history: its state, its curve, where it comes from, and what can be done with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import flet as ft

from app.domain.runs import Run, RunId
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training import wording
from app.ui.training.history.sparkline import Sparkline
from app.ui.training.mounting import drawn
from app.ui.training.run_status import RunStatusPill

Wish = Literal["delete", "rename", "note", "clone", "checkpoints", "return"]

_MENU: Final[tuple[tuple[Wish, ft.IconData], ...]] = (
    ("clone", ft.Icons.CONTENT_COPY),
    ("checkpoints", ft.Icons.BOOKMARKS_OUTLINED),
    ("return", ft.Icons.PLAYLIST_ADD),
    ("rename", ft.Icons.EDIT_OUTLINED),
    ("note", ft.Icons.STICKY_NOTE_2_OUTLINED),
)

_NARROW_LINES: Final = 3
"""Enough for the longest name, and for what is known of a run."""


@dataclass(frozen=True)
class CardHandlers:
    """What a card calls; setters of state, so that a card need not be drawn anew with each of them."""

    choose: Callable[[RunId], None]
    compare: Callable[[RunId], None]
    wish: Callable[[Wish, RunId], None]


@dataclass(frozen=True)
class _Looks:
    is_shown: bool
    is_compared: bool
    is_narrow: bool
    no_return: str
    """Why it cannot go back to the queue, in half a sentence; empty if it can."""


def RunCard(
    run: Run,
    losses: tuple[float, ...],
    lineage: str,
    on: CardHandlers,
    *,
    is_shown: bool,
    is_compared: bool,
    is_narrow: bool,
    no_return: str,
) -> ft.Control:
    """Drawn anew only when it says something else: a history of hundreds of runs is read once a second."""
    facts = _facts(run)
    looks = _Looks(is_shown, is_compared, is_narrow, no_return)
    shown = (run.name, facts, run.status, run.is_stopping, run.note, losses, lineage, looks)
    return drawn(f"history-{run.id}", shown, lambda: _card(run, facts, losses, lineage, on, looks))


def _facts(run: Run) -> str:
    loss = text("training.history.loss", loss=wording.number(run.loss)) if run.loss is not None else ""
    created = wording.when(run.created_at, wording.now_utc())
    place = "" if run.is_imported else run.target.label
    facts = (place, wording.method(run), run.data_label, loss, created)
    return " · ".join(fact for fact in facts if fact)


def _card(
    run: Run, facts: str, losses: Sequence[float], lineage: str, on: CardHandlers, looks: _Looks
) -> ft.Control:
    lines: list[ft.Control] = [_small(facts, max_lines=_NARROW_LINES if looks.is_narrow else 2)]
    if lineage:
        lines.append(_small(lineage[0].upper() + lineage[1:], icon=ft.Icons.ACCOUNT_TREE_OUTLINED))
    if run.note:
        lines.append(_small(run.note, icon=ft.Icons.STICKY_NOTE_2_OUTLINED))
    row = ft.Row(_buttons(run, on, looks), spacing=0, tight=True)
    buttons = Identified(f"buttons-{run.id}", row)  # else the tile takes the first one's name for its own
    state: list[ft.Control] = [RunStatusPill(run), Sparkline(losses)]
    if looks.is_narrow:  # names that begin alike are told apart by their ends
        lines = [ft.Row(state, spacing=GAP), *lines, buttons]
    beside = ft.Container(ft.Column(state, spacing=GAP / 2, tight=True), width=104)
    most = _NARROW_LINES if looks.is_narrow else 1
    tile = ft.ListTile(
        title=ft.Text(run.name, max_lines=most, overflow=ft.TextOverflow.ELLIPSIS),
        subtitle=ft.Column(lines, spacing=2, tight=True),
        leading=None if looks.is_narrow else beside,
        trailing=None if looks.is_narrow else buttons,
        selected=looks.is_shown,
        selected_tile_color=ft.Colors.SURFACE_CONTAINER,
        shape=ft.RoundedRectangleBorder(radius=GAP),
        content_padding=ft.Padding.only(left=GAP, right=0),
        on_click=partial(on.choose, run.id),
    )
    return Identified(f"history-{run.id}", tile)


def _buttons(run: Run, on: CardHandlers, looks: _Looks) -> list[ft.Control]:
    compare = IconAction(
        ft.Icons.CHECK_CIRCLE if looks.is_compared else ft.Icons.STACKED_LINE_CHART,
        text("training.history.stop_comparing", name=run.name)
        if looks.is_compared
        else text("training.history.compare", name=run.name),
        partial(on.compare, run.id),
        color=ft.Colors.PRIMARY if looks.is_compared else None,
    )
    delete = IconAction(
        ft.Icons.DELETE_OUTLINE,
        text("training.history.delete", name=run.name)
        if run.status.is_final
        else text("training.history.stop_first"),
        partial(on.wish, "delete", run.id),
        disabled=not run.status.is_final,
    )
    menu = ft.PopupMenuButton(
        icon=ft.Icons.MORE_VERT,
        tooltip=text("training.history.more_about", name=run.name),
        items=[_item(run, on, wish, icon, looks.no_return) for wish, icon in _MENU],
    )
    return [
        compare,
        delete,
        Identified(f"more-{run.id}", menu, label=text("training.history.more_about", name=run.name)),
    ]


def _item(run: Run, on: CardHandlers, wish: Wish, icon: ft.IconData, no_return: str) -> ft.PopupMenuItem:
    label = text_in("training.history.menu", wish)
    reason = no_return if wish == "return" else ""
    return ft.PopupMenuItem(
        content=f"{label}: {reason}" if reason else label,
        icon=icon,
        disabled=bool(reason),
        on_click=partial(on.wish, wish, run.id),
    )


def _small(text: str, *, icon: ft.IconData | None = None, max_lines: int = 2) -> ft.Control:
    words = ft.Text(
        text,
        theme_style=ft.TextThemeStyle.BODY_SMALL,
        max_lines=max_lines,
        overflow=ft.TextOverflow.ELLIPSIS,
        expand=icon is not None,
    )
    if icon is None:
        return words
    return ft.Row([ft.Icon(icon, size=14, color=ft.Colors.ON_SURFACE_VARIANT), words], spacing=4)
