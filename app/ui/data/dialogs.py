"""Rename, tag and delete a session, each by a dialog that stays open until it worked."""

from collections.abc import Callable

import flet as ft

from app.domain.sessions import Session
from app.services.library import LibraryService
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.entered import text_of


def use_delete(
    library: LibraryService, session: Session, on_changed: Callable[[], object]
) -> Callable[[], None]:
    """Returns what opens the dialog."""
    is_open, set_open = ft.use_state(False)

    def done(_: None) -> None:
        set_open(False)
        on_changed()

    delete = use_action(lambda: library.delete(session.id), on_done=done)
    dialog = ConfirmDialog(
        f"Delete “{session.name}”?",
        "It can be brought back for a week, under Recently deleted; then its rows are removed from this"
        " computer. Runs that used it keep their own copy of what they saw.",
        confirm="Delete",
        on_confirm=delete.run,
        on_cancel=lambda: set_open(False),
        is_busy=delete.is_busy,
        problem=delete.problem,
    )
    ft.use_dialog(dialog if is_open else None)
    return lambda: set_open(True)


def use_rename(
    library: LibraryService, session: Session, on_changed: Callable[[], object]
) -> Callable[[], None]:
    """Returns what opens the dialog."""
    return _use_line(
        "Rename session",
        "Runs that used it keep the name it had.",
        "Name",
        session.name,
        lambda text: library.rename(session.id, text),
        on_changed,
    )


def use_tags(
    library: LibraryService, session: Session, on_changed: Callable[[], object]
) -> Callable[[], None]:
    """Returns what opens the dialog."""
    return _use_line(
        "Tags",
        "Words to find this session by, with commas between them.",
        "Tags",
        ", ".join(session.tags),
        lambda text: library.tag(session.id, text.split(",")),
        on_changed,
    )


def _use_line(
    title: str,
    said: str,
    label: str,
    before: str,
    keep: Callable[[str], Session],
    on_changed: Callable[[], object],
) -> Callable[[], None]:
    """A dialog with one line of text, which begins as `before` each time; returns what opens it."""
    is_open, set_open = ft.use_state(False)
    text, set_text = ft.use_state(before)
    typed = ft.use_ref(before)  # a click may come before the last letters are drawn

    def put(value: str) -> None:
        typed.current = value
        set_text(value)

    def done(_: Session) -> None:
        set_open(False)
        on_changed()

    def open_dialog() -> None:
        put(before)
        set_open(True)

    def edit(event: ft.Event[ft.TextField]) -> None:
        put(text_of(event))

    save = use_action(lambda: keep(typed.current or ""), on_done=done)
    dialog = ConfirmDialog(
        title,
        said,
        confirm=f"Save {label.lower()}",
        on_confirm=save.run,
        on_cancel=lambda: set_open(False),
        is_busy=save.is_busy,
        problem=save.problem,
        is_dangerous=False,
        extra=ft.TextField(label=label, value=text, autofocus=True, on_change=edit, on_submit=save.run),
    )
    ft.use_dialog(dialog if is_open else None)
    return open_dialog
