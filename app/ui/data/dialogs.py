"""Rename, tag and delete a session, each by a dialog that stays open until it worked."""

from collections.abc import Callable

import flet as ft

from app.domain.sessions import Session
from app.services.library import LibraryService
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.entered import text_of
from app.ui.kit.text_field import TextField
from app.ui.texts import text


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
        text("data.session.delete_question", name=session.name),
        text("data.session.delete_text"),
        confirm=text("data.session.delete_confirm"),
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
        text("data.session.rename"),
        text("data.session.rename_text"),
        text("data.session.name"),
        text("data.session.save_name"),
        session.name,
        lambda name: library.rename(session.id, name),
        on_changed,
    )


def use_tags(
    library: LibraryService, session: Session, on_changed: Callable[[], object]
) -> Callable[[], None]:
    """Returns what opens the dialog."""
    return _use_line(
        text("data.session.tags"),
        text("data.session.tags_text"),
        text("data.session.tags"),
        text("data.session.save_tags"),
        ", ".join(session.tags),
        lambda tags: library.tag(session.id, tags.split(",")),
        on_changed,
    )


def _use_line(
    title: str,
    said: str,
    label: str,
    confirm: str,
    before: str,
    keep: Callable[[str], Session],
    on_changed: Callable[[], object],
) -> Callable[[], None]:
    """A dialog with one line of text, which begins as `before` each time; returns what opens it."""
    is_open, set_open = ft.use_state(False)
    shown, show = ft.use_state(before)
    typed = ft.use_ref(before)  # a click may come before the last letters are drawn

    def put(value: str) -> None:
        typed.current = value
        show(value)

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
        confirm=confirm,
        on_confirm=save.run,
        on_cancel=lambda: set_open(False),
        is_busy=save.is_busy,
        problem=save.problem,
        is_dangerous=False,
        extra=TextField(label=label, value=shown, autofocus=True, on_change=edit, on_submit=save.run),
    )
    ft.use_dialog(dialog if is_open else None)
    return open_dialog
