"""Put a text on the clipboard."""

import flet as ft


def CopyButton(text: str, *, what: str) -> ft.Control:
    """An icon that copies `text` and says so. `what` completes "Copy …"."""

    async def copy() -> None:
        await ft.Clipboard().set(text)
        ft.context.page.show_dialog(ft.SnackBar(f"Copied {what}.", duration=2000))

    return ft.IconButton(ft.Icons.CONTENT_COPY, tooltip=f"Copy {what}", icon_size=18, on_click=copy)
