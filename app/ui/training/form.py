"""The form that describes a run, from target to output."""

from collections.abc import Callable

import flet as ft

from app.services.everything import Services
from app.ui.kit.page_heading import PageHeading
from app.ui.theme import SPACE
from app.ui.training.data_settings import DataSettings
from app.ui.training.data_source import DataSource
from app.ui.training.draft import TrainingDraft
from app.ui.training.hyperparameters import Hyperparameters
from app.ui.training.method_section import MethodSection
from app.ui.training.target_section import OutputSection, TargetSection


@ft.component
def TrainingForm(
    services: Services, draft: TrainingDraft, on_go_to_data: Callable[[], None], *, is_shown: bool
) -> ft.Control:
    """Nothing in here ticks: a text field that is rendered again and again loses what is being typed."""
    return ft.Column(
        [
            PageHeading("Training", "Make a model learn from your data."),
            TargetSection(draft),
            DataSource(services.library, draft, on_go_to_data, is_shown=is_shown),
            MethodSection(draft),
            Hyperparameters(draft),
            DataSettings(draft),
            OutputSection(services.training, draft),
        ],
        spacing=SPACE,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        tight=True,
    )
