"""Sessions that were deleted lately, each with the way back."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, cast

import flet as ft

from app.domain.sessions import Session, SessionId
from app.services.library import LibraryService
from app.ui.actions import use_action
from app.ui.data.wording import rows
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.polling import use_polling
from app.ui.texts import text
from app.ui.theme import GAP

_REFRESH_SECONDS: Final = 3.0
_TIDY_SECONDS: Final = 3600.0
_SHOWN: Final = 5


@ft.component
def RecentlyDeleted(library: LibraryService, on_changed: Callable[[], object], *, count: int) -> ft.Control:
    """Nothing while there are none. It also removes, now and every hour, what was deleted a week ago; a new
    `count` of sessions has it look again at once."""
    deleted, set_deleted = ft.use_state(cast(Sequence[Session], ()))
    is_open, set_open = ft.use_state(False)
    wanted = ft.use_ref(cast(SessionId | None, None))
    look = use_action(library.deleted, on_done=set_deleted)
    use_polling(library.deleted, set_deleted, seconds=_REFRESH_SECONDS)
    use_polling(library.tidy, _nothing, seconds=_TIDY_SECONDS)
    ft.use_effect(look.run, dependencies=[count], cleanup=lambda: None)

    def back(session: Session) -> None:
        set_deleted([one for one in deleted if one.id != session.id])
        on_changed()

    undelete = use_action(lambda: library.undelete(wanted.current or SessionId("")), on_done=back)

    async def bring_back(session_id: SessionId) -> None:
        wanted.current = session_id
        await undelete.run()

    if not deleted:
        return ft.Container(visible=False)
    entries = [_entry(one, partial(bring_back, one.id)) for one in deleted[:_SHOWN]]
    if len(deleted) > _SHOWN:
        entries.append(ft.Text(text("data.deleted.more", count=len(deleted) - _SHOWN)))
    return Identified(
        "recently-deleted",
        ft.Column(
            [
                ft.Row(
                    [
                        ft.TextButton(
                            text("data.deleted.title", count=len(deleted)),
                            icon=ft.Icons.EXPAND_LESS if is_open else ft.Icons.EXPAND_MORE,
                            on_click=lambda: set_open(not is_open),
                        )
                    ]
                ),
                ErrorBanner(undelete.problem, on_dismiss=undelete.dismiss),
                ft.Column(entries, spacing=0, tight=True, visible=is_open),
            ],
            spacing=GAP,
            tight=True,
        ),
    )


def _entry(session: Session, on_click: Callable[[], object]) -> ft.Control:
    return ft.Row(
        [
            ft.Text(
                f"{session.name}, {rows(session.row_count)}",
                max_lines=1,
                overflow=ft.TextOverflow.ELLIPSIS,
                expand=True,
            ),
            IconAction(
                ft.Icons.RESTORE_FROM_TRASH, text("data.deleted.bring_back", name=session.name), on_click
            ),
        ],
        key=session.id,
    )


def _nothing(_: object) -> None:
    pass
