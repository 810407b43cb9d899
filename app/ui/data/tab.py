"""The Data tab: sessions on one side, the chosen one (or the ways to import) on the other."""

from collections.abc import Callable, Sequence
from typing import Final, cast

import flet as ft

from app.domain.sessions import ImportReport, Session, SessionId
from app.paths import Paths
from app.services.collecting import CollectingService
from app.services.library import LibraryService
from app.services.previews import PreviewService
from app.services.publishing import PublishingService
from app.ui.actions import use_action
from app.ui.data.collect.panel import CollectPanel
from app.ui.data.import_panel import ImportPanel
from app.ui.data.recently_deleted import RecentlyDeleted
from app.ui.data.session_list import SessionList
from app.ui.data.session_view import SessionView
from app.ui.kit.empty_state import EmptyState
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.page_heading import PageHeading
from app.ui.kit.tab_column import TabColumn
from app.ui.polling import use_polling
from app.ui.texts import text
from app.ui.theme import PAGE_PADDING, SPACE

_LIST_WIDTH: Final = 400
_REFRESH_SECONDS: Final = 3.0  # sessions may also come from the command line


@ft.component
def DataTab(
    library: LibraryService,
    paths: Paths,
    *,
    is_narrow: bool,
    publishing: PublishingService | None = None,
    previews: PreviewService | None = None,
    collecting: CollectingService | None = None,
) -> ft.Control:
    """Nothing chosen shows what to do; the import panel stays mounted, so that an import goes on unseen."""
    sessions, set_sessions = ft.use_state(cast(Sequence[Session] | None, None))
    chosen, set_chosen = ft.use_state(cast(SessionId | None, None))
    is_importing, set_importing = ft.use_state(False)
    refresh = use_action(library.sessions, on_done=set_sessions)
    use_polling(library.sessions, set_sessions, seconds=_REFRESH_SECONDS)

    def choose(session_id: SessionId | None) -> None:
        set_importing(False)
        set_chosen(session_id)

    def show(session: Session) -> None:
        choose(session.id)

    def open_import() -> None:
        set_importing(True)

    def back() -> None:
        choose(None)

    page = ft.context.page

    def imported(_: ImportReport) -> None:
        page.run_task(refresh.run)

    def changed() -> None:
        page.run_task(refresh.run)

    session = next((s for s in sessions or () if s.id == chosen), None)
    import_button = ft.FilledButton(text("data.tab.import"), icon=ft.Icons.ADD, on_click=open_import)
    overview = [
        PageHeading(text("data.tab.title"), text("data.tab.subtitle"), trailing=import_button),
        ErrorBanner(refresh.problem, retry=(text("data.tab.try_again"), refresh.run)),
        _list_or_empty(sessions, None if is_importing else chosen, choose),
        RecentlyDeleted(library, changed, count=len(sessions or ())),
    ]
    detail = [
        ft.Row(
            [ft.TextButton(text("data.tab.all_sessions"), icon=ft.Icons.ARROW_BACK, on_click=back)],
            visible=is_narrow,
        ),
        ft.Container(ImportPanel(library, paths, imported, show), visible=is_importing),
        ft.Container(_collect(collecting, choose, is_shown=is_importing), visible=is_importing),
        ft.Container(
            _session_or_hint(library, paths, session, changed, publishing, previews),
            visible=not is_importing,
            key=chosen or "none",
        ),
    ]
    return _panes(overview, detail, is_narrow=is_narrow, shows_detail=is_importing or session is not None)


def _collect(
    collecting: CollectingService | None, on_show: Callable[[SessionId], None], *, is_shown: bool
) -> ft.Control:
    if collecting is None:
        return ft.Container(visible=False)
    return CollectPanel(collecting, on_show, is_shown=is_shown)


def _panes(
    overview: Sequence[ft.Control], detail: Sequence[ft.Control], *, is_narrow: bool, shows_detail: bool
) -> ft.Control:
    """Side by side, or one at a time where the window is narrow; the tree is the same, so state is kept."""
    left = ft.Container(
        ft.Column(
            list(overview),
            spacing=SPACE,
            expand=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        padding=SPACE if is_narrow else PAGE_PADDING,
        width=None if is_narrow else _LIST_WIDTH,
        expand=is_narrow,
        visible=not (is_narrow and shows_detail),
    )
    right = ft.Container(TabColumn(detail), expand=True, visible=shows_detail or not is_narrow)
    return ft.Row(
        [left, ft.VerticalDivider(width=1, visible=not is_narrow), right],
        spacing=0,
        expand=True,
        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _list_or_empty(
    sessions: Sequence[Session] | None,
    chosen: SessionId | None,
    on_choose: Callable[[SessionId | None], None],
) -> ft.Control:
    if sessions is None:
        return ft.Row(
            [ft.ProgressRing(semantics_label=text("data.tab.loading"))], alignment=ft.MainAxisAlignment.CENTER
        )
    if not sessions:
        return EmptyState(
            ft.Icons.DATASET_OUTLINED,
            text("data.tab.none_yet"),
            text("data.tab.none_yet_help"),
        )
    return SessionList(sessions, chosen, on_choose)


def _session_or_hint(
    library: LibraryService,
    paths: Paths,
    session: Session | None,
    on_changed: Callable[[], object],
    publishing: PublishingService | None,
    previews: PreviewService | None,
) -> ft.Control:
    if session is not None:
        return SessionView(library, paths, session, on_changed, publishing, previews)
    return EmptyState(
        ft.Icons.TABLE_ROWS_OUTLINED,
        text("data.tab.choose"),
        text("data.tab.choose_help"),
    )
