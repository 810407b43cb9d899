"""What can be done with a saved setup besides loading it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import cast

import flet as ft

from app.domain.errors import StudioError
from app.domain.saved_setups import SavedSetup, SetupNameTakenError
from app.paths import Paths
from app.services.setups import SetupService
from app.ui.actions import Problem, problem_of, use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.training.draft import TrainingDraft
from app.ui.training.mounting import Unwatched
from app.ui.training.saving import offer_bytes
from app.ui.training.setups.command_dialog import use_command
from app.ui.training.setups.comparing import use_comparing
from app.ui.training.setups.naming import Naming, use_naming
from app.ui.training.setups.recipes import Used, use_recipes
from app.ui.training.setups.save_setup import saved_words, use_saving

log = logging.getLogger(__name__)

Tell = Callable[[str], None]


@ft.component
def SetupMenu(
    setups: SetupService,
    kept: Unwatched[TrainingDraft],
    name: str,
    saved: Sequence[SavedSetup],
    *,
    on_refresh: Callable[[], object],
    on_recipe: Used,
    tell: Tell,
) -> ft.Control:
    """Without a `name` only what needs none."""
    draft = kept.value
    problem, set_problem = ft.use_state(cast(Problem | None, None))

    def changed(text: str, new_name: str) -> None:
        draft.setup_name = new_name
        draft.setups_version += 1
        tell(text)

    rename = use_naming(
        Naming(
            text("training.setups.rename"), text("training.setups.rename_text"),
            text("training.setups.rename_confirm"),
            lambda new, _: setups.rename(name, new), may_replace=False,
        ),
        lambda one: changed(text("training.setups.renamed", old=name, new=one.name), one.name),
    )  # fmt: skip
    delete = _use_delete(setups, name, lambda: changed(text("training.setups.deleted", name=name), ""))
    compare = use_comparing(setups, draft, name, saved)
    command = use_command(setups, name)
    recipes = use_recipes(draft, on_recipe)
    save = use_saving(setups, draft, tell)

    async def guarded(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            set_problem(problem_of(error))

    async def export() -> None:
        async def work() -> None:
            text = await asyncio.to_thread(setups.exported, name, "it.json")
            tell(await offer_bytes(text.encode(), _file_name(name), Paths.from_environment().exports))

        await guarded(work)

    def taken(one: SavedSetup) -> None:
        changed(saved_words(one), one.name)

    picked = ft.use_ref(cast(ft.FilePickerFile | None, None))
    ask_for_name = use_naming(
        Naming(
            text("training.setups.take_title"), text("training.setups.take_text"),
            text("training.setups.save"),
            lambda new, replace: _take(setups, _there(picked.current), new, replace=replace),
            begins_taken=True,
        ),
        taken,
    )  # fmt: skip

    async def take() -> None:
        async def work() -> None:
            picked.current = file = await _picked()
            if file is None:
                return
            try:
                taken(await asyncio.to_thread(_take, setups, file))
            except SetupNameTakenError:
                ask_for_name(Path(file.name).stem)

        await guarded(work)

    def item(
        label: str, icon: ft.IconData, on_click: Callable[[], object], *, needs: bool = True
    ) -> ft.PopupMenuItem:
        return ft.PopupMenuItem(content=label, icon=icon, on_click=on_click, disabled=needs and not name)

    items = [
        item(text("training.setups.menu.save"), ft.Icons.BOOKMARK_ADD_OUTLINED, save.run, needs=False),
        item(text("training.setups.menu.recipes"), ft.Icons.MENU_BOOK_OUTLINED, recipes, needs=False),
        item(text("training.setups.menu.compare"), ft.Icons.COMPARE_ARROWS, compare),
        item(text("training.setups.menu.command"), ft.Icons.TERMINAL, command),
        item(text("training.setups.menu.rename"), ft.Icons.EDIT_OUTLINED, lambda: rename(name)),
        item(text("training.setups.menu.save_file"), ft.Icons.DOWNLOAD, export),
        item(text("training.setups.menu.take_file"), ft.Icons.UPLOAD_FILE, take, needs=False),
        item(text("training.setups.menu.refresh"), ft.Icons.REFRESH, on_refresh, needs=False),
        item(text("training.setups.menu.delete"), ft.Icons.DELETE_OUTLINE, delete),
    ]
    button = ft.PopupMenuButton(icon=ft.Icons.MORE_VERT, tooltip=text("training.setups.more"), items=items)
    _use_problem(problem, lambda: set_problem(None))
    _use_problem(save.problem, save.dismiss)
    return Identified("setup-menu", button, label=text("training.setups.more"))


def _use_problem(problem: Problem | None, close: Callable[[], object]) -> None:
    dialog = ft.AlertDialog(
        content=ft.Container(ErrorBanner(problem), width=420),
        actions=[ft.TextButton(text("training.setups.close"), autofocus=True, on_click=close)],
        on_dismiss=close,
    )
    ft.use_dialog(dialog if problem else None)


def _use_delete(setups: SetupService, name: str, on_done: Callable[[], None]) -> Callable[[], None]:
    is_open, set_open = ft.use_state(False)

    def done(_: SavedSetup) -> None:
        set_open(False)
        on_done()

    action = use_action(lambda: setups.delete(name), on_done=done)
    dialog = ConfirmDialog(
        text("training.setups.delete_question", name=name),
        text("training.setups.delete_text"),
        confirm=text("training.setups.delete_confirm"),
        on_confirm=action.run,
        on_cancel=lambda: set_open(False),
        is_busy=action.is_busy,
        problem=action.problem,
    )
    ft.use_dialog(dialog if is_open else None)
    return lambda: set_open(True)


async def _picked() -> ft.FilePickerFile | None:
    """What a person chose. Raises StudioError."""
    try:
        files = await ft.FilePicker().pick_files(
            dialog_title=text("training.setups.choose_file"),
            allowed_extensions=["toml", "json"],
            with_data=True,
        )
    except Exception as error:  # no dialog on this desktop (Linux needs zenity)
        log.warning("The file dialog could not be opened: %s", error)
        raise StudioError(
            text("training.setups.no_dialog"), text("training.setups.no_dialog_hint")
        ) from error
    return files[0] if files else None


def _there(file: ft.FilePickerFile | None) -> ft.FilePickerFile:
    assert file is not None  # a name is asked for once a file was chosen
    return file


def _take(
    setups: SetupService, file: ft.FilePickerFile, name: str = "", *, replace: bool = False
) -> SavedSetup:
    if file.path:
        return setups.import_file(Path(file.path), name, replace=replace)
    try:
        return setups.import_text((file.bytes or b"").decode(), file.name, name, replace=replace)
    except UnicodeDecodeError as error:
        raise StudioError(
            text("training.setups.not_text", file=file.name), text("training.setups.not_text_hint")
        ) from error


def _file_name(name: str) -> str:
    """One that every file system takes."""
    kept = "".join(c if c.isalnum() or c in "-_ " else "-" for c in name).strip()
    return f"{kept or 'setup'}.json"
