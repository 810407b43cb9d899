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
from app.ui.theme import GAP
from app.ui.training.fields import Help

Found = tuple[ProbeOutcome, str]
Work = LongWork[str, tuple[str, Found]]


@ft.component
def Measuring(
    services: Services, setup: Setup | None, asked: str, *, reason: str, on_measured: Callable[[], None]
) -> ft.Control:
    """`reason` is why the form cannot be measured yet; `asked` tells one form from another."""
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
        "Measure on this computer",
        icon=ft.Icons.SPEED,
        disabled=setup is None or bool(why_not),
        tooltip=why_not or "Takes the first steps on the longest rows, and trains nothing",
        on_click=begin,
    )
    lines: list[ft.Control] = [ErrorBanner(state.problem, on_dismiss=work.forget), ft.Row([button])]
    if state.outcome:
        lines.append(_Told(state.outcome[1], is_current=state.outcome[0] == asked))
    elif state.was_cancelled:
        lines.append(Help("Measuring was cancelled; nothing was trained."))
    elif setup and setup.target is Target.DOCKER and not why_not:
        lines.append(Help("Measures with the libraries of this computer, not those of the image."))
    return ft.Column(lines, spacing=GAP, tight=True)


def _UnderWay(work: Work) -> ft.Control:
    said = "Cancelling…" if work.state.is_cancelling else f"Measuring: {work.state.news or 'starting'}…"
    return ft.Row(
        [
            ft.Container(ProgressLine(said, identifier="measuring"), expand=True),
            ft.OutlinedButton("Cancel", disabled=work.state.is_cancelling, on_click=work.cancel),
        ],
        spacing=GAP * 1.5,
    )


def _Told(found: Found, *, is_current: bool) -> ft.Control:
    outcome, remark = found
    sentences = [*outcome.sentences, remark, "" if is_current else "The form has changed since."]
    texts: list[ft.Control] = [
        ft.Text(sentence, theme_style=ft.TextThemeStyle.BODY_SMALL) for sentence in sentences if sentence
    ]
    return Identified("measured", ft.Column(texts, spacing=2, tight=True), live=True, label="Measured")
