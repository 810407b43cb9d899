"""Measure what the run takes before it is started: a button, what it is at with a way out, what it found."""

from collections.abc import Callable
from pathlib import Path

import flet as ft

from app.domain.probes import ProbeCancelledError, ProbeOutcome, Tell
from app.domain.runs import Target
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.long_work import LongWork, use_long_work
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help

Found = tuple[ProbeOutcome, str]
Work = LongWork[str, tuple[str, Found]]


@ft.component
def Measuring(
    services: Services,
    setup: Setup | None,
    asked: str,
    *,
    reason: str,
    is_offered: bool,
    on_measured: Callable[[], None],
) -> ft.Control:
    """`reason` is why the form cannot be measured yet; `asked` tells one form from another.

    What is under way or was found stays in sight, also where no other measurement is offered.
    """
    work: Work = use_long_work(ProbeCancelledError)
    why_not = reason or (services.probing.blocked(setup.target) if setup else "")

    def measure(tell: Tell) -> tuple[str, Found]:
        assert setup is not None
        return asked, services.probing.probe(services.training.request_of(setup, Path.home()), tell)

    async def begin() -> None:
        await work.run(measure, lambda _: on_measured())

    state = work.state
    if state.is_busy:
        return _UnderWay(work)
    button = ft.OutlinedButton(
        text("training.measuring.measure"),
        icon=ft.Icons.SPEED,
        disabled=setup is None or bool(why_not),
        tooltip=why_not or text("training.measuring.help"),
        on_click=begin,
    )
    lines: list[ft.Control] = [ErrorBanner(state.problem, on_dismiss=work.forget)]
    if is_offered:
        lines.append(ft.Row([button]))
    if state.outcome:
        lines.append(_Told(state.outcome[1], is_current=state.outcome[0] == asked))
    elif state.was_cancelled:
        lines.append(Help(text("training.measuring.cancelled")))
    elif is_offered and setup and setup.target is Target.DOCKER and not why_not:
        lines.append(Help(text("training.measuring.not_of_image")))
    return ft.Column(lines, spacing=GAP, tight=True)


def _UnderWay(work: Work) -> ft.Control:
    said = (
        text("training.measuring.cancelling")
        if work.state.is_cancelling
        else text("training.measuring.doing", news=work.state.news or text("training.measuring.starting"))
    )
    return ft.Row(
        [
            ft.Container(ProgressLine(said, identifier="measuring"), expand=True),
            ft.OutlinedButton(
                text("training.measuring.cancel"), disabled=work.state.is_cancelling, on_click=work.cancel
            ),
        ],
        spacing=GAP * 1.5,
    )


def _Told(found: Found, *, is_current: bool) -> ft.Control:
    outcome, remark = found
    sentences = [*outcome.sentences, remark, "" if is_current else text("training.measuring.form_changed")]
    texts: list[ft.Control] = [
        ft.Text(sentence, theme_style=ft.TextThemeStyle.BODY_SMALL) for sentence in sentences if sentence
    ]
    return Identified(
        "measured", ft.Column(texts, spacing=2, tight=True), live=True, label=text("training.measuring.label")
    )
