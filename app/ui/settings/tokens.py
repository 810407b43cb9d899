"""Tokens: where each comes from, and a place to keep, test and delete it. None is ever shown."""

from collections.abc import Callable
from typing import cast

import flet as ft

from app.domain.tokens import TokenPlace, TokenState
from app.services.tokens import TokenService
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.labeled_value import LabeledValue
from app.ui.kit.section import Section
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text
from app.ui.texts.words import all_of
from app.ui.theme import GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer


@ft.component
def Tokens(tokens: TokenService, *, is_shown: bool) -> ft.Control:
    """One block a place. Whether there is a keyring is asked when someone looks here."""
    blocked, set_blocked = ft.use_state(cast(str | None, None))
    use_answer(tokens.why_not_kept if is_shown else lambda: None, set_blocked, on=is_shown)
    said = _no_keyring(blocked) if blocked else ""
    return Section(
        text("settings.tokens.title"),
        [
            *([Identified("keyring-problem", ft.Text(said, color=ft.Colors.TERTIARY))] if said else []),
            *(keyed(_Token, place, tokens, place, blocked, is_shown=is_shown) for place in TokenPlace),
        ],
        subtitle=text("settings.tokens.subtitle"),
    )


@ft.component
def _Token(tokens: TokenService, place: TokenPlace, blocked: str | None, *, is_shown: bool) -> ft.Control:
    state, set_state = ft.use_state(cast(TokenState | None, None))
    result, set_result = ft.use_state("")
    is_asking, ask = ft.use_state(False)
    token = use_typed()
    use_answer(lambda: tokens.state(place) if is_shown else None, set_state, on=is_shown)

    def changed(fresh: TokenState) -> None:
        token.put("")
        set_result("")
        ask(False)
        set_state(fresh)

    keep = use_action(lambda: tokens.keep(place, token.now()), on_done=changed)
    delete = use_action(lambda: tokens.delete(place), on_done=changed)
    test = use_action(lambda: tokens.test(place), on_done=set_result)
    ft.use_dialog(
        ConfirmDialog(
            text("settings.tokens.delete_question", place=place.label),
            text("settings.tokens.delete_text"),
            confirm=text("settings.tokens.delete_confirm"),
            on_confirm=delete.run,
            on_cancel=lambda: ask(False),
            is_busy=delete.is_busy,
            problem=delete.problem,
        )
        if is_asking
        else None
    )
    is_busy = keep.is_busy or test.is_busy
    field = TextField(
        label=text("settings.tokens.new", place=place.label),
        value=token.shown,
        password=True,
        disabled=blocked is None or bool(blocked),
        helper=text("settings.tokens.from", page=place.page),
        on_change=token.edit,
        on_submit=keep.run,
        expand=True,
    )
    buttons = Wrap(
        [
            ft.OutlinedButton(
                text("settings.tokens.keep", place=place.label),
                disabled=is_busy or not token.shown.strip(),
                on_click=keep.run,
            ),
            ft.OutlinedButton(
                text("settings.tokens.test", place=place.label),
                icon=ft.Icons.NETWORK_CHECK,
                disabled=is_busy or state is None or state.source == "none",
                on_click=test.run,
            ),
            ft.TextButton(
                text("settings.tokens.delete", place=place.label),
                icon=ft.Icons.DELETE_OUTLINE,
                disabled=is_busy or state is None or not state.is_kept,
                on_click=lambda: ask(True),
            ),
        ]
    )
    said = text("settings.tokens.testing") if test.is_busy else result
    return ft.Column(
        [
            Identified(
                f"token-{place}",
                LabeledValue(place.label, state.text if state else text("settings.tokens.looking")),
                live=True,
            ),
            ft.Row([field]),
            buttons,
            Identified(f"token-test-{place}", Help(said), live=True),
            ErrorBanner(keep.problem or test.problem, on_dismiss=_both(keep.dismiss, test.dismiss)),
        ],
        spacing=GAP,
        tight=True,
    )


def _no_keyring(why: str) -> str:
    variables = all_of([place.variables[0] for place in TokenPlace])
    return text("settings.tokens.no_keyring", why=why, variables=variables)


def _both(*dismissals: Callable[[], None]) -> Callable[[], None]:
    def dismiss() -> None:
        for each in dismissals:
            each()

    return dismiss
