"""What the parts of the run view can do with it, in one thing that stays the same while the run ticks."""

from collections.abc import Callable
from typing import Any

from app.domain.runs import Run
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.training.beginner.cloned import Opened


class Hands:
    """Parts that are drawn only when something changes get this instead of functions made at each render."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.training = services.training
        self.on_changed: Callable[[], None] = _nothing
        self.on_started: Callable[[Run], Any] = _nothing
        self.on_setup: Callable[[Setup], Opened] = lambda _: Opened("", _no, _no)
        """Puts a setup made of the run into the form."""


def _nothing(*_: object) -> None:
    pass


def _no() -> bool:
    return False
