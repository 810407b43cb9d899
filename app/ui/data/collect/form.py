"""Choose a source, say what to ask it for, and see who will be asked before anything is sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import flet as ft

from app.domain.queries import LIMIT, Answer
from app.domain.scraping import Scraper
from app.services.collecting import CollectingService, Plan
from app.ui.actions import Problem, problem_of, use_action
from app.ui.data.collect.fields import AnswerField
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import Typed, use_typed
from app.ui.offline import use_reason
from app.ui.texts import text
from app.ui.texts.words import all_of
from app.ui.theme import GAP
from app.ui.training.fields import Choice, Grid
from app.ui.training.watching import use_answer

Answers = Mapping[str, Answer]


@dataclass(frozen=True)
class _Sources:
    scrapers: Sequence[Scraper] = ()


@ft.component
def CollectForm(
    collecting: CollectingService, on_started: Callable[[], None], *, is_shown: bool
) -> ft.Control:
    """The answers of each source are kept while another one is looked at."""
    sources, set_sources = ft.use_state(cast(_Sources | None, None))
    kind, set_kind = ft.use_state("")
    answers, set_answers = ft.use_state(cast(Mapping[str, Answers], {}))
    newest = ft.use_ref(cast(Mapping[str, Answers], {}))  # a click may come before the last letters are drawn
    name = use_typed()
    use_answer(lambda: _Sources(collecting.sources()), set_sources, on=is_shown)
    offline_reason = use_reason(collecting.offline_reason)
    scraper = _chosen(sources, kind)
    its_kind = scraper.kind if scraper else ""

    def answer(field: str, value: Answer) -> None:
        before = newest.current or {}
        newest.current = {**before, its_kind: {**before.get(its_kind, {}), field: value}}
        set_answers(newest.current)

    def begin() -> object:
        return collecting.start(its_kind, (newest.current or {}).get(its_kind, {}), name.now())

    start = use_action(begin, on_done=lambda _: on_started())
    if sources is None or scraper is None:
        return Section(text("data.collect.title"), [ft.Text(text("data.collect.looking"))])
    given = answers.get(scraper.kind, {})
    plan = _plan(collecting, scraper, given)
    options = [(each.kind, each.label) for each in sources.scrapers]
    button = ft.FilledButton(
        text("data.collect.start"),
        icon=ft.Icons.TRAVEL_EXPLORE,
        disabled=start.is_busy or bool(offline_reason) or not isinstance(plan, Plan),
        on_click=start.run,
    )
    return Section(
        text("data.collect.title"),
        [
            _offline(offline_reason),
            Choice(
                "collect-source",
                text("data.collect.source"),
                scraper.kind,
                options,
                set_kind,
                help_text=scraper.about,
            ),
            _fields(scraper, given, answer, name),
            _said(plan),
            ErrorBanner(start.problem, on_dismiss=start.dismiss),
            ft.Row([button]),
        ],
        subtitle=text("data.collect.about"),
    )


def _chosen(sources: _Sources | None, kind: str) -> Scraper | None:
    scrapers = sources.scrapers if sources else ()
    return next((s for s in scrapers if s.kind == kind), scrapers[0] if scrapers else None)


def _fields(
    scraper: Scraper, given: Answers, on_answer: Callable[[str, Answer], None], name: Typed
) -> ft.Control:
    """In two columns; the key makes new fields for another source."""
    controls = [
        AnswerField(field, given.get(field.name, field.default), on_answer)
        for field in (*scraper.fields, LIMIT)
    ]
    controls.append(
        TextField(
            label=text("data.collect.name"),
            value=name.shown,
            helper=text("data.collect.name_help"),
            on_change=name.edit,
        )
    )
    return ft.Container(Grid(controls), key=f"fields-{scraper.kind}")


def _plan(collecting: CollectingService, scraper: Scraper, given: Mapping[str, Any]) -> Plan | Problem:
    """Nothing is sent for it. A mistake of another package's source is logged like any bug."""
    try:
        return collecting.plan(scraper.kind, given)
    except Exception as error:
        return problem_of(error)


def _said(plan: Plan | Problem) -> ft.Control:
    if isinstance(plan, Plan):
        asked = all_of(plan.asks)
        said = text("data.collect.will_ask", sources=asked, title=plan.title)
        icon = ft.Icons.PUBLIC
    else:
        said, icon = f"{plan.message} {plan.hint}".strip(), ft.Icons.INFO_OUTLINE
    line = ft.Row(
        [
            ft.Icon(icon, size=18, color=ft.Colors.ON_SURFACE_VARIANT),
            ft.Text(said, color=ft.Colors.ON_SURFACE_VARIANT, expand=True),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    return Identified("collect-plan", line, live=True)


def _offline(reason: str) -> ft.Control:
    if not reason:
        return ft.Container(visible=False)
    return Identified(
        "collect-offline", ft.Text(text("data.collect.offline", reason=reason), color=ft.Colors.TERTIARY)
    )
