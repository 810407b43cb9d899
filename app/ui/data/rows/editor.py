"""Change one row, or make a new one: who says what, and whether all of it is learnt."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

import flet as ft

from app.domain.edits import unmasked
from app.domain.finding import is_unmasked
from app.domain.sessions import Message, Session
from app.ui.data.conversation import ROLES, role_called
from app.ui.data.wording import shortened
from app.ui.data.working import WorkStatus, counting, use_work
from app.ui.kit.entered import is_on, text_of
from app.ui.kit.icon_action import IconAction
from app.ui.kit.text_field import TextField
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.fields import Choice

NEW: Final[tuple[Message, ...]] = ({"role": "user", "content": ""}, {"role": "assistant", "content": ""})

Save = Callable[[Sequence[Message], Callable[[int], None]], Session]
"""Stores the messages; tells how many rows of the session are hashed."""


def use_row_editor(
    title: str, messages: Sequence[Message] | None, save: Save, on_saved: Callable[[Session], None],
    on_close: Callable[[], None],
) -> None:  # fmt: skip
    """Show the dialog while there are `messages`; it stays open until the row is stored or given up.

    What is typed is kept in a reference: a field that is drawn anew at every key loses letters.
    """
    draft = ft.use_ref(cast(list[Message], []))
    shown_for = ft.use_ref(cast(Sequence[Message] | None, None))
    _, redraw = ft.use_state(0)
    if messages is not None and shown_for.current is not messages:
        draft.current = [dict(message) for message in messages]
    shown_for.current = messages
    rows = draft.current or []

    def done(session: Session) -> None:
        on_close()
        on_saved(session)

    work = use_work()

    async def store() -> None:
        stored = tuple(draft.current or [])
        await work.run(lambda tell: save(stored, counting(tell, "hashed")), done)

    def close() -> None:
        work.cancel()
        work.forget()
        on_close()

    def write(at: int, event: ft.Event[Any]) -> None:
        rows[at]["content"] = text_of(event)

    def again() -> None:
        redraw(lambda n: n + 1)

    def speak_as(at: int, role: str) -> None:
        rows[at]["role"] = role
        again()

    def remove(at: int) -> None:
        del rows[at]
        again()

    def add() -> None:
        last = rows[-1]["role"] if rows else "assistant"
        rows.append({"role": "assistant" if last == "user" else "user", "content": ""})
        again()

    def learn(event: ft.Event[ft.Switch]) -> None:
        rows[:] = unmasked(rows, unmask=is_on(event))
        again()

    fields = [
        _message(
            at, m, on_role=partial(speak_as, at), on_text=partial(write, at), on_remove=partial(remove, at)
        )
        for at, m in enumerate(rows)
    ]
    body: list[ft.Control] = [
        *fields,
        ft.Row([ft.TextButton(text("data.rows.editor.add_message"), icon=ft.Icons.ADD, on_click=add)]),
        ft.Switch(label=text("data.rows.editor.learn_every"), value=is_unmasked(rows), on_change=learn),
        WorkStatus(work, identifier="row-progress"),
    ]
    dialog = ft.AlertDialog(
        title=ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_LARGE),
        content=ft.Container(
            ft.Column(
                body, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
            ),
            width=640,
        ),
        scrollable=True,
        actions=[
            ft.TextButton(text("data.rows.editor.cancel"), on_click=close),
            ft.FilledButton(text("data.rows.editor.save"), disabled=work.is_busy, on_click=store),
        ],
        on_dismiss=close,
    )
    ft.use_dialog(dialog if messages is not None else None)


def _message(
    at: int,
    message: Message,
    *,
    on_role: Callable[[str], None],
    on_text: Callable[[ft.Event[Any]], None],
    on_remove: Callable[[], None],
) -> ft.Control:
    number = at + 1
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Container(
                    Choice(
                        f"role-{number}",
                        text("data.rows.editor.role_of", number=number),
                        str(message["role"]),
                        [(role, role_called(role)) for role in ROLES],
                        on_role,
                    ),
                    width=200,
                ),
                IconAction(
                    ft.Icons.DELETE_OUTLINE, text("data.rows.editor.delete_message", number=number), on_remove
                ),
            ]
        ),
        TextField(
            label=text("data.rows.editor.text_of", number=number),
            value=message["content"],
            multiline=True,
            min_lines=2,
            max_lines=10,
            on_change=on_text,
        ),
    ]
    if calls := message.get("tool_calls"):
        parts.append(
            ft.Text(
                text("data.rows.editor.calls", calls=shortened(str(calls), 300)),
                font_family=CODE_FONT,
                theme_style=ft.TextThemeStyle.BODY_SMALL,
            )
        )
    return ft.Column(
        parts,
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        key=f"{id(message)}",
    )
