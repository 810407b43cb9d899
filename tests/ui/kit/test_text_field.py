from pathlib import Path

import flet as ft

from app.ui.kit import text_field
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from tests.ui.harness import Screen, mounted

APP = Path(text_field.__file__).parents[2]


@ft.component
def _Form():
    typed = use_typed()
    drawn, draw = ft.use_state(0)
    refused, _ = ft.use_state("5")
    return ft.Column(
        [
            TextField(label="Typed", value=typed.shown, on_change=typed.edit),
            TextField(label="Refusing", value=refused, on_change=lambda _: draw(drawn + 1)),
            TextField(label="Nobody listens"),
            ft.Text(f"drawn {drawn} {typed.now()}"),
            ft.Button("Draw anew", on_click=lambda: draw(drawn + 1)),
            ft.Button("Clear", on_click=lambda: typed.put("")),
        ]
    )


def _shown(screen: Screen, label: str) -> str:
    return screen.find(TextField, label).value


async def test_a_letter_the_program_was_not_told_of_yet_is_not_taken_back():
    async with mounted(_Form) as screen:
        field = screen.find(TextField, "Typed")
        screen.put_in(field, "ab")  # the window is a letter further than the event that now comes
        await screen.fire(field, "change", "a")
        assert _shown(screen, "Typed") == "ab"
        screen.put_in(screen.find(TextField, "Typed"), "abc")
        await screen.click("Draw anew")

        assert _shown(screen, "Typed") == "abc"
        await screen.fire(screen.find(TextField, "Typed"), "change", "abc")
        assert "drawn 1 abc" in screen.text()


async def test_what_the_program_puts_in_or_refuses_replaces_what_was_typed():
    async with mounted(_Form) as screen:
        await screen.type("Typed", "a question")
        await screen.click("Clear")
        await screen.type("Refusing", "5x")

        assert (_shown(screen, "Typed"), _shown(screen, "Refusing")) == ("", "5")


async def test_what_was_typed_where_nobody_listens_stays_when_the_view_is_drawn_anew():
    async with mounted(_Form) as screen:
        screen.put_in(screen.find(TextField, "Nobody listens"), "12")
        await screen.click("Draw anew")

        assert _shown(screen, "Nobody listens") == "12"


def test_no_view_takes_the_field_that_takes_letters_back():
    views = [path for path in APP.rglob("*.py") if path != Path(text_field.__file__)]

    assert [path.name for path in views if "ft.TextField(" in path.read_text(encoding="utf-8")] == []
