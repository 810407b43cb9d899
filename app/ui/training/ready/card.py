"""What the run will take in a few lines, and everything that was found out when unfolded."""

from collections.abc import Callable
from typing import Final

import flet as ft

from app.domain import preflight_words as words
from app.domain.preflight import ActiveLogger, Readiness, Remark
from app.ui.kit.identified import Identified
from app.ui.kit.status_pill import StatusPill, Tone
from app.ui.texts import counted, text, text_in
from app.ui.theme import GAP
from app.ui.training.abilities import Abilities
from app.ui.training.fields import Help, Wrap
from app.ui.training.ready.memory_bar import MemoryBar

_MOST_HEIGHT: Final = 260
"""Of what is unfolded, in logical pixels: beyond, it scrolls."""
_MOST_LINES: Final = 5
_LOGGER_TONES: Final[dict[bool | None, Tone]] = {True: "good", False: "warning", None: "neutral"}


def ReadyCard(found: Readiness | None, *, is_of_before: bool = False) -> ft.Control:
    """The memory bar, a line of figures, and what could not be looked up; no room while nothing is known.

    `is_of_before`: the form was changed since and nothing can be found out about it as it stands; it is said,
    and nothing is paler for it: it is to be read.
    """
    if found is None:
        return ft.Container(visible=False)
    lines: list[ft.Control] = [MemoryBar(found.memory)] if found.memory else []
    figures = [_figure(icon, name, said) for icon, name, said in _figures(found) if said]
    chips = [_logger(logger) for logger in found.loggers or ()]
    if figures or chips:
        lines.append(
            Identified("ready-figures", Wrap([*figures, *chips]), label=text("training.ready.figures"))
        )
    if found.unknown:
        said = Help(" ".join(found.unknown))
        lines.append(Identified("ready-unknown", said, live=True))
    column = ft.Column(lines, spacing=GAP, tight=True)
    before = Identified("ready-of-before", Help(text("training.ready.of_before")))
    return ft.Column([*([before] if is_of_before else []), column], spacing=GAP / 2, tight=True)


def ReadyDetails(found: Readiness, on_again: Callable[[], None]) -> ft.Control:
    """Errors and warnings with what to do, then every fact in words, then what can run here."""
    remarks = [RemarkLine(remark) for remark in found.remarks]
    facts: list[ft.Control] = [_fact(name, said) for name, said in words.facts(found)]
    if found.abilities:
        heading = text("training.ready.abilities")
        facts.append(Abilities(found.abilities, heading, identifier="ready-abilities"))
    again = ft.TextButton(text("training.ready.check_again"), icon=ft.Icons.REFRESH, on_click=on_again)
    column = ft.Column(
        [*remarks, *facts, ft.Row([again])],
        spacing=GAP,
        scroll=ft.ScrollMode.AUTO,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    is_long = 2 * len(remarks) + len(facts) > _MOST_LINES
    return Identified(
        "ready-details",
        ft.Container(column, height=_MOST_HEIGHT if is_long else None),
        label=text("training.ready.details"),
    )


def ReadyPill(found: Readiness | None, *, is_current: bool, is_blocked: bool) -> ft.Control:
    """Whether it can start, in a word or two. `is_blocked` is by what needs no check."""
    return Identified("ready-state", StatusPill(*_state(found, is_current, is_blocked)), live=True)


def _state(found: Readiness | None, is_current: bool, is_blocked: bool) -> tuple[str, Tone]:
    if is_blocked or (is_current and found is not None and found.errors):
        return text("training.ready.not_ready"), "bad"
    if found is None or not is_current:
        return text("training.ready.checking"), "neutral"
    if count := len(found.warnings):
        return counted("training.ready.warnings", count), "warning"
    if found.unknown:
        return text("training.ready.partly"), "neutral"
    return text("training.ready.ready"), "good"


def _figures(found: Readiness) -> list[tuple[ft.IconData, str, str]]:
    disk, extent = found.disk, found.extent
    return [
        (ft.Icons.LINEAR_SCALE, text("training.ready.length"), words.short_length(extent) if extent else ""),
        (ft.Icons.SAVE_OUTLINED, text("training.ready.disk"), words.short_disk(disk) if disk else ""),
        (ft.Icons.DOWNLOAD_OUTLINED, text("training.ready.model"), words.short_download(found)),
        (ft.Icons.PAYMENTS_OUTLINED, text("training.ready.cost"), _short_cost(found)),
    ]


def _short_cost(found: Readiness) -> str:
    if found.plan is not None:
        return words.short_plan(found.plan)
    return text("training.ready.no_cost") if words.cost(found) else ""


def _figure(icon: ft.IconData, name: str, text: str) -> ft.Control:
    return ft.Row(
        [
            ft.Icon(icon, size=16, color=ft.Colors.ON_SURFACE_VARIANT, semantics_label=name),
            ft.Text(text, theme_style=ft.TextThemeStyle.BODY_SMALL),
        ],
        spacing=4,
        tight=True,
    )


def _logger(logger: ActiveLogger) -> ft.Control:
    said = words.logger_words(logger)
    is_blocking = logger.is_installed is False and logger.origin == "the config"
    return ft.Container(
        StatusPill(said, "bad" if is_blocking else _LOGGER_TONES[logger.is_installed]),
        tooltip=text("training.ready.gets_numbers", logger=said),
    )


def RemarkLine(remark: Remark) -> ft.Control:
    """An error or a warning with what to do."""
    is_error = remark.level == "error"
    color = ft.Colors.ERROR if is_error else ft.Colors.TERTIARY
    icon = ft.Icons.ERROR_OUTLINE if is_error else ft.Icons.WARNING_AMBER
    level = text_in("training.ready.levels", remark.level)
    title = f"{level} · {remark.about}: {remark.message}"
    texts: list[ft.Control] = [ft.Text(title, theme_style=ft.TextThemeStyle.BODY_MEDIUM)]
    if remark.hint:
        texts.append(Help(remark.hint))
    return ft.Row(
        [
            ft.Icon(icon, color=color, size=20, semantics_label=level),
            ft.Column(texts, spacing=2, tight=True, expand=True),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def _fact(name: str, text: str) -> ft.Control:
    return ft.Row(
        [
            ft.Container(
                ft.Text(name, theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=ft.Colors.ON_SURFACE_VARIANT),
                width=64,
            ),
            ft.Text(text[:1].upper() + text[1:], theme_style=ft.TextThemeStyle.BODY_SMALL, expand=True),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
