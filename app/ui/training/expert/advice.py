"""Rules of thumb beside the numbers they are about."""

import flet as ft

from app.domain.advice import advice_on_batch, advice_on_epochs, advice_on_learning_rate
from app.ui.kit.identified import Identified
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help


def batch_and_advice(draft: TrainingDraft) -> list[ft.Control]:
    """The effective batch, and what suits as many rows as the chosen session has."""
    batch = Identified(
        "effective-batch", Help(f"Effective batch: {draft.effective_batch_size or '–'} examples per step.")
    )
    rows = draft.row_count
    if not rows:
        return [batch]
    epochs = None if draft.numbers["max_steps"].strip() else draft.epochs
    warning = advice_on_epochs(rows, epochs)
    sentences = (advice_on_learning_rate(draft.method, rows), advice_on_batch(rows))
    text = "Rules of thumb. Learning rate: {} Effective batch: {}".format(*sentences)
    shown = [batch, Identified("advice", Help(text))]
    return [*shown, *([Identified("advice-epochs", Help(warning))] if warning else [])]
