"""Work in the Data tab that is told of in words."""

from collections.abc import Callable
from typing import Any

import flet as ft

from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.progress_line import ProgressLine
from app.ui.long_work import LongWork, Tell, use_long_work
from app.ui.texts import text, text_in
from app.ui.theme import GAP

ToldWork = LongWork[str, Any]


def use_work(*, only_looks: bool = False) -> ToldWork:
    """A person's cancel ends it without a word; see `use_long_work`."""
    return use_long_work(only_looks=only_looks)


def WorkStatus(work: ToldWork, *, identifier: str) -> ft.Control:
    """What went wrong or, of what takes longer than a blink, how far it is and a way out."""
    state = work.state
    if state.problem is not None:
        return ErrorBanner(state.problem, on_dismiss=work.forget)
    if not state.is_busy or not state.news:
        return ft.Container(visible=False)
    said = text("data.progress.cancelling") if state.is_cancelling else state.news
    return ft.Row(
        [
            ft.Container(ProgressLine(said, identifier=identifier), expand=True),
            ft.OutlinedButton(
                text("data.progress.cancel"), disabled=state.is_cancelling, on_click=work.cancel
            ),
        ],
        spacing=GAP * 1.5,
    )


def counting(tell: Tell[str], done: str) -> Callable[[int], None]:
    """Progress in rows, put into words: "12,000 rows looked at". `done` is looked_at, hashed or done."""
    return lambda count: tell(text_in("data.progress.rows", done, count=count))
