"""What stands under the form: Start and the queue or, for a Hugging Face Job, its script."""

from collections.abc import Callable, Sequence

import flet as ft

from app.domain.runs import Run
from app.services.everything import Services
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.job_panel import JobPanel
from app.ui.training.keeping import use_keeping
from app.ui.training.mounting import Unwatched, keyed
from app.ui.training.queue.add import AddToQueue
from app.ui.training.setups.save_setup import SaveSetup
from app.ui.training.start_panel import StartPanel


@ft.component
def LastStep(
    services: Services,
    draft: TrainingDraft,
    kept: Unwatched[TrainingDraft],
    on_started: Callable[[Run], None],
    on_added: Callable[[Sequence[Run]], None],
    *,
    is_shown: bool,
) -> ft.Control:
    use_keeping(services.settings, draft)
    save = keyed(SaveSetup, "save-setup", services.setups, kept)
    if draft.target.is_by_script:
        parts = [keyed(JobPanel, "job", services, draft), save]
    else:
        parts = [
            keyed(StartPanel, "start", services, draft, on_started, is_shown=is_shown),
            keyed(AddToQueue, "add-to-queue", services, draft, on_added, save),
        ]
    return ft.Column(parts, spacing=GAP, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
