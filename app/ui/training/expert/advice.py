"""Rules of thumb beside the numbers they are about."""

import flet as ft

from app.domain.advice import advice_on_batch, advice_on_epochs, advice_on_learning_rate
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help


def batch_and_advice(draft: TrainingDraft) -> list[ft.Control]:
    """The effective batch, and what suits as many rows as the chosen session has."""
    batch = Identified(
        "effective-batch",
        Help(text("training.expert.effective_batch", size=draft.effective_batch_size or "–")),
    )
    rows = draft.row_count
    if not rows:
        return [batch]
    epochs = None if draft.numbers["max_steps"].strip() else draft.epochs
    warning = advice_on_epochs(rows, epochs)
    rules = text(
        "training.expert.rules_of_thumb",
        learning_rate=advice_on_learning_rate(draft.method, rows),
        batch=advice_on_batch(rows),
    )
    shown = [batch, Identified("advice", Help(rules))]
    return [*shown, *([Identified("advice-epochs", Help(warning))] if warning else [])]
