"""A text field that never takes back what is being typed.

Flet 1.0.5 sends a field's `value` to the window whenever it differs from what the window last told. If the
view is drawn anew between two keys, that is the text without the last one: the next key goes after it.
"""

import flet as ft
from flet.utils.object_model import patch_dataclass


class TextField(ft.TextField):
    """`ft.TextField`, whose `value` goes to the window only if the program chose another than was typed."""

    _known: str
    """What the program last gave or was told. The window may be some keys further."""

    def init(self) -> None:
        self._known = self.value

    def before_event(self, e: ft.ControlEvent) -> bool:
        if e.name == "change":
            self._known = str(e.data or "")
        elif e.name in ("submit", "blur") and e.data is not None:  # all that one without `on_change` tells
            self._known = str(e.data)
        return bool(super().before_event(e))

    def _migrate_state(self, other: ft.BaseControl) -> None:
        super()._migrate_state(other)
        if isinstance(other, TextField) and self.value == other._known and self.value != other.value:
            patch_dataclass(self, {"value": other.value})
