"""Put a text on the clipboard."""

import flet as ft

from app.ui.kit.icon_action import IconAction
from app.ui.texts import text


def CopyButton(said: str, *, what: str) -> ft.Control:
    """An icon that copies `said` and says so. `what` completes "Copy …"."""

    async def copy() -> None:
        await ft.Clipboard().set(said)
        ft.context.page.show_dialog(ft.SnackBar(text("window.kit.copied", what=what), duration=2000))

    return IconAction(ft.Icons.CONTENT_COPY, text("window.kit.copy", what=what), copy, size=18)
