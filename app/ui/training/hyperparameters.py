"""How long and how fast it learns, with presets that really set what they say."""

from functools import partial
from typing import Final

import flet as ft

from app.domain.advice import advice_on_batch, advice_on_epochs, advice_on_learning_rate
from app.domain.presets import PRESETS, WHY
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.theme import GAP
from app.ui.training.draft import CUSTOM, TrainingDraft
from app.ui.training.fields import Grid, Help, NumberField, Wrap
from app.ui.training.memory_and_logging import LoggingFields
from app.ui.training.more_settings import MoreSettings
from app.ui.training.several_gpus import SeveralGpus

_MAIN: Final = (
    "max_steps",
    "num_epochs",
    "learning_rate",
    "max_seq_len",
    "per_device_batch_size",
    "gradient_accumulation_steps",
)


def Hyperparameters(draft: TrainingDraft) -> ft.Control:
    """Preset chips over the numbers they set; rarely changed settings are folded away."""
    batch = draft.effective_batch_size
    return Section(
        "Preset",
        [
            _presets(draft),
            Grid([NumberField(draft, name) for name in _MAIN]),
            Identified("effective-batch", Help(f"Effective batch: {batch or '–'} examples per step.")),
            *_advice(draft),
            MoreSettings(draft),
            LoggingFields(draft),
            SeveralGpus(draft),
        ],
    )


def _advice(draft: TrainingDraft) -> list[ft.Control]:
    """Rules of thumb for as many rows as the chosen session has."""
    rows = draft.row_count
    if not rows:
        return []
    epochs = None if draft.numbers["max_steps"].strip() else draft.epochs
    warning = advice_on_epochs(rows, epochs)
    sentences = (advice_on_learning_rate(draft.method, rows), advice_on_batch(rows))
    text = "Rules of thumb. Learning rate: {} Effective batch: {}".format(*sentences)
    shown = [Identified("advice", Help(text))]
    return [*shown, *([Identified("advice-epochs", Help(warning))] if warning else [])]


def _presets(draft: TrainingDraft) -> ft.Control:
    chips: list[ft.Control] = [
        Identified(
            "preset-" + name.lower().replace(" ", "-"),
            ft.Chip(
                label=ft.Text(name),
                selected=draft.shown_preset == name,
                on_select=partial(_choose_preset, draft, name),
            ),
            label=f"Preset {name}",
        )
        for name in (*PRESETS, CUSTOM)
    ]
    why = WHY.get(draft.shown_preset, "Your own values.")
    return ft.Column([Wrap(chips), Help(why)], spacing=GAP / 2, tight=True)


def _choose_preset(draft: TrainingDraft, name: str) -> None:
    draft.apply_preset(name)
