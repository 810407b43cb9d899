"""What two models answered, pair by pair, with what differs marked."""

from collections.abc import Sequence
from typing import Final

import flet as ft

from app.domain.comparing import Answered, Comparison
from app.domain.word_differences import Stretch, differences, likeness
from app.ui.inference.draft import Compare
from app.ui.inference.message import Rendered
from app.ui.kit.identified import Identified
from app.ui.kit.paging_bar import PagingBar
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import GAP, RADIUS
from app.ui.training.fields import Help, Toggle

_PER_PAGE: Final = 10


@ft.component
def Pairs(plan: Comparison, compare: Compare) -> ft.Control:
    start, set_start = ft.use_state(0)
    shows = compare.shows_differences

    def toggle(value: bool) -> None:
        compare.shows_differences = value

    async def move(to: int) -> None:
        set_start(to)

    first = min(start, max(0, len(plan.prompts) - 1))
    numbers = range(first, min(first + _PER_PAGE, len(plan.prompts)))
    lines: list[ft.Control] = [
        Toggle(text("inference.compare.mark"), shows, toggle, identifier="shows-differences"),
        *(_pair(plan, number, compare.growing, marks=shows) for number in numbers),
    ]
    if len(plan.prompts) > _PER_PAGE:
        lines.append(PagingBar(first, _PER_PAGE, len(plan.prompts), move))
    return ft.Column(lines, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _pair(plan: Comparison, number: int, growing: Answered | None, *, marks: bool) -> ft.Control:
    whole = (plan.answer(number, 0), plan.answer(number, 1))
    prompt = ft.Text(f"{number + 1}. {plan.prompts[number]}", theme_style=ft.TextThemeStyle.TITLE_SMALL)
    both = [one.text for one in whole if one is not None]
    if marks and len(both) == 2:
        stretches: Sequence[Sequence[Stretch] | None] = differences(both[0], both[1])
        note = (
            text("inference.compare.same")
            if both[0] == both[1]
            else text("inference.compare.alike", similarity=likeness(*both))
        )
    else:
        stretches, note = (None, None), ""
    cells: list[ft.Control] = [
        ft.Container(_cell(plan, number, side, growing, stretches[side]), col={"xs": 12, "md": 6})
        for side in (0, 1)
    ]
    lines: list[ft.Control] = [prompt, ft.ResponsiveRow(cells, spacing=GAP, run_spacing=GAP)]
    if note:
        lines.append(Help(note))
    column = ft.Column(lines, spacing=GAP / 2, tight=True, key=f"pair-{number}")
    return Identified(f"pair-{number + 1}", column)


def _cell(
    plan: Comparison, number: int, side: int, growing: Answered | None, stretches: Sequence[Stretch] | None
) -> ft.Control:
    who = ft.Text(plan.labels[side], theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=ft.Colors.PRIMARY)
    answered = plan.answer(number, side)
    if answered is None and growing is not None and (growing.prompt, growing.side) == (number, side):
        answered = growing
    lines: list[ft.Control] = [who]
    if answered is None:
        lines.append(ft.Text(text("inference.compare.not_asked"), color=ft.Colors.ON_SURFACE_VARIANT))
    elif not answered.text and answered.facts is not None:
        lines.append(ft.Text(text("inference.compare.silent"), color=ft.Colors.ON_SURFACE_VARIANT))
    elif stretches is not None:
        lines.append(Selectable(_marked(stretches)))
    else:
        lines.append(Rendered(answered.text or "…"))
    if answered is not None and answered.facts is not None:
        facts = text(
            "inference.compare.facts", count=answered.facts.tokens, speed=answered.facts.tokens_per_second
        )
        lines.append(Help(facts))
    return Identified(
        f"answer-{number + 1}-{side + 1}",
        ft.Container(
            ft.Column(lines, spacing=GAP / 2, tight=True),
            bgcolor=ft.Colors.SURFACE_CONTAINER,
            border_radius=RADIUS,
            padding=GAP * 1.5,
        ),
        label=plan.labels[side],
    )


def _marked(stretches: Sequence[Stretch]) -> ft.Control:
    """What only this side says is bold and underlined: not by colour alone."""
    own = ft.TextStyle(
        weight=ft.FontWeight.BOLD,
        decoration=ft.TextDecoration.UNDERLINE,
        color=ft.Colors.TERTIARY,
    )
    return ft.Text(spans=[ft.TextSpan(one.text, style=None if one.is_common else own) for one in stretches])
