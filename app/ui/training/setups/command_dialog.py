"""The command lines that do what a saved setup says."""

from collections.abc import Callable, Sequence
from typing import cast

import flet as ft

from app.domain.setups import Setup
from app.domain.train_commands import command_of_saved, commands_of_nodes, trainers_command
from app.services.setups import SetupService
from app.ui.actions import use_action
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.fields import Help

_FOLDER = "RUN_FOLDER"


def use_command(setups: SetupService, name: str) -> Callable[[], object]:
    """Returns what opens the dialog."""
    is_open, set_open = ft.use_state(False)
    setup, set_setup = ft.use_state(cast(Setup | None, None))
    action = use_action(lambda: setups.load(name), on_done=set_setup)

    async def open_dialog() -> None:
        set_open(True)
        await action.run()

    dialog = ft.AlertDialog(
        title=ft.Text(text("training.setups.command.title"), theme_style=ft.TextThemeStyle.TITLE_LARGE),
        content=ft.Container(
            ft.Column([ErrorBanner(action.problem), *_body(name, setup)], spacing=GAP, tight=True), width=620
        ),
        scrollable=True,
        actions=[
            ft.TextButton(
                text("training.setups.command.close"), autofocus=True, on_click=lambda: set_open(False)
            )
        ],
        on_dismiss=lambda: set_open(False),
    )
    ft.use_dialog(dialog if is_open else None)
    return open_dialog


def _body(name: str, setup: Setup | None) -> list[ft.Control]:
    nodes = commands_of_nodes(setup.config, _FOLDER) if setup else ()
    lines = [
        Help(text("training.setups.command.starts")),
        _line(command_of_saved(name), text("training.setups.command.the_command")),
        Help(text("training.setups.command.app_runs", folder=_FOLDER)),
        _line(trainers_command(_FOLDER), text("training.setups.command.trainers_command")),
    ]
    return [*lines, *_of_nodes(nodes)]


def _of_nodes(nodes: Sequence[str]) -> list[ft.Control]:
    if not nodes:
        return []
    said = text("training.setups.command.on_each")
    return [
        Help(said),
        *(
            _line(line, text("training.setups.command.command_of_rank", rank=rank))
            for rank, line in enumerate(nodes)
        ),
    ]


def _line(command: str, what: str) -> ft.Control:
    text = ft.Text(command, font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
    return ft.Row([ft.Container(Selectable(text), expand=True), CopyButton(command, what=what)])
