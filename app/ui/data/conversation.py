"""One row of a session: question beside answer, or the turns of a conversation as bubbles."""

import json
from collections.abc import Sequence
from typing import Final

import flet as ft

from app.domain.sessions import Message, SessionRow
from app.ui.data.wording import shortened
from app.ui.kit.section import Card
from app.ui.texts import text, text_in
from app.ui.theme import CODE_FONT, GAP, RADIUS

ROLES: Final = ("system", "user", "assistant", "tool", "document")


def role_called(role: str) -> str:
    """Its text; a file may have roles of its own."""
    return text_in("data.row.roles", role) if role in ROLES else role


def RowCard(row: SessionRow, *, controls: Sequence[ft.Control] = ()) -> ft.Control:
    """The row's place and line, and its messages; `controls` stand beside its number."""
    is_pair = [m["role"] for m in row.messages] == ["user", "assistant"]
    number = ft.Text(
        text("data.row.in_line", row=row.position + 1, line=row.source_line)
        if row.source_line
        else text("data.row.typed_in", row=row.position + 1),
        theme_style=ft.TextThemeStyle.LABEL_SMALL,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    head = ft.Row([ft.Container(number, expand=True), *controls], spacing=GAP) if controls else number
    body = _side_by_side(row) if is_pair else _bubbles(row)
    return ft.Container(Card(ft.Column([head, body], spacing=GAP, tight=True), padding=14), key=row.position)


def _side_by_side(row: SessionRow) -> ft.Control:
    question, answer = row.messages
    return ft.ResponsiveRow(
        [
            ft.Container(_message(question), col={"xs": 12, "md": 6}),
            ft.Container(_message(answer), col={"xs": 12, "md": 6}),
        ],
        spacing=20,
        run_spacing=GAP,
    )


def _bubbles(row: SessionRow) -> ft.Control:
    return ft.Column([_bubble(m) for m in row.messages], spacing=GAP, tight=True)


def _bubble(message: Message) -> ft.Control:
    is_answer = message["role"] == "assistant"
    bubble = ft.Container(
        _message(message),
        bgcolor=ft.Colors.PRIMARY_CONTAINER if is_answer else ft.Colors.SURFACE_CONTAINER,
        border_radius=RADIUS,
        padding=12,
        col={"xs": 11, "md": 9},
    )
    return ft.ResponsiveRow(
        [bubble], alignment=ft.MainAxisAlignment.END if is_answer else ft.MainAxisAlignment.START
    )


def _message(message: Message) -> ft.Control:
    role = str(message["role"])
    parts: list[ft.Control] = [
        ft.Text(
            role_called(role),
            theme_style=ft.TextThemeStyle.LABEL_SMALL,
            color=ft.Colors.ON_SURFACE_VARIANT,
        )
    ]
    if message["content"]:
        parts.append(ft.Text(shortened(message["content"])))
    if calls := message.get("tool_calls"):
        shown = json.dumps(calls, ensure_ascii=False, indent=2)
        parts.append(
            ft.Text(shortened(shown), font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
        )
    return ft.Column(parts, spacing=2, tight=True)
