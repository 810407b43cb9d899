"""The expert's form: every setting there is, in groups, to search and to bring back to its default."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import flet as ft

from app.services.layers import LayerService
from app.ui.kit.foldable import Foldable
from app.ui.kit.identified import Identified
from app.ui.kit.section import Card
from app.ui.kit.status_pill import StatusPill
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.beginner.cloned import Opened
from app.ui.training.draft import TrainingDraft
from app.ui.training.expert import binding
from app.ui.training.expert.advice import batch_and_advice
from app.ui.training.expert.catalogue import GROUPS, Setting, settings
from app.ui.training.expert.fields import field_for
from app.ui.training.expert.matched_layers import LayersMatched
from app.ui.training.expert.problems import Problems, problems
from app.ui.training.fields import Grid, Help, TextInput, Wrap
from app.ui.training.mounting import drawn, keyed
from app.ui.training.run.coach_view import InForm
from trainer_image.config import RunConfig

_OPEN_AT_FIRST: Final = frozenset({"learning", "batches-and-length", "method"})


@dataclass(frozen=True)
class Shown:
    """What of the settings is to be seen now."""

    settings: tuple[Setting, ...]
    changed: frozenset[str]
    problems: Problems

    @classmethod
    def of(cls, draft: TrainingDraft, config: type[RunConfig] = RunConfig) -> "Shown":
        every = settings(draft.method, config)
        changed = frozenset(s.path for s in every if binding.is_changed(draft, s))
        wanted = (s for s in every if s.path in changed or not draft.only_changed)
        found = tuple(s for s in wanted if s.is_found_by(draft.sought))
        return cls(found, changed, problems(draft, config))


def shows_part(draft: TrainingDraft, name: str) -> bool:
    """Whether a part made by hand is to be seen: it is found by its words, and has nothing to reset."""
    found_by = text_in("training.expert.form.found_by", name)
    return not draft.only_changed and all(word in found_by for word in draft.sought.lower().split())


def expert_bar(draft: TrainingDraft, config: type[RunConfig] = RunConfig) -> ft.Control:
    """Search, how much is not at its default, and what no field speaks for."""
    shown = Shown.of(draft, config)
    return drawn("expert-bar", _bar_depends(draft, shown), partial(_bar, draft, shown))


def expert_groups(
    draft: TrainingDraft, layers: LayerService | None = None, config: type[RunConfig] = RunConfig
) -> list[ft.Control]:
    """A card for each group that has something to show; with `layers`, also which layers patterns match."""
    shown = Shown.of(draft, config)
    found = [(group, [s for s in shown.settings if s.group == group]) for group in GROUPS]
    return [
        drawn(
            f"expert-{group}",
            _depends(draft, shown, some),
            partial(_group, draft, shown, group, some, layers),
        )
        for group, some in found
        if some
    ]


def _bar_depends(draft: TrainingDraft, shown: Shown) -> Hashable:
    said = tuple(shown.problems.items())
    return (
        draft.sought,
        draft.only_changed,
        draft.can_undo_reset,
        len(shown.changed),
        said,
        bool(shown.settings),
    )


def _depends(draft: TrainingDraft, shown: Shown, some: Sequence[Setting]) -> Hashable:
    """All that a group's fields show; `repr`, as what is kept may be a table."""
    return (
        draft.method,
        bool(draft.sought.strip()) or draft.only_changed,
        draft.alpha_follows_rank,
        draft.target_modules,
        (draft.row_count, draft.numbers["max_steps"], draft.epochs),
        draft.base_model,
        draft.offline_reason,
        tuple((s.path, repr(binding.kept(draft, s)), shown.problems.get(s.path, "")) for s in some),
    )


def _bar(draft: TrainingDraft, shown: Shown) -> ft.Control:
    search = TextInput(
        text("training.expert.form.search"),
        draft.sought,
        partial(setattr, draft, "sought"),
        hint=text("training.expert.form.search_hint"),
    )
    lines: list[ft.Control] = [Identified("expert-search", search), Wrap(_badges(draft, shown))]
    if draft.can_undo_reset:
        undo = Opened("", draft.undo_reset, lambda: draft.can_undo_reset)
        forget = partial(setattr, draft, "before_reset", None)
        lines.append(InForm("reset-all", undo, forget, said=text("training.expert.form.reset_done")))
    if whole := shown.problems.get(""):
        lines.append(ft.Text(whole, color=ft.Colors.ERROR))
    if not shown.settings:
        said = (
            text("training.expert.form.all_default")
            if draft.only_changed
            else text("training.expert.form.none_found")
        )
        lines.append(Help(said))
    stretch = ft.CrossAxisAlignment.STRETCH
    return Card(ft.Column(lines, spacing=GAP, tight=True, horizontal_alignment=stretch))


def _badges(draft: TrainingDraft, shown: Shown) -> list[ft.Control]:
    count = len(shown.changed)
    chip = ft.Chip(
        label=ft.Text(text("training.expert.form.non_default", count=count)),
        leading=ft.Icon(ft.Icons.TUNE),
        selected=draft.only_changed,
        show_checkmark=False,
        tooltip=text("training.expert.form.show_all")
        if draft.only_changed
        else text("training.expert.form.show_changed"),
        on_select=lambda: setattr(draft, "only_changed", not draft.only_changed),
    )
    badges: list[ft.Control] = [
        Identified("non-default", chip, label=text("training.expert.form.non_default", count=count))
    ]
    if wrong := len(shown.problems):
        badges.append(StatusPill(text("training.expert.form.to_correct", count=wrong), "bad"))
    if draft.only_changed and count:
        badges.append(
            ft.TextButton(
                text("training.expert.form.reset_all"),
                icon=ft.Icons.RESTART_ALT,
                on_click=partial(_reset_all, draft),
            )
        )
    return badges


def _group(
    draft: TrainingDraft, shown: Shown, group: str, some: Sequence[Setting], layers: LayerService | None
) -> ft.Control:
    """Uses state. What is searched for, or only changed, is open."""

    def body() -> list[ft.Control]:
        fields = Grid([field_for(draft, s, shown.problems.get(s.path, "")) for s in some])
        if group == "batches-and-length":
            return [fields, *batch_and_advice(draft)]
        has_patterns = any(s.path == "method.target_patterns" for s in some)
        if layers is None or not has_patterns or draft.method_problem():
            return [fields]
        matched = keyed(LayersMatched, "matched", layers, draft.base_model, draft.patterns)
        return [fields, matched]

    is_sought = bool(draft.sought.strip()) or draft.only_changed
    return Card(
        Foldable(
            text_in("training.expert.groups", group),
            body,
            badge=_badge(shown, some),
            identifier=f"group-{group}",
            starts_open=group in _OPEN_AT_FIRST,
            is_forced_open=is_sought,
        )
    )


def _badge(shown: Shown, some: Sequence[Setting]) -> ft.Control | None:
    if wrong := sum(s.path in shown.problems for s in some):
        return StatusPill(text("training.expert.form.to_correct", count=wrong), "bad")
    count = sum(s.path in shown.changed for s in some)
    return (
        StatusPill(text("training.expert.form.non_default", count=count), "active", icon=ft.Icons.TUNE)
        if count
        else None
    )


def _reset_all(draft: TrainingDraft) -> None:
    before = draft.everything()
    for setting in settings(draft.method):
        if binding.is_changed(draft, setting):
            binding.reset(draft, setting)
    draft.note_reset(before)
