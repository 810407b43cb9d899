"""Put a session on the Hub: first what looks like personal data, then where to, and for whom."""

from collections.abc import Callable, Sequence
from typing import cast

import flet as ft

from app.domain.personal_data import KindFound
from app.domain.publishing import Published, PublishWish, found_in_words
from app.domain.sessions import Session
from app.services.publishing import PublishingService
from app.ui.actions import use_action
from app.ui.data.working import ToldWork, WorkStatus, counting, use_work
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.entered import is_on
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text
from app.ui.theme import GAP


def use_publishing(publishing: PublishingService, session: Session) -> Callable[[], object]:
    """Returns what opens the dialog."""
    is_open, set_open = ft.use_state(False)
    reason, set_reason = ft.use_state("")
    found, set_found = ft.use_state(cast(Sequence[KindFound] | None, None))
    published, set_published = ft.use_state(cast(Published | None, None))
    is_accepted, set_accepted = ft.use_state(False)
    is_public, set_public = ft.use_state(False)
    is_update, set_update = ft.use_state(False)
    repo, license_name = use_typed(), use_typed()
    work = use_work()
    ask = use_action(publishing.why_not, on_done=set_reason)

    async def open_dialog() -> None:
        set_found(None)
        set_published(None)
        set_accepted(False)
        set_open(True)
        await ask.run()
        await work.run(lambda tell: publishing.check(session, counting(tell, "looked_at")), set_found)

    def close() -> None:
        work.cancel()
        set_open(False)

    async def publish() -> None:
        wish = PublishWish(repo.now(), is_private=not is_public, license=license_name.now(), update=is_update)
        await work.run(
            lambda tell: publishing.publish(session, wish, tell, accept_found=is_accepted), set_published
        )

    may = found is not None and (not found or is_accepted) and not reason and bool(repo.shown.strip())
    fields: list[ft.Control] = [
        TextField(label=text("data.publish.dataset"), value=repo.shown, on_change=repo.edit),
        TextField(label=text("data.publish.licence"), value=license_name.shown, on_change=license_name.edit),
        ft.Switch(
            label=text("data.publish.public"),
            value=is_public,
            on_change=lambda event: set_public(is_on(event)),
        ),
        ft.Switch(
            label=text("data.publish.replace"),
            value=is_update,
            on_change=lambda event: set_update(is_on(event)),
        ),
    ]
    body = [
        ft.Text(text("data.publish.offline", reason=reason) if reason else "", visible=bool(reason)),
        _personal(found, work),
        ft.Checkbox(
            label=text("data.publish.all_the_same"),
            value=is_accepted,
            visible=bool(found),
            on_change=lambda event: set_accepted(is_on(event)),
        ),
        *(fields if published is None else []),
        WorkStatus(work, identifier="publish-progress"),
        _done(published),
    ]
    dialog = ft.AlertDialog(
        title=ft.Text(
            text("data.publish.title", name=session.name), theme_style=ft.TextThemeStyle.TITLE_LARGE
        ),
        content=ft.Container(
            ft.Column(
                body, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
            ),
            width=520,
        ),
        scrollable=True,
        actions=[
            ft.TextButton(text("data.publish.close"), on_click=close),
            ft.FilledButton(
                text("data.publish.publicly") if is_public else text("data.publish.privately"),
                disabled=not may or work.is_busy or published is not None,
                on_click=publish,
            ),
        ],
        on_dismiss=close,
    )
    ft.use_dialog(dialog if is_open else None)
    return open_dialog


def _personal(found: Sequence[KindFound] | None, work: ToldWork) -> ft.Control:
    if found is None:
        said = text("data.publish.looking") if work.is_busy else text("data.publish.not_looked")
    elif not found:
        said = text("data.publish.none_found")
    else:
        first = "; ".join(
            text(
                "data.publish.found_rows",
                kind=one.label,
                rows=", ".join(f"{position + 1:,}" for position in one.rows[:5]),
            )
            for one in found
        )
        said = text("data.publish.found", kinds=found_in_words(found), rows=first)
    return Identified("personal-data", ft.Text(said), live=True)


def _done(published: Published | None) -> ft.Control:
    if published is None:
        return ft.Container(visible=False)
    line = ft.Row(
        [
            ft.Icon(ft.Icons.CHECK_CIRCLE_OUTLINE, color=ft.Colors.PRIMARY),
            ft.Text(text("data.publish.done", count=published.row_count, url=published.url), expand=True),
            CopyButton(published.url, what=text("data.publish.the_address")),
        ]
    )
    return Identified("published", line, live=True)
