"""What the model answered to questions of its data while it learned, the newest first."""

from collections.abc import Sequence
from typing import Final

import flet as ft

from app.domain.runs import SampleAnswer
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import GAP

_FEW: Final = 2
_SHORT: Final = 300
"""Answers of so many letters in all, and so few of them, stand there whole; more are scrolled through."""


@ft.component
def SampleList(samples: Sequence[SampleAnswer]) -> ft.Control:
    """Nothing before the first answer. Memoise it: answers are rare."""
    if not samples:
        return ft.Container(visible=False)
    entries: list[ft.Control] = [_entry(number, sample) for number, sample in enumerate(samples)]
    if len(samples) <= _FEW and sum(len(sample.answer) for sample in samples) <= _SHORT:
        body = ft.Container(Selectable(ft.Column(entries, spacing=GAP * 1.5, tight=True)))
    else:
        body = ft.Container(Selectable(ft.ListView(entries, spacing=GAP * 1.5)), height=190)
    return ft.Column(
        [
            ft.Text(text("training.samples.title"), theme_style=ft.TextThemeStyle.TITLE_SMALL),
            Identified("samples", body, label=text("training.samples.label")),
        ],
        spacing=GAP / 2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _entry(number: int, sample: SampleAnswer) -> ft.Control:
    when = (
        text("training.samples.after_step", step=sample.step)
        if sample.step
        else text("training.samples.before")
    )
    return ft.Column(
        [
            _small(f"{when}: {sample.prompt}"),
            ft.Text(
                sample.answer or text("training.samples.says_nothing"),
                theme_style=ft.TextThemeStyle.BODY_MEDIUM,
            ),
            _small(text("training.samples.in_the_data", answer=sample.reference)),
        ],
        spacing=2,
        tight=True,
        key=f"{sample.step}-{number}",
    )


def _small(text: str) -> ft.Control:
    return ft.Text(text, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
