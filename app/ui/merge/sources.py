"""The sources of a merge: added, put in order, weighted, capped."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import flet as ft

from app.domain.mapping import ColumnMapping
from app.domain.merging import MergeSource
from app.domain.sessions import Session
from app.domain.typed_paths import expanded
from app.services.library import LibraryService
from app.ui.actions import use_action
from app.ui.data.columns import ColumnChoice
from app.ui.data.wording import rows
from app.ui.kit.browse_button import beside_browse
from app.ui.kit.entered import text_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.merge.draft import MergeDraft, SourceDraft
from app.ui.offline import Reason, use_reason
from app.ui.texts import text, text_in
from app.ui.theme import GAP, RADIUS
from app.ui.training.fields import Choice, Grid, Segments, TextInput

_KINDS = ("session", "file", "hub")


@ft.component
def Sources(library: LibraryService, draft: MergeDraft, sessions: Sequence[Session]) -> ft.Control:
    """The chosen ones, and under them the ways to add another."""
    kind, set_kind = ft.use_state("session")
    adding: dict[str, Callable[[], ft.Control]] = {
        "session": lambda: _AddSession(draft, sessions),
        "file": lambda: AddFile(draft),
        "hub": lambda: AddHub(library, draft),
    }
    counts = {name: s.row_count for s in sessions for name in (s.name, str(s.id))}  # recipes name either
    cards = [_source(library, draft, source, place, counts) for place, source in enumerate(draft.sources)]
    empty = ft.Text(text("merge.sources.none_yet"), color=ft.Colors.ON_SURFACE_VARIANT)
    return Section(
        text("merge.sources.title"),
        [
            Identified("merge-sources", ft.Column(cards or [empty], spacing=GAP, tight=True)),
            Segments(
                "add-from",
                text("merge.sources.add_from"),
                kind,
                [(each, text_in("merge.sources.kinds", each)) for each in _KINDS],
                set_kind,
            ),
            ft.Container(adding[kind](), key=kind),
        ],
        subtitle=text("merge.sources.about"),
    )


def _source(
    library: LibraryService, draft: MergeDraft, source: SourceDraft, place: int, counts: dict[str, int]
) -> ft.Control:
    def up() -> None:
        draft.move_up(source.key)

    def remove() -> None:
        draft.remove(source.key)

    count = counts.get(source.place.session or "")
    about = (
        rows(count)
        if count is not None
        else text("merge.sources.file")
        if source.place.file
        else text("merge.sources.hub")
    )
    if source.place.session and count is None:
        about = text("merge.sources.gone")
    title = ft.Column(
        [
            ft.Text(source.label, theme_style=ft.TextThemeStyle.LABEL_LARGE),
            ft.Text(about, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT),
        ],
        spacing=2,
        tight=True,
        expand=True,
    )
    head = ft.Row(
        [
            title,
            IconAction(
                ft.Icons.ARROW_UPWARD,
                text("merge.sources.move_up", name=source.label),
                up,
                disabled=place == 0,
            ),
            IconAction(ft.Icons.CLOSE, text("merge.sources.remove", name=source.label), remove),
        ]
    )
    lines: list[ft.Control] = [head, _numbers(draft, source)]

    def map_columns(change: Callable[[ColumnMapping | None], ColumnMapping | None]) -> None:
        draft.change(source.key, lambda now: replace(now, mapping=change(now.mapping)))

    if not source.place.session:
        lines.append(ColumnChoice(library, source.place, source.mapping, map_columns))
    return ft.Container(
        ft.Column(lines, spacing=GAP, tight=True),
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        border_radius=RADIUS,
        padding=12,
        key=source.key,
    )


def _numbers(draft: MergeDraft, source: SourceDraft) -> ft.Control:
    fields = [_number(draft, source, name) for name in draft.shown_numbers]
    return Grid(fields, columns=len(fields))


def _number(draft: MergeDraft, source: SourceDraft, name: str) -> ft.Control:
    def edit(event: ft.Event[ft.TextField]) -> None:
        draft.type_number(source.key, name, text_of(event))

    return TextField(
        label=text_in("merge.numbers", name),
        value=getattr(source, name),
        hint_text="" if name == "weight" else "all",
        error=source.problem(name) or None,
        keyboard_type=ft.KeyboardType.NUMBER,
        dense=True,
        on_change=edit,
    )


def _AddSession(draft: MergeDraft, sessions: Sequence[Session]) -> ft.Control:
    def choose(session_id: str) -> None:
        session = next(s for s in sessions if s.id == session_id)
        draft.add(session.name, MergeSource(session=session.id))

    taken = {source.place.session for source in draft.sources}
    free = [s for s in sessions if s.id not in taken and s.name not in taken]
    options = [(str(s.id), f"{s.name}, {rows(s.row_count)}") for s in free]
    if not options:
        return ft.Text(text("merge.sources.all_taken"), color=ft.Colors.ON_SURFACE_VARIANT)
    # Another key after each choice: the dropdown is empty again.
    choice = Choice(
        "add-session",
        text("merge.sources.add_session"),
        "",
        options,
        choose,
        hint=text("merge.sources.choose_session"),
    )
    return ft.Container(choice, key=len(draft.sources))


@ft.component
def AddFile(draft: MergeDraft) -> ft.Control:
    path = use_typed()

    def take(typed: str) -> None:
        file = expanded(typed).absolute()
        draft.add(file.name, MergeSource(file=file))

    def add() -> None:
        take(path.now().strip())

    field = TextField(label=text("merge.sources.path"), value=path.shown, on_change=path.edit, on_submit=add)
    browsed = beside_browse(
        field, text("merge.sources.browse"), take, title=text("merge.sources.choose_file")
    )
    button = ft.OutlinedButton(text("merge.sources.add_file"), disabled=not path.shown.strip(), on_click=add)
    return ft.Row([ft.Container(browsed, expand=True), button])


@ft.component
def AddHub(library: LibraryService, draft: MergeDraft) -> ft.Control:
    blocked = use_reason(library.why_no_hub)
    repo, set_repo = ft.use_state("")
    split, set_split = ft.use_state("train")
    subset, set_subset = ft.use_state("")

    def make() -> MergeSource:
        return MergeSource(hub=repo.strip(), split=split.strip() or "train", subset=subset.strip() or None)

    def added(source: MergeSource) -> None:
        draft.add(source.label, source)

    add = use_action(make, on_done=added)
    return ft.Column(
        [
            ErrorBanner(add.problem, on_dismiss=add.dismiss),
            Reason(blocked, identifier="merge-hub-blocked"),
            TextInput(text("merge.sources.repository"), repo, set_repo, hint="owner/name"),
            Grid(
                [
                    TextInput(text("merge.sources.split"), split, set_split),
                    TextInput(text("merge.sources.configuration"), subset, set_subset),
                ]
            ),
            ft.Row(
                [
                    ft.OutlinedButton(
                        text("merge.sources.add_dataset"),
                        disabled=bool(blocked) or not repo.strip(),
                        on_click=add.run,
                    )
                ]
            ),
            ft.Text(
                text("merge.sources.hub_help"),
                theme_style=ft.TextThemeStyle.BODY_SMALL,
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
        ],
        spacing=GAP * 1.5,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
