"""A preset, and the three numbers that matter: learning rate, effective batch, length."""

from functools import partial

import flet as ft

from app.domain.advice import advice_on_batch, advice_on_epochs, advice_on_learning_rate
from app.domain.presets import AUTO_SET, WHY, offered_for
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.beginner import auto_form
from app.ui.training.draft import CUSTOM, TrainingDraft
from app.ui.training.fields import Grid, Help, NumberField, TextInput, Toggle, Wrap


def PresetAndNumbers(draft: TrainingDraft) -> ft.Control:
    """Everything else is chosen by the preset, or was set by an expert."""
    fields = [
        NumberField(draft, "learning_rate"),
        TextInput(
            text("training.beginner.preset.effective_batch"),
            auto_form.shown_effective_batch(draft),
            partial(auto_form.type_effective_batch, draft),
            help_text=text("training.beginner.preset.effective_batch_help"),
            error=auto_form.effective_batch_problem(draft),
        ),
        NumberField(draft, "num_epochs"),
        NumberField(draft, "max_steps"),
    ]
    if draft.method == "lora":
        fields.append(
            Toggle(
                text("training.beginner.preset.use_4_bit"),
                draft.base_bits == "4",
                partial(auto_form.keep_in_4_bits, draft),
                help_text=text("training.beginner.preset.use_4_bit_help"),
                identifier="use-4-bit",
            )
        )
    return Section(text("training.beginner.preset.title"), [_presets(draft), Grid(fields), *_advice(draft)])


def _presets(draft: TrainingDraft) -> ft.Control:
    shown = draft.shown_preset
    chips: list[ft.Control] = [
        Identified(
            "preset-" + "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-"),
            ft.Chip(
                label=ft.Text(_called(name)),
                selected=shown == name,
                on_select=partial(_choose, draft, name),
            ),
            label=text("training.beginner.preset.chip", name=_called(name)),
        )
        for name in (*offered_for(draft.target), CUSTOM)
    ]
    why = WHY.get(shown, text("training.beginner.preset.own_values"))
    return ft.Column([Wrap(chips), Help(why)], spacing=GAP / 2, tight=True)


def _called(preset: str) -> str:
    return text("training.beginner.preset.custom") if preset == CUSTOM else preset


def _choose(draft: TrainingDraft, name: str) -> None:
    auto_form.choose_preset(draft, name)


def _advice(draft: TrainingDraft) -> list[ft.Control]:
    """Rules of thumb for as many rows as the chosen session has."""
    rows = draft.row_count
    if not rows or draft.shown_preset == AUTO_SET:  # which gives its reasons itself
        return []
    epochs = None if draft.numbers["max_steps"].strip() else draft.epochs
    rules = text(
        "training.expert.rules_of_thumb",
        learning_rate=advice_on_learning_rate(draft.method, rows),
        batch=advice_on_batch(rows),
    )
    warning = advice_on_epochs(rows, epochs)
    return [
        Identified("advice", Help(rules)),
        *([Identified("advice-epochs", Help(warning))] if warning else []),
    ]
