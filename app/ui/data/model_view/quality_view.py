"""What may be wrong with rows: repeats, empty answers, odd characters, languages and leaks."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import flet as ft

from app.domain.previews import PreviewCancelledError, Survey
from app.domain.quality import FLAWS, Flawed, Quality
from app.services.previews import PreviewService
from app.ui.actions import Problem, problem_of
from app.ui.data.model_view.surveying import Ticket
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.paging_bar import PagingBar
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.selectable import Selectable
from app.ui.pages import use_pages
from app.ui.texts import text
from app.ui.theme import GAP
from trainer_image.config import RunConfig

_PAGE: Final = 20
_LOOK_SECONDS: Final = 0.2
_LANGUAGES: Final = 6
_LEAKS: Final = "leaks"


@dataclass(frozen=True)
class _State:
    quality: Quality | None = None
    leaks: tuple[Flawed, ...] | None = None
    is_busy: bool = False
    rows: int = 0
    problem: Problem | None = None
    was_cancelled: bool = False


@ft.component
def QualityView(
    previews: PreviewService, survey: Survey, config: RunConfig, on_open: Callable[[int], None]
) -> ft.Control:
    """Looks when it is mounted; give it another key for other rows. `on_open` is told a number from 0."""
    state, set_state = ft.use_state(_State(is_busy=True))
    chosen, set_chosen = ft.use_state("")
    ticket = ft.use_ref(cast(Ticket | None, None))

    def find(mine: Ticket) -> tuple[Quality, tuple[Flawed, ...] | None]:
        found = previews.quality.check(survey.source, mine.report)
        leaks = previews.quality.leaks(found, survey, config)
        return found, None if leaks is None else tuple(leaks)

    async def look() -> None:
        mine = ticket.current = Ticket()
        set_state(_State(is_busy=True))
        task = asyncio.create_task(asyncio.to_thread(find, mine))
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_SECONDS))[0]:
                set_state(_State(is_busy=True, rows=mine.rows))
            quality, leaks = task.result()
            set_state(_State(quality, leaks))
        except PreviewCancelledError:
            set_state(_State(was_cancelled=True))
        except Exception as error:
            set_state(_State(problem=problem_of(error)))

    def cancel() -> None:
        if ticket.current is not None:
            ticket.current.is_cancelled = True
            set_state(lambda s: replace(s, is_busy=True))

    split = (config.validation, config.validation_share, config.seed, config.max_seq_len, survey)
    ft.use_effect(look, dependencies=[split], cleanup=cancel)
    if state.is_busy:
        return _progress(state, survey, cancel)
    if state.problem or state.quality is None:
        again = ft.OutlinedButton(text("data.quality.again"), on_click=look)
        said = ft.Text(text("data.quality.was_cancelled"), visible=state.was_cancelled)
        return ft.Column([ErrorBanner(state.problem), said, ft.Row([again])], spacing=GAP, tight=True)
    lines: list[ft.Control] = [_summary(state.quality), _flaws(state, chosen, set_chosen)]
    lines.append(_languages(state.quality, chosen, set_chosen))
    if chosen:
        listed = FlawedRows(previews, state.quality, state.leaks or (), chosen, on_open)
        lines.append(ft.Container(listed, key=chosen))
    return ft.Column(lines, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _progress(state: _State, survey: Survey, cancel: Callable[[], None]) -> ft.Control:
    total = survey.table.total
    line = ProgressLine(
        text("data.quality.comparing", count=state.rows, total=total),
        state.rows / total if total and state.rows else None,
        identifier="quality-progress",
    )
    return ft.Row(
        [ft.Container(line, expand=True), ft.OutlinedButton(text("data.quality.cancel"), on_click=cancel)],
        spacing=GAP,
    )


def _summary(quality: Quality) -> ft.Control:
    wrong = [f"{count:,} {FLAWS[flaw]}" for flaw, count in quality.counts.items() if count]
    said = text("data.quality.nothing_wrong", count=quality.rows)
    if wrong:
        said = text("data.quality.wrong", count=quality.rows, flaws=", ".join(wrong))
    return Identified("quality", ft.Text(said), live=True, label=text("data.quality.label"))


def _flaws(state: _State, chosen: str, on_choose: Callable[[str], None]) -> ft.Control:
    """What was found as buttons that lead to the rows; what was not found in one line."""
    assert state.quality
    kinds = [(str(flaw), count, FLAWS[flaw]) for flaw, count in state.quality.counts.items()]
    if state.leaks is not None:
        kinds.append((_LEAKS, len(state.leaks), text("data.quality.leaks")))
    chips = [_chip(f"{count:,} {said}", kind, chosen, on_choose) for kind, count, said in kinds if count]
    none = ", ".join(said for _, count, said in kinds if not count)
    lines: list[ft.Control] = [ft.Row(chips, wrap=True, spacing=GAP, run_spacing=GAP)] if chips else []
    if none:
        icon = ft.Icon(
            ft.Icons.CHECK_CIRCLE_OUTLINE,
            color=ft.Colors.PRIMARY,
            size=18,
            semantics_label=text("data.quality.well"),
        )
        lines.append(
            ft.Row([icon, ft.Text(text("data.quality.no_row", flaws=none), expand=True)], spacing=GAP)
        )
    return ft.Column(lines, spacing=GAP, tight=True)


def _languages(quality: Quality, chosen: str, on_choose: Callable[[str], None]) -> ft.Control:
    heading = text("data.quality.languages")
    if quality.languages_of < quality.rows:
        heading = text("data.quality.languages_of", count=quality.languages_of)
    chips = [
        _chip(f"{count:,} {code or text('data.quality.mixed')}", f"language:{code}", chosen, on_choose)
        for code, count in list(quality.languages.items())[:_LANGUAGES]
    ]
    title = ft.Text(heading, theme_style=ft.TextThemeStyle.LABEL_MEDIUM)
    return ft.Column(
        [title, ft.Row(chips, wrap=True, spacing=GAP, run_spacing=GAP)], spacing=GAP / 2, tight=True
    )


def _chip(text: str, kind: str, chosen: str, on_choose: Callable[[str], None]) -> ft.Control:
    is_chosen = kind == chosen

    def choose() -> None:
        on_choose("" if is_chosen else kind)

    icon = ft.Icons.EXPAND_LESS if is_chosen else ft.Icons.EXPAND_MORE
    return ft.Container(ft.OutlinedButton(text, icon=icon, on_click=choose))


@ft.component
def FlawedRows(
    previews: PreviewService,
    quality: Quality,
    leaks: Sequence[Flawed],
    kind: str,
    on_open: Callable[[int], None],
) -> ft.Control:
    """The rows of one kind, page by page. Give it another key for another kind."""

    def read(start: int) -> Sequence[Flawed]:
        if kind == _LEAKS:
            return leaks[start : start + _PAGE]
        return previews.quality.flawed(quality, kind, start=start, limit=_PAGE)

    pages = use_pages(read)
    language = kind.removeprefix("language:")
    counts: dict[str, int] = {str(flaw): count for flaw, count in quality.counts.items()}
    counts[_LEAKS] = len(leaks)
    total = counts.get(kind, quality.languages.get(language, 0))

    listed = ft.Column([_row(row, on_open) for row in pages.rows], spacing=0, tight=True)
    return ft.Column(
        [
            ErrorBanner(pages.load.problem, retry=(text("data.quality.try_again"), pages.load.run)),
            Identified("flawed", Selectable(listed)),
            PagingBar(pages.start, _PAGE, total, pages.move),
        ],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _row(row: Flawed, on_open: Callable[[int], None]) -> ft.Control:
    return ft.Row(
        [
            ft.TextButton(text("data.quality.row", row=row.number + 1), on_click=lambda: on_open(row.number)),
            ft.Text(row.note, expand=True),
        ],
        key=row.number,
        spacing=GAP,
    )
