"""Find and replace in all rows: first how many would change and how, then the change."""

from collections.abc import Callable
from typing import cast

import flet as ft

from app.domain.edits import Preview, Replacement
from app.domain.sessions import Session
from app.services.editing import EditingService
from app.ui.data.wording import rows, shortened
from app.ui.data.working import WorkStatus, counting, use_work
from app.ui.kit.entered import is_on
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text
from app.ui.theme import GAP


def use_replacing(
    editing: EditingService, session: Session, on_done: Callable[[Session], None]
) -> Callable[[], None]:
    """Returns what opens the dialog."""
    is_open, set_open = ft.use_state(False)
    find, put = use_typed(), use_typed()
    match_case, set_match_case = ft.use_state(True)
    preview, set_preview = ft.use_state(cast(tuple[Session, Replacement, Preview] | None, None))
    work = use_work()

    def wish() -> Replacement:
        return Replacement(find.now(), put.now(), match_case=match_case)

    async def look() -> None:
        asked = wish()
        set_preview(None)
        await work.run(
            lambda tell: editing.preview_replace(session, asked, counting(tell, "looked_at")),
            lambda found: set_preview((session, asked, found)),
        )

    def replaced(after: Session) -> None:
        close()
        on_done(after)

    async def replace() -> None:
        if preview is not None:
            seen, asked, _ = preview
            await work.run(lambda tell: editing.replace(seen, asked, counting(tell, "done")), replaced)

    def close() -> None:
        work.cancel()
        set_open(False)
        set_preview(None)

    count = preview[2].row_count if preview else 0
    dialog = ft.AlertDialog(
        title=ft.Text(text("data.rows.replace.title"), theme_style=ft.TextThemeStyle.TITLE_LARGE),
        content=ft.Container(
            ft.Column(
                [
                    TextField(
                        label=text("data.rows.replace.find"),
                        value=find.shown,
                        on_change=find.edit,
                        autofocus=True,
                    ),
                    TextField(
                        label=text("data.rows.replace.put"),
                        value=put.shown,
                        on_change=put.edit,
                        on_submit=look,
                    ),
                    ft.Switch(
                        label=text("data.rows.replace.match_case"),
                        value=match_case,
                        on_change=lambda event: set_match_case(is_on(event)),
                    ),
                    WorkStatus(work, identifier="replace-progress"),
                    _examples(preview[2] if preview else None),
                ],
                spacing=GAP * 1.5,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            width=560,
        ),
        scrollable=True,
        actions=[
            ft.TextButton(text("data.rows.replace.cancel"), on_click=close),
            ft.OutlinedButton(text("data.rows.replace.preview"), disabled=work.is_busy, on_click=look),
            ft.FilledButton(
                text("data.rows.replace.confirm_rows", rows=rows(count))
                if count
                else text("data.rows.replace.confirm"),
                disabled=work.is_busy or not count,
                on_click=replace,
            ),
        ],
        on_dismiss=close,
    )
    ft.use_dialog(dialog if is_open else None)
    return lambda: set_open(True)


def _examples(preview: Preview | None) -> ft.Control:
    if preview is None:
        return ft.Text(text("data.rows.replace.first_preview"))
    lines: list[ft.Control] = [ft.Text(text("data.rows.replace.would_change", rows=rows(preview.row_count)))]
    for example in preview.examples:
        lines += [
            ft.Text(
                text("data.rows.replace.row", row=example.position + 1),
                theme_style=ft.TextThemeStyle.LABEL_MEDIUM,
            ),
            ft.Text(
                text("data.rows.replace.now", now=shortened(example.before, 200)),
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
            ft.Text(text("data.rows.replace.then", then=shortened(example.after, 200))),
        ]
    return Identified("replace-preview", ft.Column(lines, spacing=4, tight=True), live=True)
