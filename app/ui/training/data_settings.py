"""What becomes of the rows: what is learnt of them, which are left out, which are only measured on."""

from functools import partial
from typing import Any, Final

import flet as ft

from app.ui.kit.foldable import Foldable
from app.ui.kit.section import Section
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice, Grid, NumberField, TextInput, Toggle
from trainer_image.config import RunConfig

_VALIDATIONS: Final = (("auto", "Auto"), ("share", "A share"), ("file", "A file"), ("off", "Off"))
_OVER_LONG: Final = (("drop", "Left out"), ("truncate", "Cut at the end"))


def DataSettings(draft: TrainingDraft) -> ft.Control:
    """Kind of data and validation in sight; what rarely changes is folded away."""
    return Section("Rows", [Grid(_kind(draft)), Grid(_validation(draft)), _more(draft)])


def _kind(draft: TrainingDraft) -> list[ft.Control]:
    switches = [_toggle(draft, "is_pretraining", "Plain documents")]
    if draft.rows["is_pretraining"]:
        return [
            *switches,
            NumberField(draft, "block_size"),
            _text(draft, "document_column_name", "Column with the text"),
        ]
    return [
        *switches,
        _toggle(draft, "unmask_messages", "Learn questions too"),
        _toggle(draft, "packing", "Packing"),
    ]


def _validation(draft: TrainingDraft) -> list[ft.Control]:
    chosen = draft.rows["validation"]
    fields = [_choice(draft, "validation", "Validation", _VALIDATIONS)]
    if chosen == "share":
        fields.append(NumberField(draft, "validation_share"))
    if chosen == "file":
        fields.append(_text(draft, "validation_file", "Validation file"))
    if chosen != "off":
        fields += [
            NumberField(draft, "eval_steps"),
            NumberField(draft, "early_stopping_patience"),
            NumberField(draft, "samples"),
            NumberField(draft, "sample_tokens"),
            _toggle(draft, "load_best", "Result is the best model"),
        ]
    return fields


def _more(draft: TrainingDraft) -> ft.Control:
    fields = [
        _choice(draft, "over_long", "Rows that are too long", _OVER_LONG),
        _toggle(draft, "drop_duplicates", "Each row only once"),
        NumberField(draft, "min_seq_len"),
        NumberField(draft, "max_lost_share"),
    ]
    return Foldable("Rows that are left out", lambda: [Grid(fields)])


def _toggle(draft: TrainingDraft, name: str, label: str) -> ft.Control:
    change = partial(_set, draft, name)
    return Toggle(label, draft.rows[name], change, help_text=_help(name), identifier=name.replace("_", "-"))


def _choice(draft: TrainingDraft, name: str, label: str, options: tuple[tuple[str, str], ...]) -> ft.Control:
    change = partial(_set, draft, name)
    return Choice(name.replace("_", "-"), label, draft.rows[name], options, change, help_text=_help(name))


def _text(draft: TrainingDraft, name: str, label: str) -> ft.Control:
    return TextInput(label, draft.rows[name] or "", partial(_set, draft, name), help_text=_help(name))


def _set(draft: TrainingDraft, name: str, value: Any) -> None:
    draft.rows[name] = value


def _help(name: str) -> str:
    return RunConfig.model_fields[name].description or ""
