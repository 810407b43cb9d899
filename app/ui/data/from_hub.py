"""Rows from a dataset on the Hugging Face Hub: found, its parts chosen, perhaps looked at, then imported."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import flet as ft

from app.domain.hub import HubDatasetParts, hub_label
from app.domain.reading import Preview, ReadOptions
from app.domain.sessions import ImportReport
from app.services.library import LibraryService
from app.ui.data.source_preview import SourcePreview
from app.ui.data.working import ToldWork, use_work
from app.ui.kit.dropdown import Dropdown
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.section import Section
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import Typed, use_typed
from app.ui.long_work import LongWork
from app.ui.offline import use_reason
from app.ui.texts import text
from app.ui.theme import GAP

Found = HubDatasetParts | tuple[str, ...]
"""The parts of a dataset, or the names of several that might be meant."""


@dataclass(frozen=True)
class Looked:
    """A split of a dataset whose first rows were looked at."""

    repo: str
    split: str
    config: str | None
    preview: Preview


@dataclass(frozen=True)
class _Form:
    """What was typed and found; still there after a look at the rows."""

    repo: Typed
    split: Typed
    config: Typed
    found: Found | None
    find: Callable[[Found], None]


@ft.component
def FromHub(
    library: LibraryService,
    work: LongWork[int, ImportReport],
    on_imported: Callable[[ImportReport], None],
) -> ft.Control:
    """First the choice of a dataset; it is imported at once, or after a look at its first rows."""
    looked, set_looked = ft.use_state(cast(Looked | None, None))
    found, set_found = ft.use_state(cast(Found | None, None))
    form = _Form(use_typed(), use_typed("train"), use_typed(), found, set_found)
    if looked is None:
        return _DatasetChoice(library, work, form, set_looked, on_imported)

    async def start(options: ReadOptions) -> None:
        place = (looked.repo, looked.split, looked.config)
        stored = await work.run(
            lambda progress: library.import_hub(*place, progress=progress, mapping=options.mapping),
            on_imported,
        )
        if stored is not None:  # else the preview stays: perhaps another mapping helps
            set_looked(None)

    name = hub_label(looked.repo, looked.split, looked.config)
    return SourcePreview(name, looked.preview, work.is_busy, start, lambda: set_looked(None))


@ft.component
def _DatasetChoice(
    library: LibraryService,
    work: LongWork[int, ImportReport],
    form: _Form,
    on_looked: Callable[[Looked], None],
    on_imported: Callable[[ImportReport], None],
) -> ft.Control:
    """A repository typed or found; its split and configuration typed, or chosen once it was looked up."""
    repo, split, config, found = form.repo, form.split, form.config, form.found
    chosen = ft.use_ref("")  # a dataset picked from a list of several
    page = ft.context.page
    blocked = use_reason(library.why_no_hub)

    def look_up() -> Found:
        return _look_up(library, chosen.current or repo.now())

    def take(answer: Found) -> None:
        form.find(answer)
        if isinstance(answer, HubDatasetParts):
            _fill(answer, repo, split, config)

    looking, opening = use_work(only_looks=True), use_work(only_looks=True)

    async def ask() -> None:
        await looking.run(lambda _: look_up(), take)

    async def look() -> None:
        chosen.current = ""
        await ask()

    def pick(name: str) -> None:
        chosen.current = name
        page.run_task(ask)

    def look_at_rows() -> Looked:
        place = (repo.now(), split.now() or "train", config.now() or None)
        return Looked(*place, library.preview_hub(*place))

    async def open_rows() -> None:
        await opening.run(lambda _: look_at_rows(), on_looked)

    async def start() -> None:
        name, part, variant = repo.now(), split.now() or "train", config.now() or None
        await work.run(
            lambda progress: library.import_hub(name, part, variant, progress=progress), on_imported
        )

    parts = found if isinstance(found, HubDatasetParts) and found.repo == repo.shown.strip() else None
    is_asking = looking.is_busy or opening.is_busy
    is_blocked = bool(blocked) or work.is_busy or is_asking or not repo.shown.strip()
    return Section(
        text("data.hub.title"),
        [
            *([Identified("hub-blocked", ft.Text(blocked, color=ft.Colors.TERTIARY))] if blocked else []),
            _problem(looking),
            _problem(opening),
            ft.Row(
                [
                    _field(text("data.hub.repository"), repo, start, text("data.hub.repository_help")),
                    ft.OutlinedButton(
                        text("data.hub.look_up"), icon=ft.Icons.SEARCH, disabled=is_blocked, on_click=look
                    ),
                ]
            ),
            _progress(looking, opening),
            *([_several(found, pick)] if isinstance(found, tuple) else []),
            _parts(parts, split, config, start),
            ft.Row(
                [
                    ft.FilledButton(
                        text("data.hub.import"),
                        icon=ft.Icons.CLOUD_DOWNLOAD_OUTLINED,
                        disabled=is_blocked,
                        on_click=start,
                    ),
                    ft.FilledTonalButton(
                        text("data.hub.look_at_rows"),
                        icon=ft.Icons.TABLE_ROWS_OUTLINED,
                        disabled=is_blocked,
                        on_click=open_rows,
                    ),
                ],
                wrap=True,
            ),
        ],
        subtitle=text("data.hub.about"),
    )


def _problem(work: ToldWork) -> ft.Control:
    return ErrorBanner(work.state.problem, on_dismiss=work.forget)


def _progress(looking: ToldWork, opening: ToldWork) -> ft.Control:
    if looking.is_busy:
        return _waiting(text("data.hub.asking"), "hub-looking", looking.cancel)
    if opening.is_busy:
        return _waiting(text("data.hub.reading"), "hub-opening", opening.cancel)
    return ft.Container(visible=False)


def _waiting(said: str, identifier: str, on_cancel: Callable[[], None]) -> ft.Control:
    line = ft.Container(ProgressLine(said, identifier=identifier), expand=True)
    return ft.Row([line, ft.OutlinedButton(text("data.hub.cancel"), on_click=on_cancel)], spacing=GAP * 1.5)


def _look_up(library: LibraryService, words: str) -> Found:
    if "/" in words:
        return library.hub_parts(words)
    return tuple(library.find_on_hub(words))


def _fill(parts: HubDatasetParts, repo: Typed, split: Typed, config: Typed) -> None:
    """Choose what most people want: the first configuration, and its training rows."""
    repo.put(parts.repo)
    name = next(iter(parts.splits), "")
    config.put(name)
    splits = parts.splits.get(name, ())
    split.put("train" if "train" in splits or not splits else splits[0])


def _parts(
    parts: HubDatasetParts | None, split: Typed, config: Typed, start: Callable[[], object]
) -> ft.Control:
    if parts is None:
        return ft.Row(
            [
                _field(text("data.hub.split"), split, start, "train"),
                _field(text("data.hub.configuration"), config, start),
            ]
        )

    def choose_config(name: str) -> None:
        config.put(name)
        splits = parts.splits.get(name, ())
        if split.now() not in splits and splits:
            split.put(splits[0])

    splits = parts.splits.get(config.shown, ())
    return ft.Row(
        [
            _choice(text("data.hub.configuration"), config.shown, list(parts.splits), choose_config),
            _choice(text("data.hub.split"), split.shown, splits, split.put),
        ]
    )


def _several(names: Sequence[str], on_pick: Callable[[str], object]) -> ft.Control:
    if not names:
        return ft.Text(text("data.hub.none_found"))
    return ft.Row([_choice(text("data.hub.found", count=len(names)), "", names, on_pick)])


def _choice(label: str, value: str, names: Sequence[str], on_choose: Callable[[str], object]) -> ft.Control:
    name = f"{label}: {value or text('window.kit.nothing_chosen')}"
    options = [ft.DropdownOption(key=each, text=each) for each in names]
    dropdown = Dropdown(name, label, value or None, options, on_choose, menu_height=360)
    return Identified(label, dropdown, label=name, expand=True)


def _field(label: str, typed: Typed, on_submit: Callable[[], object], hint: str = "") -> ft.Control:
    return TextField(
        label=label,
        value=typed.shown,
        hint_text=hint or None,
        on_change=typed.edit,
        on_submit=on_submit,
        expand=True,
    )
