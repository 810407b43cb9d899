"""Which rows to train on: a collected session, a Hugging Face dataset, or a file."""

from collections.abc import Callable, Sequence
from typing import Final, cast

import flet as ft

from app.domain.sessions import Session
from app.services.library import LibraryService
from app.ui.data.wording import rows
from app.ui.kit.browse_button import beside_browse
from app.ui.kit.section import Section
from app.ui.offline import Reason
from app.ui.texts import text
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice, Grid, Segments, TextInput
from app.ui.training.mounting import Unwatched
from app.ui.training.options import Source
from app.ui.training.watching import use_answer
from trainer_image.config import HubDataset

_SECONDS: Final = 2.0


@ft.component
def DataSource(
    library: LibraryService,
    kept: Unwatched[TrainingDraft],
    on_go_to_data: Callable[[], None],
    *,
    is_shown: bool,
) -> ft.Control:
    """The dataset part of the form. Looks for sessions as soon as it is shown, then regularly."""
    draft = kept.value
    sessions, set_sessions = ft.use_state(cast(Sequence[Session] | None, None))

    def take(fresh: tuple[Session, ...]) -> None:
        set_sessions(fresh)
        draft.note_rows(fresh)
        if is_shown:  # never from a list that was read before: more may have been imported since
            draft.preselect(fresh)

    use_answer(
        lambda: tuple(library.sessions()),
        take,
        on=(is_shown, draft.is_restored),
        every_seconds=_SECONDS,
    )

    def choose_source(value: str) -> None:
        draft.source = Source(value)

    body: list[ft.Control] = [
        Segments(
            "source",
            text("training.dataset.from"),
            draft.source,
            [(s.value, s.label) for s in Source],
            choose_source,
            disabled=[Source.HUB] if draft.offline_reason else [],
        ),
        Reason(
            draft.offline_reason and text("training.dataset.no_hub", reason=draft.offline_reason),
            identifier="source-offline",
        ),
    ]
    if draft.source is Source.SESSION:
        body.append(_session_choice(draft, sessions, on_go_to_data))
    elif draft.source is Source.HUB:
        body.extend(_hub_fields(draft))
    else:
        body.append(_file_field(draft))
    return Section(text("training.dataset.title"), body)


def _session_choice(
    draft: TrainingDraft, sessions: Sequence[Session] | None, on_go_to_data: Callable[[], None]
) -> ft.Control:
    if sessions is not None and not sessions:
        return ft.Row(
            [
                ft.Text(text("training.dataset.no_session"), expand=True),
                ft.OutlinedButton(
                    text("training.dataset.import"), icon=ft.Icons.UPLOAD_FILE, on_click=on_go_to_data
                ),
            ]
        )

    def choose(value: str) -> None:
        draft.session = value

    known = sessions or ()
    chosen = next((s for s in known if draft.session and draft.session in (s.id, s.name)), None)
    options = [(str(s.id), f"{s.name}, {rows(s.row_count)}") for s in known]
    missing = ""
    if draft.session and sessions is not None and chosen is None:
        name = draft.session_names.get(draft.session) or draft.session
        missing = text("training.dataset.session_gone", name=name)
    return Choice(
        "dataset",
        text("training.dataset.session"),
        str(chosen.id) if chosen else "",
        options,
        choose,
        help_text=missing,
        hint=text("training.dataset.choose_session"),
    )


def _hub_fields(draft: TrainingDraft) -> list[ft.Control]:
    def edit_repo(typed: str) -> None:
        draft.hub_repo = typed

    def edit_split(typed: str) -> None:
        draft.hub_split = typed

    def edit_config(typed: str) -> None:
        draft.hub_config = typed

    repo, split, config = (
        HubDataset.model_fields[name].description or "" for name in ("repo", "split", "config")
    )
    return [
        TextInput(text("training.dataset.hub"), draft.hub_repo, edit_repo, help_text=repo, hint="owner/name"),
        Grid(
            [
                TextInput(text("training.dataset.split"), draft.hub_split, edit_split, help_text=split),
                TextInput(
                    text("training.dataset.configuration"), draft.hub_config, edit_config, help_text=config
                ),
            ]
        ),
    ]


def _file_field(draft: TrainingDraft) -> ft.Control:
    def edit(typed: str) -> None:
        draft.file = typed

    field = TextInput(
        text("training.dataset.file"),
        draft.file,
        edit,
        help_text=text("training.dataset.file_help"),
        hint="/home/me/rows.jsonl",
    )
    return beside_browse(field, text("training.dataset.browse"), edit)
