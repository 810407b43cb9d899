"""Step from row to row and see each as the model does."""

from typing import Final, cast

import flet as ft

from app.domain.previews import Source
from app.services.previews import PreviewService
from app.ui.actions import Problem
from app.ui.data.model_view.token_view import TokenView
from app.ui.kit.entered import text_of, whole
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.text_field import TextField
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.watching import use_answer
from trainer_image.config import RunConfig
from trainer_image.look_protocol import Shown

_TYPING_SECONDS: Final = 0.15


@ft.component
def RowStepper(previews: PreviewService, source: Source, config: RunConfig, first: int = 0) -> ft.Control:
    """Begins at row `first`, from 0. Give it another key for another source."""
    number, set_number = ft.use_state(first)
    shown, set_shown = ft.use_state(cast(Shown | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    entries, set_entries = ft.use_state(0)

    def take(fresh: Shown) -> None:
        set_problem(None)
        set_shown(fresh)

    use_answer(
        lambda: previews.show(source, config, number),
        take,
        on=(source, config.model_dump_json(), number),
        delay_seconds=_TYPING_SECONDS,
        on_problem=set_problem,
    )
    last = source.row_count - 1 if source.row_count is not None else None

    def move(to: int) -> None:
        set_number(max(0, to if last is None else min(to, last)))

    def typed(event: ft.Event[ft.TextField]) -> None:
        set_entries(entries + 1)  # drawn anew, so that the field shows the row that is shown
        said = whole(text_of(event).strip())
        if said:
            move(said - 1)

    of = text("data.tokens.of", count=source.row_count) if source.row_count is not None else ""
    bar = ft.Row(
        [
            IconAction(
                ft.Icons.CHEVRON_LEFT,
                text("data.tokens.previous_row"),
                lambda: move(number - 1),
                disabled=number == 0,
            ),
            ft.Text(text("data.tokens.row")),
            TextField(
                value=str(number + 1),
                label=text("data.tokens.row_number"),
                width=110,
                dense=True,
                on_submit=typed,
                on_blur=typed,
            ),
            ft.Text(of, color=ft.Colors.ON_SURFACE_VARIANT),
            IconAction(
                ft.Icons.CHEVRON_RIGHT,
                text("data.tokens.next_row"),
                lambda: move(number + 1),
                disabled=last is not None and number >= last,
            ),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
    body: list[ft.Control] = [bar, ErrorBanner(problem)]
    if shown is not None and problem is None:
        body.append(TokenView(shown))
    elif problem is None:
        body.append(
            ft.Row(
                [
                    ft.ProgressRing(width=20, height=20, semantics_label=text("data.tokens.looking")),
                    ft.Text(text("data.tokens.loading")),
                ],
                spacing=GAP * 1.5,
            )
        )
    return ft.Column(body, spacing=GAP, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
