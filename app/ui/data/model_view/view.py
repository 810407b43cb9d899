"""What a base model will see of some rows: token by token, row by row, length by length."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

import flet as ft

from app.domain.previews import Source, Survey
from app.services.previews import PreviewService
from app.ui.data.model_view.ledger_view import LedgerView
from app.ui.data.model_view.length_view import LengthView
from app.ui.data.model_view.quality_view import QualityView
from app.ui.data.model_view.stepper import RowStepper
from app.ui.data.model_view.surveying import Surveying, use_survey
from app.ui.data.model_view.verdict_list import VerdictList
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.theme import GAP
from app.ui.training.fields import Segments
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer
from trainer_image.config import RunConfig
from trainer_image.judging import Verdict

_VIEWS: Final = (
    ("rows", "Ledger"),
    ("tokens", "Tokens"),
    ("lengths", "Lengths"),
    ("quality", "Quality"),
)


@ft.component
def ModelView(
    previews: PreviewService,
    source: Source,
    config: RunConfig,
    on_use_length: Callable[[int], None] | None = None,
) -> ft.Control:
    """Looks at the rows as soon as it is mounted, and anew when how they are seen changes."""
    view, set_view = ft.use_state("rows")
    bucket, set_bucket = ft.use_state("")
    row, set_row = ft.use_state(0)
    surveying = use_survey(previews)
    seen = previews.seen_as(source, config)

    async def look() -> None:
        await surveying.run(source, config)

    def look_soon() -> None:
        ft.context.page.run_task(look)

    ft.use_effect(look_soon, dependencies=[seen])

    def open_row(number: int) -> None:
        set_row(number)
        set_view("tokens")

    problem = previews.problem()
    if problem:
        return Identified("no-preview", ft.Text(problem))
    survey = surveying.survey
    body: list[ft.Control] = [_progress(surveying, source, look)]
    body.append(ErrorBanner(surveying.problem, retry=("Try again", look)))
    body.append(Segments("preview-view", "Show", view, list(_VIEWS), set_view))
    if view == "tokens":
        body.append(keyed(RowStepper, f"row-{seen}-{row}", previews, source, config, row))
    elif survey is not None and view == "rows":
        body.append(keyed(Verdicts, "verdicts", previews, survey, config))
        body.append(LedgerView(previews, survey, config, bucket, set_bucket, open_row))
    elif survey is not None and view == "quality":
        body.append(keyed(QualityView, f"quality-{seen}", previews, survey, config, open_row))
    elif survey is not None:
        body.append(keyed(LengthView, f"lengths-{survey.path.name}", previews, survey, config, on_use_length))
    return ft.Column(body, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@ft.component
def Verdicts(previews: PreviewService, survey: Survey, config: RunConfig) -> ft.Control:
    """Asked again whenever the survey or the limits change."""
    verdicts, set_verdicts = ft.use_state(cast(tuple[Verdict, ...], ()))
    use_answer(
        lambda: tuple(previews.verdicts(survey, config)),
        set_verdicts,
        on=(survey, config.model_dump_json()),
    )
    return VerdictList(survey.notices, verdicts)


def _progress(
    surveying: Surveying, source: Source, on_again: Callable[[], Coroutine[Any, Any, None]]
) -> ft.Control:
    """What is under way; nothing once every row is known."""
    if not surveying.is_busy:
        survey = surveying.survey
        if survey is None and surveying.was_cancelled:
            again = ft.OutlinedButton("Look again", on_click=on_again)
            return ft.Row([ft.Text("Looking was cancelled."), again], spacing=GAP)
        if survey is not None and source.is_part:
            return Identified("hub-part", ft.Text(_of_part(survey, source)), live=True)
        if survey is not None and survey.is_sample:
            return ft.Text("Only a sample of the rows was looked at: it was cancelled.")
        return ft.Container(visible=False)
    if surveying.is_preparing:
        count = f" {surveying.rows:,} rows" if surveying.rows else ""
        where = " from the Hub" if source.is_part else ""
        return _cancellable(f"Reading {source.label}{where}…{count}", None, surveying)
    if surveying.survey is None:
        return ProgressLine(
            "Loading the tokenizer and looking at the first rows, a few seconds…",
            identifier="preview-progress",
        )
    known = f" of {source.row_count:,}" if source.row_count else ""
    share = surveying.rows / source.row_count if source.row_count else None
    return _cancellable(f"Looking at all rows: {surveying.rows:,}{known}…", share, surveying)


def _of_part(survey: Survey, source: Source) -> str:
    return (
        f"These are the first {survey.table.total:,} rows of {source.label}, streamed from"
        " the Hub; steps and times are for them alone. Import it in the Data tab to look at all of it."
    )


def _cancellable(said: str, share: float | None, surveying: Surveying) -> ft.Control:
    line = ft.Container(ProgressLine(said, share, identifier="preview-progress"), expand=True)
    return ft.Row([line, ft.OutlinedButton("Cancel", on_click=surveying.cancel)], spacing=GAP)
