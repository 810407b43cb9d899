"""The saved setups, at the top of the form: choose one, load it, look after it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import flet as ft

from app.domain.recipes import Recipe
from app.domain.saved_setups import SavedSetup
from app.domain.setups import Setup
from app.services.setups import SetupService
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.section import Card
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice, Help, Toggle, Wrap
from app.ui.training.mounting import Unwatched, drawn, keyed
from app.ui.training.setups.menu import SetupMenu
from app.ui.training.watching import use_answer


def SavedSetups(setups: SetupService, draft: TrainingDraft, *, is_shown: bool) -> ft.Control:
    """Drawn anew only when what it shows of the form changes."""
    depends = (is_shown, draft.target, draft.setups_version, draft.setup_name, draft.chosen_setup)
    return drawn(
        "setups", depends, lambda: keyed(_Saved, "saved", setups, Unwatched(draft), is_shown=is_shown)
    )


@ft.component
def _Saved(setups: SetupService, kept: Unwatched[TrainingDraft], *, is_shown: bool) -> ft.Control:
    """Asks for the list when it is shown and whenever one was changed; Refresh asks again."""
    draft = kept.value
    saved, set_saved = ft.use_state(cast(Sequence[SavedSetup], ()))
    only_target, set_only = ft.use_state(False)
    refreshed, refresh = ft.use_state(0)
    outcome, tell = ft.use_state(cast("Outcome | None", None))
    target = draft.target if only_target else None
    use_answer(
        lambda: tuple(setups.saved(target)),
        set_saved,
        on=(is_shown, target, draft.setups_version, refreshed),
    )
    chosen = draft.chosen_setup  # kept there: a window that becomes narrow or wide mounts this anew
    name = chosen if any(one.name == chosen for one in saved) else ""
    name = name or next((one.name for one in saved if one.name == draft.setup_name), "")

    def used(recipe: Recipe, before: Mapping[str, Any]) -> None:
        tell((text("training.setups.follows", title=recipe.title), (), before))

    def told(said: str) -> None:
        tell((said, (), {}))

    def loaded(found: tuple[Setup, Sequence[str]]) -> None:
        before = draft.everything()
        draft.load(found[0])
        draft.setup_name = name
        tell((text("training.setups.loaded", name=name), tuple(found[1]), before))

    load = use_action(lambda: _load(setups, name), on_done=loaded)
    is_empty = not saved and not only_target
    # Mounted once: what was begun in it, like the choice of a file, would be lost when the list comes.
    menu = keyed(
        SetupMenu, "menu", setups, kept, name, saved, on_refresh=lambda: refresh(refreshed + 1),
        on_recipe=used, tell=told,
    )  # fmt: skip
    field = Choice(
        "saved-setup", text("training.setups.saved"), name, [(one.name, _line(one)) for one in saved],
        partial(setattr, draft, "chosen_setup"),
        hint=text("training.setups.choose"),
    )  # fmt: skip
    first = Help(text("training.setups.empty")) if is_empty else field
    button = ft.FilledTonalButton(text("training.setups.load"), disabled=not name, on_click=load.run)
    row: list[ft.Control] = [
        ft.Container(first, expand=True),
        ft.Container(Identified("load-setup", button), visible=not is_empty),
        menu,
    ]
    more: list[ft.Control] = []
    if not is_empty:
        more = [
            Toggle(text("training.setups.only_target"), only_target, set_only),
            ErrorBanner(load.problem, on_dismiss=load.dismiss),
        ]
    lines = [ft.Row(row), *more, *_said(draft, outcome, tell)]
    return Card(ft.Column(lines, spacing=0 if is_empty else GAP, tight=True), padding=8 if is_empty else 12)


Outcome = tuple[str, Sequence[str], Mapping[str, Any]]
"""What was done, what of it is missing here, and the form as it was before."""


def _load(setups: SetupService, name: str) -> tuple[Setup, Sequence[str]]:
    setup = setups.load(name)
    return setup, setups.missing(setup)


def _said(draft: TrainingDraft, outcome: Outcome | None, tell: Any) -> list[ft.Control]:
    if outcome is None:
        return []
    said, missing, before = outcome

    def undo() -> None:
        is_done = draft.undo(before)
        tell(None if is_done else (text("training.setups.undo_gone"), (), {}))

    lines: list[ft.Control] = [Identified("setup-outcome", Help(said), live=True)]
    if before and draft.can_undo(before):
        lines.append(ft.TextButton(text("training.setups.undo"), icon=ft.Icons.UNDO, on_click=undo))
    lines.append(
        IconAction(ft.Icons.CLOSE, text("training.setups.close_message"), lambda: tell(None), size=16)
    )
    warnings: list[ft.Control] = [
        ft.Row([ft.Icon(ft.Icons.WARNING_AMBER, size=18, color=ft.Colors.TERTIARY), ft.Text(s, expand=True)])
        for s in missing
    ]
    return [Wrap(lines), *([Identified("setup-missing", ft.Column(warnings, tight=True))] if missing else [])]


def _line(saved: SavedSetup) -> str:
    if saved.setup is None:
        return text("training.setups.not_readable", name=saved.name)
    return f"{saved.name} · {saved.setup.target.short}"
