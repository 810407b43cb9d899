"""One piece of advice beside the chart, with a button for each thing that can be done about it."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import flet as ft

from app.domain.coach import Advice, Finish, NewRun, Show
from app.domain.runs import Run
from app.domain.setups import Setup
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP, RADIUS
from app.ui.training.beginner.cloned import Opened
from app.ui.training.fields import Help, Wrap
from app.ui.training.run.hands import Hands
from trainer_image.config import RunConfig


@ft.component
def AdviceCard(run: Run, advice: Advice, hands: Hands, on_show: Callable[[str], None]) -> ft.Control:
    """Advice, not an alarm: the run goes on until somebody presses a button."""
    said, say = ft.use_state("")
    opened, open_form = ft.use_state(cast(Opened | None, None))
    wanted = ft.use_ref(run.config)

    def loaded(setup: Setup) -> None:
        open_form(hands.on_setup(setup))

    def finishing(_: Run) -> None:
        say(text("training.run.advice.ends_soon"))
        hands.on_changed()

    finish = use_action(lambda: hands.training.finish_now(run.id), on_done=finishing)
    copy = use_action(lambda: hands.training.setup_of(run, wanted.current), on_done=loaded)

    async def open_copy(config: RunConfig) -> None:
        wanted.current = config
        await copy.run()

    def button(step: Finish | NewRun | Show) -> ft.Control:
        match step:
            case Finish():
                return _button(step.label, ft.Icons.FLAG_OUTLINED, finish.run, is_off=finish.is_busy)
            case NewRun():
                handler = partial(open_copy, step.config)
                return _button(step.label, ft.Icons.CONTENT_COPY, handler, is_off=copy.is_busy)
            case Show():
                return _button(step.label, ft.Icons.SHOW_CHART, partial(on_show, step.chart))

    failed = next((action for action in (finish, copy) if action.problem), None)
    lines: list[ft.Control] = [
        ft.Text(advice.title, theme_style=ft.TextThemeStyle.TITLE_SMALL),
        ft.Text(advice.text),
    ]
    if advice.steps:
        lines.append(Wrap([button(step) for step in advice.steps]))
    if failed:
        lines.append(ErrorBanner(failed.problem, on_dismiss=failed.dismiss))
    if said:
        lines.append(Identified("advice-done", Help(said), live=True))
    if opened:
        lines.append(InForm("advice-done", opened, lambda: open_form(None)))
    return Identified(
        f"advice-{advice.rule}", NoteBox(lines, ft.Icons.LIGHTBULB_OUTLINE, text("training.run.advice.title"))
    )


def _button(
    label: str, icon: ft.IconData, on_click: Callable[[], Any], *, is_off: bool = False
) -> ft.Control:
    return ft.OutlinedButton(label, icon=icon, on_click=on_click, disabled=is_off)


@ft.component
def InForm(identifier: str, opened: Opened, on_undone: Callable[[], None], *, said: str = "") -> ft.Control:
    """That a copy is in the form now (or `said`), and what was there before can come back."""
    _, redraw = ft.use_state(0)

    def undo() -> None:
        if opened.undo():
            on_undone()
        else:  # something else was put into the form after this was drawn
            redraw(lambda n: n + 1)

    if not opened.can_undo():
        return Identified(identifier, Help(text("training.setups.undo_gone")), live=True)
    said = f"{said or text('training.run.advice.in_form')} {opened.said}".strip()
    button = ft.TextButton(text("training.setups.undo"), icon=ft.Icons.UNDO, on_click=undo)
    return Wrap([Identified(identifier, Help(said), live=True), Identified(f"{identifier}-undo", button)])


def NoteBox(lines: list[ft.Control], icon: ft.IconData, kind: str) -> ft.Control:
    """A quiet box with an icon; `kind` is what a screen reader calls it."""
    text = ft.Column(
        lines, spacing=GAP / 2, tight=True, expand=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )
    return ft.Container(
        ft.Row(
            [ft.Icon(icon, semantics_label=kind, color=ft.Colors.TERTIARY), text],
            vertical_alignment=ft.CrossAxisAlignment.START,
            spacing=12,
        ),
        bgcolor=ft.Colors.SURFACE_CONTAINER,
        border_radius=RADIUS,
        padding=14,
    )
