"""All sessions, found by name, source or tag."""

from collections.abc import Callable, Sequence

import flet as ft

from app.domain.finding import is_wanted
from app.domain.sessions import Session, SessionId
from app.ui.data.wording import about
from app.ui.kit.empty_state import EmptyState
from app.ui.kit.entered import text_of
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.texts import text
from app.ui.theme import GAP, RADIUS


@ft.component
def SessionList(
    sessions: Sequence[Session], chosen: SessionId | None, on_choose: Callable[[SessionId], None]
) -> ft.Control:
    """A search box over names, sources and tags, and the tags to choose from; the chosen one is marked."""
    query, set_query = ft.use_state("")
    tag, set_tag = ft.use_state("")

    def search(event: ft.Event[ft.TextField]) -> None:
        set_query(text_of(event))

    tags = sorted({tag for session in sessions for tag in session.tags})
    only = tag if tag in tags else ""
    found = [s for s in sessions if is_wanted(s, query, only)]
    entries = [_entry(s, is_chosen=s.id == chosen, on_choose=on_choose) for s in found]
    nothing = EmptyState(
        ft.Icons.SEARCH_OFF,
        text("data.sessions.nothing_found"),
        text("data.sessions.nothing_matches", words=query.strip() or only),
    )
    listed = ft.ListView(entries, spacing=4, expand=True) if entries or not sessions else nothing
    return ft.Column(
        [
            TextField(
                label=text("data.sessions.search"),
                prefix_icon=ft.Icons.SEARCH,
                value=query,
                on_change=search,
                dense=True,
            ),
            ft.Row(
                [_tag_chip(one, is_chosen=one == only, on_choose=set_tag) for one in tags],
                scroll=ft.ScrollMode.AUTO,
                visible=bool(tags),
                spacing=GAP,
            ),
            Identified("sessions", listed, label=text("data.sessions.title"), expand=True),
        ],
        spacing=GAP * 1.5,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _tag_chip(tag: str, *, is_chosen: bool, on_choose: Callable[[str], None]) -> ft.Control:
    """Choosing the chosen one again shows all."""

    def choose() -> None:
        on_choose("" if is_chosen else tag)

    return ft.Chip(label=ft.Text(tag), selected=is_chosen, on_select=choose, key=tag)


def _entry(session: Session, *, is_chosen: bool, on_choose: Callable[[SessionId], None]) -> ft.Control:
    def choose() -> None:
        on_choose(session.id)

    return ft.ListTile(
        title=ft.Text(
            session.name,
            theme_style=ft.TextThemeStyle.LABEL_LARGE,
            max_lines=1,
            overflow=ft.TextOverflow.ELLIPSIS,
        ),
        subtitle=ft.Text(
            about(session),
            max_lines=2,
            overflow=ft.TextOverflow.ELLIPSIS,
            theme_style=ft.TextThemeStyle.BODY_SMALL,
        ),
        leading=ft.Icon(ft.Icons.CHECK_CIRCLE if is_chosen else ft.Icons.DATASET_OUTLINED),
        selected=is_chosen,
        selected_tile_color=ft.Colors.SECONDARY_CONTAINER,
        selected_color=ft.Colors.ON_SECONDARY_CONTAINER,
        shape=ft.RoundedRectangleBorder(radius=RADIUS),
        content_padding=ft.Padding.symmetric(horizontal=12, vertical=2),
        on_click=choose,
        key=session.id,
    )
