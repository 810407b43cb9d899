"""One session: its name and origin, what can be done with it, and the ways to look at it."""

from collections.abc import Callable
from typing import Final

import flet as ft

from app.domain.sessions import Session
from app.paths import Paths
from app.services.library import LibraryService
from app.services.previews import PreviewService
from app.services.publishing import PublishingService
from app.ui.data.model_view.panel import SeenByModelView
from app.ui.data.rows.view import RowsView
from app.ui.data.session_actions import SessionActions
from app.ui.data.session_context import SessionContext, View
from app.ui.data.versions_view import VersionsView
from app.ui.data.wording import about
from app.ui.kit.entered import first_of
from app.ui.kit.identified import Identified
from app.ui.theme import GAP, SPACE

VIEWS: Final = (
    View("rows", ft.Icons.TABLE_ROWS_OUTLINED, RowsView),
    View("model", ft.Icons.VISIBILITY_OUTLINED, SeenByModelView),
    View("versions", ft.Icons.HISTORY, VersionsView),
)
"""The ways to look at a session; another one is another line."""


@ft.component
def SessionView(
    library: LibraryService,
    paths: Paths,
    session: Session,
    on_changed: Callable[[], object],
    publishing: PublishingService | None = None,
    previews: PreviewService | None = None,
) -> ft.Control:
    """`on_changed` is told after every change, a delete too."""
    known, set_known = ft.use_state(session)
    chosen, set_chosen = ft.use_state(VIEWS[0].name)
    newest = known if known.id == session.id and known.version > session.version else session

    def changed(after: Session) -> None:
        set_known(after)
        on_changed()

    context = SessionContext(library, paths, newest, changed, publishing, previews)
    view = next(view for view in VIEWS if view.name == chosen)
    return ft.Column(
        [
            _title(newest),
            SessionActions(context, on_changed),
            Identified("session-views", ft.Row([_switch(chosen, set_chosen)], scroll=ft.ScrollMode.AUTO)),
            ft.Container(view.show(context), key=view.name),
        ],
        spacing=SPACE,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _title(session: Session) -> ft.Control:
    lines: list[ft.Control] = [
        ft.Semantics(
            content=ft.Text(session.name, theme_style=ft.TextThemeStyle.TITLE_LARGE),
            header=True,
            heading_level=2,
        ),
        ft.Text(about(session), color=ft.Colors.ON_SURFACE_VARIANT),
    ]
    if session.tags:
        lines.append(ft.Row([Tag(tag) for tag in session.tags], wrap=True, spacing=GAP, run_spacing=GAP))
    return ft.Column(lines, spacing=4, tight=True)


def Tag(text: str) -> ft.Control:
    return ft.Container(
        ft.Text(text, theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=ft.Colors.ON_SECONDARY_CONTAINER),
        bgcolor=ft.Colors.SECONDARY_CONTAINER,
        border_radius=999,
        padding=ft.Padding.symmetric(horizontal=10, vertical=3),
        key=text,
    )


def _switch(chosen: str, on_choose: Callable[[str], None]) -> ft.Control:
    def choose(event: ft.Event[ft.SegmentedButton]) -> None:
        if wanted := first_of(event):
            on_choose(wanted)

    return ft.SegmentedButton(
        [ft.Segment(view.name, icon=view.icon, label=ft.Text(view.label)) for view in VIEWS],
        selected=[chosen],
        show_selected_icon=False,
        on_change=choose,
    )
