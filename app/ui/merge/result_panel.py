"""Where the result goes, the two buttons, and what came of them."""

from collections.abc import Callable

import flet as ft

from app.domain.merging import MergePreview, MergeProgress, MergeResult, SavedMerge
from app.domain.sessions import SessionRow
from app.paths import Paths
from app.services.merging import MergeService
from app.ui.data.wording import rows, shortened
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.section import Card, Section
from app.ui.kit.selectable import Selectable
from app.ui.kit.status_pill import StatusPill
from app.ui.long_work import LongWork
from app.ui.merge.draft import MergeDraft
from app.ui.merge.ledger_view import LedgerView
from app.ui.merge.wording import progress_text, share_of
from app.ui.texts import text, text_in
from app.ui.theme import GAP, SPACE
from app.ui.training.fields import Segments, TextInput, Toggle

_SHOWN_ROWS = 20
_PLACES = ("session", "file", "hub")

MergeRun = LongWork[MergeProgress, MergePreview | SavedMerge]


@ft.component
def Destination(
    merging: MergeService,
    paths: Paths,
    draft: MergeDraft,
    work: MergeRun,
    on_merged: Callable[[SavedMerge], None],
) -> ft.Control:
    """Name, place, Preview and Merge, each with the reason why not."""

    def put_name(text: str) -> None:
        draft.name = text

    def put_to(value: str) -> None:
        draft.to = "file" if value == "file" else "hub" if value == "hub" else "session"
        if draft.to == "file" and not draft.file:
            draft.file = str(paths.exports / "merged.jsonl")

    def put_file(text: str) -> None:
        draft.file = text

    async def preview() -> None:
        recipe = draft.to_recipe()
        await work.run(lambda watch: merging.preview(recipe, watch), _shown)

    async def merge() -> None:
        recipe, merge_id, path, wish = draft.to_recipe(), draft.merge_id, draft.to_path(), draft.to_wish()
        if draft.to == "hub":
            await work.run(lambda watch: merging.to_hub(recipe, wish, merge_id, watch), on_merged)
        elif draft.to == "file":
            await work.run(lambda watch: merging.to_file(recipe, path, merge_id, watch), on_merged)
        else:
            await work.run(lambda watch: merging.to_session(recipe, merge_id, watch), on_merged)

    controls: list[ft.Control] = [
        TextInput(text("merge.result.name"), draft.name, put_name),
        Segments(
            "to",
            text("merge.result.write_to"),
            draft.to,
            [(to, text_in("merge.result.places", to)) for to in _PLACES],
            put_to,
        ),
    ]
    if draft.to == "file":
        help_text = text("merge.result.file_help")
        controls.append(TextInput(text("merge.result.file"), draft.file, put_file, help_text=help_text))
    if draft.to == "hub":
        controls += _hub(draft)
    missing = draft.missing()
    can_preview = not work.state.is_busy and not draft.missing_rule()
    buttons = ft.Row(
        [
            ft.FilledButton(
                text("merge.result.merge"),
                icon=ft.Icons.MERGE,
                disabled=work.state.is_busy or bool(missing),
                tooltip=missing or None,
                on_click=merge,
            ),
            ft.OutlinedButton(
                text("merge.result.preview"),
                icon=ft.Icons.VISIBILITY_OUTLINED,
                disabled=not can_preview,
                on_click=preview,
            ),
            Identified(
                "merge-reason",
                ft.Text(
                    f"{missing}." if missing else "",
                    color=ft.Colors.ON_SURFACE_VARIANT,
                    theme_style=ft.TextThemeStyle.BODY_SMALL,
                ),
                live=True,
            ),
        ],
        wrap=True,
        spacing=GAP * 1.5,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
    return Section(text("merge.result.title"), [*controls, buttons])


def _hub(draft: MergeDraft) -> list[ft.Control]:
    def put_repo(text: str) -> None:
        draft.repo = text

    def put_private(value: bool) -> None:
        draft.is_private = value

    help_text = text("merge.result.hub_help")
    return [
        TextInput(text("merge.result.hub"), draft.repo, put_repo, hint="owner/name", help_text=help_text),
        Toggle(text("merge.result.private"), draft.is_private, put_private, identifier="private"),
    ]


def _shown(_: MergePreview) -> None:
    """`Status` shows it."""


def Status(work: MergeRun, on_show_data: Callable[[], None]) -> ft.Control:
    """What is going on, or how it ended; what to do before the first preview."""
    state = work.state
    if state.is_busy:
        cancel = ft.OutlinedButton(
            text("merge.result.cancel"), disabled=state.is_cancelling, on_click=work.cancel
        )
        said = text("merge.result.cancelling") if state.is_cancelling else progress_text(state.news)
        line = ProgressLine(said, share_of(state.news), identifier="merge-progress")
        return Section(text("merge.result.merging"), [line], trailing=cancel)
    if state.problem is not None:
        return ErrorBanner(state.problem, on_dismiss=work.forget)
    if state.was_cancelled:
        return Section(text("merge.result.cancelled"), [ft.Text(text("merge.result.nothing_written"))])
    if isinstance(state.outcome, MergePreview):
        return _preview(state.outcome)
    if state.outcome is not None:
        return _merged(state.outcome, on_show_data)
    return ft.Container(visible=False)


def _preview(preview: MergePreview) -> ft.Control:
    shown = preview.head[:_SHOWN_ROWS]
    cards = ft.Column(
        [_row(row) for row in shown],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    first = text("merge.result.first_rows", count=len(shown)) if len(shown) > 1 else text("merge.result.rows")
    return ft.Column(
        [
            Section(
                text("merge.result.preview"),
                [LedgerView(preview.ledger)],
                subtitle=text("merge.result.nothing_written"),
                trailing=StatusPill(text("merge.result.preview"), "active"),
            ),
            Section(first, [Identified("merge-rows", Selectable(cards))])
            if shown
            else Section(text("merge.result.no_row"), [ft.Text(text("merge.result.no_row_help"))]),
        ],
        spacing=SPACE,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _merged(merge: SavedMerge, on_show_data: Callable[[], None]) -> ft.Control:
    result = merge.result
    assert result is not None
    lines: list[ft.Control] = [
        Identified("merge-outcome", ft.Text(_place(result)), live=True),
        LedgerView(result.ledger),
    ]
    if result.file is None:
        show = ft.FilledTonalButton(
            text("merge.result.show_in_data"), icon=ft.Icons.DATASET_OUTLINED, on_click=on_show_data
        )
        lines.append(ft.Row([show]))
    return Section(merge.name, lines, trailing=StatusPill(text("merge.result.merged"), "good"))


def _place(result: MergeResult) -> str:
    count, file, url = rows(result.rows), result.file, result.url
    if file and url:
        return text("merge.result.in_file_published", rows=count, file=file, url=url)
    if file:
        return text("merge.result.in_file", rows=count, file=file)
    if url:
        return text("merge.result.in_session_published", rows=count, url=url)
    return text("merge.result.in_session", rows=count)


def _row(row: SessionRow) -> ft.Control:
    origin = row.meta.get("merged_from", {})
    caption = text(
        "merge.result.row", row=row.position + 1, source=origin.get("name"), source_row=origin.get("row")
    )
    lines: list[ft.Control] = [
        ft.Text(caption, theme_style=ft.TextThemeStyle.LABEL_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
    ]
    lines += [ft.Text(f"{m['role']}: {shortened(str(m['content']), 300)}") for m in row.messages]
    return ft.Container(Card(ft.Column(lines, spacing=2, tight=True), padding=12), key=row.position)
