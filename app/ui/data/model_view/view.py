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
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Segments
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer
from trainer_image.config import RunConfig
from trainer_image.judging import Verdict

_VIEWS: Final = ("rows", "tokens", "lengths", "quality")


@ft.component
def ModelView(
    previews: PreviewService,
    source: Source,
    config: RunConfig,
    on_use_length: Callable[[int], None] | None = None,
    on_all_seen: Callable[[], None] | None = None,
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

    found = surveying.survey
    all_seen = found.path if found is not None and not found.is_sample else None

    def tell() -> None:
        if all_seen is not None and on_all_seen is not None:
            on_all_seen()

    ft.use_effect(tell, dependencies=[all_seen])

    def open_row(number: int) -> None:
        set_row(number)
        set_view("tokens")

    problem = previews.problem()
    if problem:
        return Identified("no-preview", ft.Text(problem))
    survey = surveying.survey
    body: list[ft.Control] = [_progress(surveying, source, look)]
    body.append(ErrorBanner(surveying.problem, retry=(text("data.model.try_again"), look)))
    body.append(
        Segments(
            "preview-view",
            text("data.model.show"),
            view,
            [(each, text_in("data.model.views", each)) for each in _VIEWS],
            set_view,
        )
    )
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
            again = ft.OutlinedButton(text("data.model.look_again"), on_click=on_again)
            return ft.Row([ft.Text(text("data.model.was_cancelled")), again], spacing=GAP)
        if survey is not None and source.is_part:
            return Identified("hub-part", ft.Text(_of_part(survey, source)), live=True)
        if survey is not None and survey.is_sample:
            return ft.Text(text("data.model.sample_only"))
        return ft.Container(visible=False)
    if surveying.is_preparing:
        return _cancellable(_reading(source, surveying.rows), None, surveying)
    if surveying.survey is None:
        return ProgressLine(
            text("data.model.loading"),
            identifier="preview-progress",
        )
    share, said = None, text("data.model.looking_at_all", count=surveying.rows)
    if total := source.row_count:
        share = surveying.rows / total
        said = text("data.model.looking_at_all_of", count=surveying.rows, total=total)
    return _cancellable(said, share, surveying)


def _reading(source: Source, count: int) -> str:
    """Where from, and how far; nothing is counted before the first rows."""
    if not count:
        here = text("data.model.reading", source=source.label)
        return text("data.model.reading_hub", source=source.label) if source.is_part else here
    here = text("data.model.reading_rows", source=source.label, count=count)
    return text("data.model.reading_hub_rows", source=source.label, count=count) if source.is_part else here


def _of_part(survey: Survey, source: Source) -> str:
    return text("data.model.of_part", count=survey.table.total, source=source.label)


def _cancellable(said: str, share: float | None, surveying: Surveying) -> ft.Control:
    line = ft.Container(ProgressLine(said, share, identifier="preview-progress"), expand=True)
    return ft.Row(
        [line, ft.OutlinedButton(text("data.model.cancel"), on_click=surveying.cancel)], spacing=GAP
    )
