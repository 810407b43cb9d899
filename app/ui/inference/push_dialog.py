"""Put an export on the Hub: where to, who may see it, and what would be replaced there."""

from collections.abc import Callable
from typing import cast

import flet as ft

from app.domain.exports import Export, PushWish, Replacing, Told
from app.services.exporting import ExportService
from app.ui.kit.entered import is_on
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.long_work import LongWork, use_long_work
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help
from app.ui.training.watching import use_answer


@ft.component
def PushExport(
    exporting: ExportService, export: Export, on_close: Callable[[], None], on_changed: Callable[[], None]
) -> ft.Control:
    """Asks where to, says why not, asks again where files would be replaced, and shows how far it is."""
    repo = use_typed()
    is_public, set_public = ft.use_state(False)
    reason, set_reason = ft.use_state("")
    asked, ask = ft.use_state(cast(Replacing | None, None))
    work: LongWork[Told, Export | Replacing] = use_long_work()
    use_answer(exporting.pushing.why_no_push, set_reason, on=export.id)

    async def push() -> None:
        agreed = asked is not None and asked.repo == repo.now()
        wish = PushWish(repo.now(), is_private=not is_public, replaces=agreed)

        def done(outcome: Export | Replacing) -> None:
            if isinstance(outcome, Replacing):
                ask(outcome)
                return
            on_changed()
            on_close()

        await work.run(lambda tell: _push(exporting, export, wish, tell), done)

    def edit(event: ft.Event[ft.TextField]) -> None:
        ask(None)
        repo.edit(event)

    def choose(event: ft.Event[ft.Switch]) -> None:
        ask(None)
        set_public(is_on(event))

    body: list[ft.Control] = [
        Help(text("inference.push.about")),
        ft.Text(text("inference.push.offline", reason=reason), color=ft.Colors.ERROR, visible=bool(reason)),
        TextField(label=text("inference.push.model"), value=repo.shown, on_change=edit),
        ft.Switch(label=text("inference.push.public"), value=is_public, on_change=choose),
        *([_question(asked)] if asked is not None and not work.is_busy else []),
        ErrorBanner(work.state.problem, on_dismiss=work.forget),
    ]
    if work.state.was_cancelled:
        body.append(Identified("push-cancelled", ft.Text(text("inference.push.cancelled")), live=True))
    if work.is_busy:
        told = work.state.news or Told(text("inference.push.starting"))
        body.append(
            ProgressLine(
                text("inference.push.cancelling")
                if work.state.is_cancelling
                else text("inference.push.doing", doing=told.text),
                told.share,
                identifier="push-progress",
            )
        )
    ft.use_dialog(
        ft.AlertDialog(
            title=ft.Text(
                text("inference.push.title", name=export.label), theme_style=ft.TextThemeStyle.TITLE_LARGE
            ),
            content=ft.Container(
                ft.Column(
                    body, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
                ),
                width=520,
            ),
            scrollable=True,
            modal=work.is_busy,
            actions=[
                ft.TextButton(
                    text("inference.push.cancel"), disabled=work.state.is_cancelling, on_click=work.cancel
                )
                if work.is_busy
                else ft.TextButton(text("inference.push.close"), on_click=on_close),
                ft.FilledButton(
                    _act(asked, is_public=is_public),
                    disabled=bool(reason) or work.is_busy or not repo.shown.strip(),
                    on_click=push,
                    bgcolor=ft.Colors.ERROR if asked is not None else None,
                    color=ft.Colors.ON_ERROR if asked is not None else None,
                ),
            ],
            on_dismiss=on_close,
        )
    )
    return ft.Container(visible=False)


def _push(
    exporting: ExportService, export: Export, wish: PushWish, tell: Callable[[Told], None]
) -> Export | Replacing:
    """Sends nothing where files would be replaced and nobody has agreed to it."""
    tell(Told(text("inference.push.asking")))
    there = None if wish.replaces else exporting.pushing.replacing(export.id, wish)
    return there if there is not None else exporting.pushing.push(export.id, wish, tell)


def _act(asked: Replacing | None, *, is_public: bool) -> str:
    if asked is None:
        return text("inference.push.publicly") if is_public else text("inference.push.privately")
    return text("inference.push.replace_publicly" if is_public else "inference.push.replace_privately")


def _question(asked: Replacing) -> ft.Control:
    said = ft.Text(text("inference.push.nothing_sent", question=asked.text))
    icon = ft.Icon(ft.Icons.WARNING_AMBER, color=ft.Colors.ERROR, size=20)
    row = ft.Row(
        [icon, ft.Column([said], expand=True)], vertical_alignment=ft.CrossAxisAlignment.START, spacing=GAP
    )
    return Identified("push-replaces", row, live=True)
