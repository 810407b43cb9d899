"""The Merge tab: what goes in and by which rules on one side, what comes out on the other."""

from collections.abc import Callable, Sequence
from typing import Final, cast

import flet as ft

from app.domain.merging import MergeCancelledError, SavedMerge
from app.domain.sessions import Session
from app.paths import Paths
from app.services.library import LibraryService
from app.services.merging import MergeService
from app.ui.actions import use_action
from app.ui.kit.empty_state import EmptyState
from app.ui.kit.page_heading import PageHeading
from app.ui.kit.two_columns import use_two_columns
from app.ui.long_work import use_long_work
from app.ui.merge.draft import MergeDraft
from app.ui.merge.result_panel import Destination, MergeRun, Status
from app.ui.merge.rules import LeftOut, Order
from app.ui.merge.saved_list import Listed, SavedMerges, listed
from app.ui.merge.sources import Sources
from app.ui.texts import text
from app.ui.theme import PAGE_PADDING
from app.ui.training.watching import use_answer

_REFRESH_SECONDS: Final = 3.0  # sessions and merges may also come from the command line


@ft.component
def MergeTab(
    merging: MergeService,
    library: LibraryService,
    paths: Paths,
    on_go_to_data: Callable[[], None],
    *,
    is_shown: bool = True,
) -> ft.Control:
    """Nothing before it is first shown: the app opens sooner. From then on it keeps its state."""
    was_shown = ft.use_ref(False)
    was_shown.current = was_shown.current or is_shown
    if not was_shown.current:
        return ft.Container()
    return Merge(merging, library, paths, on_go_to_data, is_shown=is_shown)


@ft.component
def Merge(
    merging: MergeService,
    library: LibraryService,
    paths: Paths,
    on_go_to_data: Callable[[], None],
    *,
    is_shown: bool,
) -> ft.Control:
    draft = ft.use_memo(MergeDraft, dependencies=[])
    sessions, set_sessions = ft.use_state(cast(Sequence[Session] | None, None))
    merges, set_merges = ft.use_state(cast(tuple[Listed, ...], ()))
    columns = use_two_columns()
    refresh = use_action(lambda: listed(merging), on_done=set_merges)
    page = ft.context.page

    def take(found: tuple[tuple[Session, ...], tuple[Listed, ...]]) -> None:
        set_sessions(found[0])
        set_merges(found[1])

    use_answer(
        lambda: (tuple(library.sessions()), listed(merging)),
        take,
        on=is_shown,
        every_seconds=_REFRESH_SECONDS if is_shown else None,
    )

    def changed() -> None:
        page.run_task(refresh.run)

    def done(merge: SavedMerge) -> None:
        draft.merge_id = merge.id
        changed()

    work: MergeRun = use_long_work(MergeCancelledError)

    def edit(merge: SavedMerge) -> None:
        draft.load(merge, {str(session.id): session.name for session in sessions or ()})
        work.forget()

    async def run_again(merge: SavedMerge) -> None:
        edit(merge)
        if merge.result is not None and (file := merge.result.file) is not None:
            await work.run(lambda watch: merging.to_file(merge.recipe, file, merge.id, watch), done)
        else:
            await work.run(lambda watch: merging.to_session(merge.recipe, merge.id, watch), done)

    heading = PageHeading(text("merge.tab.title"), text("merge.tab.subtitle"))
    if sessions is not None and not (sessions or merges or draft.sources):
        import_button = ft.FilledButton(text("merge.tab.import"), icon=ft.Icons.ADD, on_click=on_go_to_data)
        nothing = EmptyState(
            ft.Icons.MERGE, text("merge.tab.nothing"), text("merge.tab.nothing_help"), import_button
        )
        return ft.Container(ft.Column([heading, nothing]), padding=PAGE_PADDING)
    known = sessions or ()
    form = [
        heading,
        SavedMerges(merging, merges, edit, run_again, changed, is_busy=work.state.is_busy),
        Sources(library, draft, known),
        Order(draft),
        LeftOut(draft, known),
    ]
    result = [Destination(merging, paths, draft, work, done), Status(work, on_go_to_data)]
    return columns.frame(form, result)
