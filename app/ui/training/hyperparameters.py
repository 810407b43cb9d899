"""How long and how fast it learns."""

from typing import Final

import flet as ft

from app.domain.advice import advice_on_batch, advice_on_epochs, advice_on_learning_rate
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Grid, Help, NumberField
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
    """The numbers in sight; rarely changed settings are folded away. Presets are for beginners."""
    batch = draft.effective_batch_size
    return Section(
        "How it learns",
        [
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
