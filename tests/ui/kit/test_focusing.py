from dataclasses import dataclass

from app.ui.kit.focusing import FocusPlace


@dataclass
class Button:
    """Takes the focus at the third time: by then the client has drawn it."""

    place: FocusPlace
    asked: int = 0

    async def focus(self) -> None:
        self.asked += 1
        if self.asked == 3:
            self.place.on_focus(None)


async def test_the_focus_is_asked_for_until_the_button_has_it():
    place = FocusPlace()
    button = Button(place)
    place.ref.current = button

    await place.take()

    assert button.asked == 3
