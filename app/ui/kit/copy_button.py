"""Put a text on the clipboard."""

import flet as ft

from app.ui.kit.icon_action import IconAction


def CopyButton(text: str, *, what: str) -> ft.Control:
    """An icon that copies `text` and says so. `what` completes "Copy …"."""

    async def copy() -> None:
        await ft.Clipboard().set(text)
        ft.context.page.show_dialog(ft.SnackBar(f"Copied {what}.", duration=2000))

    return IconAction(ft.Icons.CONTENT_COPY, f"Copy {what}", copy, size=18)
