"""What is being collected and what was, newest first."""

from collections.abc import Callable, Sequence
from typing import Final, cast

import flet as ft

from app.domain.scraping import Scrape, ScrapeStatus
from app.domain.sessions import SessionId
from app.services.collecting import CollectingService
from app.services.scrape_jobs import Progress
from app.ui.actions import use_action
from app.ui.data.collect.wording import TONES, counts, how_far, share
from app.ui.data.wording import when
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.section import Section
from app.ui.kit.selectable import Selectable
from app.ui.kit.status_pill import StatusPill
from app.ui.texts import text, text_in
from app.ui.theme import GAP, SPACE
from app.ui.training.watching import use_answer

_BUSY_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 5.0  # the command line may collect too


@ft.component
def CollectHistory(
    collecting: CollectingService, on_show: Callable[[SessionId], None], *, started: int
) -> ft.Control:
    """Looks again at once when `started` changes, and often while something is collected."""
    history, set_history = ft.use_state(cast(Sequence[Progress], ()))
    looked, look = ft.use_state(0)
    is_busy = any(progress.scrape.status is ScrapeStatus.RUNNING for progress in history)
    use_answer(
        collecting.history,
        set_history,
        on=(started, looked, is_busy),
        every_seconds=_BUSY_SECONDS if is_busy else _IDLE_SECONDS,
    )
    if not history:
        return ft.Container(visible=False)
    cards: list[ft.Control] = []
    for progress in history:
        if cards:
            cards.append(ft.Divider())
        card = ScrapeCard(collecting, progress, on_show, lambda: look(lambda n: n + 1))
        cards.append(ft.Container(card, key=progress.scrape.id))
    return Section(text("data.collect.history"), [ft.Column(cards, spacing=SPACE, tight=True)])


@ft.component
def ScrapeCard(
    collecting: CollectingService,
    progress: Progress,
    on_show: Callable[[SessionId], None],
    on_changed: Callable[[], None],
) -> ft.Control:
    """One scrape: its status and counts, and what can be done with it."""
    scrape = progress.scrape
    cancel = use_action(lambda: collecting.cancel(scrape.id), on_done=lambda _: on_changed())
    resume = use_action(lambda: collecting.start_again(scrape.id), on_done=lambda _: on_changed())
    forget = _use_forget(collecting, scrape, on_changed)
    pill = StatusPill(text_in("data.collect.statuses", scrape.status), TONES[scrape.status])
    title = ft.Column(
        [
            ft.Text(scrape.name, theme_style=ft.TextThemeStyle.TITLE_SMALL),
            ft.Text(f"{scrape.source} · {when(scrape.started_at)}", color=ft.Colors.ON_SURFACE_VARIANT),
        ],
        spacing=2,
        tight=True,
        expand=True,
    )
    lines: list[ft.Control] = [
        ft.Row([title, pill], vertical_alignment=ft.CrossAxisAlignment.START),
        _progress(progress),
        _message(scrape),
        ErrorBanner(cancel.problem, on_dismiss=cancel.dismiss),
        ErrorBanner(resume.problem, on_dismiss=resume.dismiss),
    ]
    buttons: list[ft.Control] = []
    if scrape.status is ScrapeStatus.RUNNING:
        buttons.append(
            ft.OutlinedButton(text("data.collect.cancel"), disabled=cancel.is_busy, on_click=cancel.run)
        )
    if scrape.status.can_resume:
        buttons.append(
            ft.FilledButton(text("data.collect.resume"), disabled=resume.is_busy, on_click=resume.run)
        )
    if (session := scrape.session_id) is not None:
        buttons.append(ft.TextButton(text("data.collect.show_rows"), on_click=lambda: on_show(session)))
    if scrape.status is not ScrapeStatus.RUNNING:
        buttons.append(
            IconAction(ft.Icons.DELETE_OUTLINE, text("data.collect.remove", name=scrape.name), forget)
        )
    lines.append(ft.Row(buttons, wrap=True, spacing=GAP))
    return Identified(f"scrape-{scrape.id}", ft.Column(lines, spacing=GAP, tight=True), label=scrape.name)


def _progress(progress: Progress) -> ft.Control:
    if progress.scrape.status is ScrapeStatus.RUNNING:
        return ProgressLine(how_far(progress), share(progress.scrape), identifier="scrape-progress")
    return Identified("scrape-counts", ft.Text(counts(progress.scrape)))


def _message(scrape: Scrape) -> ft.Control:
    if not scrape.message:
        return ft.Container(visible=False)
    return Selectable(ft.Text(f"{scrape.message} {scrape.hint}".strip(), color=ft.Colors.ON_SURFACE_VARIANT))


def _use_forget(
    collecting: CollectingService, scrape: Scrape, on_changed: Callable[[], None]
) -> Callable[[], None]:
    """Returns what opens the dialog."""
    is_open, set_open = ft.use_state(False)

    def done(_: None) -> None:
        set_open(False)
        on_changed()

    forget = use_action(lambda: collecting.forget(scrape.id), on_done=done)
    stays = text("data.collect.remove_text")
    if scrape.status.can_resume:
        stays = text("data.collect.remove_text_last")
    dialog = ConfirmDialog(
        text("data.collect.remove_question", name=scrape.name),
        stays,
        confirm=text("data.collect.remove_confirm"),
        on_confirm=forget.run,
        on_cancel=lambda: set_open(False),
        is_busy=forget.is_busy,
        problem=forget.problem,
    )
    ft.use_dialog(dialog if is_open else None)
    return lambda: set_open(True)
