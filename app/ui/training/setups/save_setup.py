"""“Save setup”, next to Start."""

from collections.abc import Callable

import flet as ft

from app.domain.errors import StudioError
from app.domain.saved_setups import SavedSetup
from app.domain.setups import Setup
from app.services.setups import SetupService
from app.ui.actions import Action, use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import COMPACT, GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help, Wrap
from app.ui.training.mounting import Unwatched
from app.ui.training.setups.naming import Naming, use_naming


def use_saving(setups: SetupService, draft: TrainingDraft, say: Callable[[str], None]) -> Action:
    """Returns what suggests a name and asks for it; then the form is saved, and `say` is told under which."""

    def done(saved: SavedSetup) -> None:
        draft.setup_name = saved.name
        draft.setups_version += 1
        say(saved_words(saved))

    naming = Naming(
        text("training.setups.save"),
        text("training.setups.save_text"),
        text("training.setups.save"),
        lambda name, replace: setups.save(name, current(draft), replace=replace),
    )
    open_dialog = use_naming(naming, done)
    return use_action(lambda: draft.setup_name or setups.suggested_name(current(draft)), on_done=open_dialog)


@ft.component
def SaveSetup(setups: SetupService, kept: Unwatched[TrainingDraft]) -> ft.Control:
    """The button, and what became of it. A form that lacks something says what."""
    said, say = ft.use_state("")
    suggest = use_saving(setups, kept.value, say)
    button = ft.TextButton(
        text("training.setups.save"),
        icon=ft.Icons.BOOKMARK_ADD_OUTLINED,
        style=COMPACT,
        on_click=suggest.run,
        disabled=suggest.is_busy,
    )
    return ft.Column(
        [
            ErrorBanner(suggest.problem, on_dismiss=suggest.dismiss),
            Wrap([button, Identified("setup-saved", Help(said), live=True)]),
        ],
        spacing=GAP,
        tight=True,
    )


def saved_words(saved: SavedSetup) -> str:
    """Under which name, and what was left out."""
    if saved.left_out:
        return text("training.setups.saved_without", name=saved.name, left_out=", ".join(saved.left_out))
    return text("training.setups.saved_as", name=saved.name)


def current(draft: TrainingDraft) -> Setup:
    """The form as a setup. Raises StudioError if it is not complete."""
    if missing := draft.missing():
        raise StudioError(
            text("training.setups.incomplete", missing=missing.rstrip(".…")),
            text("training.setups.incomplete_hint"),
        )
    return draft.to_setup()
