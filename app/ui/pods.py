"""Pods that cost money and should not, on every tab, with their price and a way to end them."""

from typing import Final

import flet as ft

from app.domain.money import money
from app.domain.reaping import Billing, Verdict
from app.services.renting.reaper import Left, Reaper
from app.ui.actions import use_action
from app.ui.kit.identified import Identified
from app.ui.texts import counted, text
from app.ui.theme import GAP, SPACE
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer

_SECONDS: Final = 3.0


@ft.component
def PodsBanner(reaper: Reaper) -> ft.Control:
    """Lines at the top of the window as long as something of ours is billed for nothing."""
    left, set_left = ft.use_state(Left())
    use_answer(reaper.left, set_left, on="always", every_seconds=_SECONDS)
    again = use_action(reaper.reap, on_done=set_left)

    if not left.pods and not left.problem:
        return ft.Container(visible=False)
    color = ft.Colors.ON_ERROR_CONTAINER
    lines: list[ft.Control] = [_line(reaper, pod) for pod in left.pods]
    said = _heading(left)
    head = ft.Row(
        [
            ft.Icon(
                ft.Icons.PAYMENTS_OUTLINED,
                color=color,
                size=20,
                semantics_label=text("window.pods.costs_money"),
            ),
            ft.Text(said, color=color, theme_style=ft.TextThemeStyle.TITLE_SMALL, expand=True),
            ft.OutlinedButton(
                text("window.pods.trying") if again.is_busy else text("window.pods.again"),
                on_click=again.run,
                disabled=again.is_busy,
            ),
        ],
        spacing=GAP,
    )
    box = ft.Container(
        ft.Column([head, *lines], spacing=GAP / 2, tight=True),
        bgcolor=ft.Colors.ERROR_CONTAINER,
        padding=ft.Padding.symmetric(horizontal=SPACE, vertical=8),
    )
    return Identified("pods-banner", box, live=True)


def _heading(left: Left) -> str:
    count = len(left.pods)
    if not count:
        return text("window.pods.not_seen", problem=left.problem)
    return counted("window.pods.billing", count, price=money(left.price), problem=left.problem).strip()


def _line(reaper: Reaper, pod: Billing) -> ft.Control:
    color = ft.Colors.ON_ERROR_CONTAINER
    known = pod.pod_id or text("window.pods.no_id")
    said = text("window.pods.pod", name=pod.name, id=known, price=money(pod.price), why=pod.why)
    row: list[ft.Control] = [ft.Text(said, color=color, expand=True)]
    if pod.verdict is Verdict.ASK:
        row.append(keyed(EndPod, f"end-{pod.pod_id}", reaper, pod))
    return ft.Row(row, spacing=GAP)


@ft.component
def EndPod(reaper: Reaper, pod: Billing) -> ft.Control:
    """A pod of ours that no run is known of is ended by a person only."""
    end = use_action(lambda: reaper.end(pod.pod_id), on_done=lambda _: None)
    button = ft.FilledTonalButton(
        text("window.pods.ending") if end.is_busy else text("window.pods.end"),
        on_click=end.run,
        disabled=end.is_busy,
    )
    if end.problem is None:
        return button
    said = f"{end.problem.message} {end.problem.hint}".strip()
    return ft.Row([ft.Text(said, color=ft.Colors.ON_ERROR_CONTAINER), button], spacing=GAP, wrap=True)
