"""What was done to a session, version by version; an older one can be looked at and brought back."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import flet as ft

from app.domain.sessions import Session, SessionVersion
from app.ui.actions import use_action
from app.ui.data.conversation import RowCard
from app.ui.data.session_context import SessionContext
from app.ui.data.wording import rows, when
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.paging_bar import PagingBar
from app.ui.kit.section import Card
from app.ui.kit.selectable import Selectable
from app.ui.pages import use_pages
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.mounting import keyed

PAGE_ROWS = 10


@ft.component
def VersionsView(context: SessionContext) -> ft.Control:
    """Newest first."""
    library, session = context.library, context.session
    found, set_found = ft.use_state(cast(Sequence[SessionVersion], ()))
    looked_at, set_looked_at = ft.use_state(cast(SessionVersion | None, None))
    wanted = ft.use_ref(0)
    load = use_action(lambda: library.editing.versions(session.id), on_done=set_found)

    def restored(after: Session) -> None:
        set_looked_at(None)
        context.on_changed(after)

    restore = use_action(lambda: library.editing.restore(session, wanted.current or 1), on_done=restored)
    ft.use_effect(load.run, dependencies=[session.version], cleanup=_nothing)

    async def bring_back(version: int) -> None:
        wanted.current = version
        await restore.run()

    def entry(one: SessionVersion) -> ft.Control:
        return _entry(
            one,
            is_newest=one.version == session.version,
            on_look=partial(set_looked_at, one),
            on_restore=partial(bring_back, one.version),
        )

    body: list[ft.Control] = [
        ErrorBanner(load.problem, retry=(text("data.versions.try_again"), load.run)),
        ErrorBanner(restore.problem, on_dismiss=restore.dismiss),
        Identified(
            "versions",
            ft.Column(
                [entry(one) for one in found],
                spacing=GAP,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
        ),
    ]
    if looked_at is not None:
        body.append(keyed(OldRows, f"version-{looked_at.version}", context, looked_at))
    return ft.Column(body, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _entry(
    one: SessionVersion, *, is_newest: bool, on_look: Callable[[], Any], on_restore: Callable[[], Any]
) -> ft.Control:
    quiet = ft.Colors.ON_SURFACE_VARIANT
    said = ft.Column(
        [
            ft.Text(
                text("data.versions.version_now", version=one.version, summary=one.summary)
                if is_newest
                else text("data.versions.version", version=one.version, summary=one.summary),
                theme_style=ft.TextThemeStyle.LABEL_LARGE,
            ),
            ft.Text(f"{rows(one.row_count)} · {when(one.created_at)}", color=quiet),
            Selectable(
                ft.Text(
                    one.content_hash[:16],
                    font_family=CODE_FONT,
                    theme_style=ft.TextThemeStyle.BODY_SMALL,
                    color=quiet,
                )
            ),
        ],
        spacing=2,
        tight=True,
        expand=True,
    )
    buttons: list[ft.Control] = [
        CopyButton(one.content_hash, what=text("data.versions.the_hash", version=one.version))
    ]
    if not is_newest:
        buttons += [
            ft.TextButton(text("data.versions.show", version=one.version), on_click=on_look),
            ft.OutlinedButton(
                text("data.versions.restore", version=one.version), icon=ft.Icons.RESTORE, on_click=on_restore
            ),
        ]
    line = ft.Row([ft.Container(said, width=300), *buttons], wrap=True, spacing=GAP, run_spacing=GAP)
    return ft.Container(Card(line, padding=14), key=one.version)


@ft.component
def OldRows(context: SessionContext, version: SessionVersion) -> ft.Control:
    """The rows of an older version, to look at."""
    pages = use_pages(
        lambda start: context.library.rows(
            context.session.id, start=start, limit=PAGE_ROWS, version=version.version
        )
    )
    return ft.Column(
        [
            ft.Text(
                text("data.versions.rows_of", version=version.version),
                theme_style=ft.TextThemeStyle.TITLE_SMALL,
            ),
            ErrorBanner(pages.load.problem, retry=(text("data.versions.try_again"), pages.load.run)),
            Identified(
                "old-rows",
                Selectable(ft.Column([RowCard(row) for row in pages.rows], spacing=GAP, tight=True)),
            ),
            PagingBar(pages.start, PAGE_ROWS, version.row_count, pages.move),
        ],
        spacing=GAP * 1.5,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _nothing() -> None:
    pass
