"""The Training tab: describe a run on one side, watch it and talk to it on the other."""

from collections.abc import Callable, Sequence
from typing import Final

import flet as ft

from app.domain.runs import Run
from app.services.everything import Services
from app.services.settings import LeftForm
from app.ui.inference.export_dialog import ExportHost
from app.ui.kit.identified import Identified
from app.ui.landmarks import scrolled_to
from app.ui.theme import PAGE_PADDING, SPACE, text_scale
from app.ui.training.draft import TrainingDraft
from app.ui.training.form import TrainingForm
from app.ui.training.last_step import LastStep
from app.ui.training.mounting import Unwatched, keyed, memoised
from app.ui.training.run_column import RunColumn
from app.ui.training.watching import use_answer

_TWO_COLUMNS_FROM: Final = 900
"""Width of the tab in logical pixels."""


@ft.component
def TrainingTab(
    services: Services,
    kept: Unwatched[TrainingDraft],
    on_go_to_data: Callable[[], None],
    *,
    is_shown: bool = True,
) -> ft.Control:
    """Form and Start beside the run, or above it if there is no room; the form comes back as it was left."""
    draft = kept.value
    page = ft.context.page
    is_wide, set_wide = ft.use_state((page.width or 1280) >= _TWO_COLUMNS_FROM * text_scale(page))

    def restore(left: LeftForm) -> None:
        if not draft.is_restored:
            draft.restore(left)

    use_answer(services.settings.left_form, restore, on="once")

    def started(run: Run) -> None:
        draft.cloned_from = None
        draft.selection.choose(run.id)

    def measure(event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        set_wide(event.width >= _TWO_COLUMNS_FROM * text_scale(page))

    form = keyed(TrainingForm, "form", services, draft, on_go_to_data, is_shown=is_shown)

    def added(runs: Sequence[Run]) -> None:
        draft.cloned_from = None
        draft.selection.queued(runs)

    start = keyed(LastStep, "last-step", services, draft, kept, started, added, is_shown=is_shown)
    run = memoised(RunColumn, "run", services, draft.selection, draft.chat, kept)
    columns = _beside(form, start, run) if is_wide else _stacked(form, start, run)
    dialog = keyed(ExportHost, "export-dialog", services.exporting, draft.exports)
    tab = ft.Column([ft.Container(columns, expand=True), dialog], spacing=0, expand=True)
    return ft.Container(tab, expand=True, on_size_change=measure)


def _beside(form: ft.Control, start: ft.Control, run: ft.Control) -> ft.Control:
    """Two columns that scroll on their own; Start stays in sight under the form."""
    scroll = ft.Column(
        [ft.Container(form, padding=_padding(left=PAGE_PADDING, right=SPACE, bottom=SPACE))],
        scroll=ft.ScrollMode.AUTO,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    bar = ft.Container(
        start,
        padding=_padding(left=PAGE_PADDING, right=SPACE, bottom=SPACE, top=SPACE),
        bgcolor=ft.Colors.SURFACE,
        border=ft.Border(top=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
    )
    left = ft.Column([scroll, bar], spacing=0, expand=5, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    right = ft.Column(
        [ft.Container(run, padding=_padding(left=SPACE, right=PAGE_PADDING, bottom=PAGE_PADDING))],
        scroll=ft.ScrollMode.AUTO,
        expand=7,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return ft.Row(
        [Identified("training-form", left, expand=5), Identified("training-run", right, expand=7)],
        spacing=0,
        expand=True,
        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _stacked(form: ft.Control, start: ft.Control, run: ft.Control) -> ft.Control:
    """One column that scrolls as a whole."""
    column = ft.Column(
        [form, scrolled_to("start", start), run],
        spacing=SPACE,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        tight=True,
    )
    return ft.Column(
        [ft.Container(column, padding=_padding(left=SPACE, right=SPACE, bottom=PAGE_PADDING))],
        scroll=ft.ScrollMode.AUTO,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _padding(*, left: int, right: int, bottom: int, top: int = PAGE_PADDING) -> ft.Padding:
    return ft.Padding(left=left, top=top, right=right, bottom=bottom)
