"""What a card of the history asks before it acts: delete, rename, note, checkpoints."""

from collections.abc import Callable, Sequence
from typing import cast

import flet as ft

from app.domain.exports import Export
from app.domain.lineage import Dependents
from app.domain.runs import Run
from app.services.checkpoints import SavedState
from app.services.everything import Services
from app.services.exporting import in_words
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.entered import is_on, text_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.text_field import TextField
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help
from app.ui.training.going_on import GoOn, How, asks_first
from app.ui.training.history.checkpoint_lines import lines_of, use_compared
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer


@ft.component
def DeleteRun(
    services: Services, run: Run, on_close: Callable[[], None], on_done: Callable[[], None]
) -> ft.Control:
    """Says what would miss the run, and asks what becomes of its files."""
    with_files, set_with_files = ft.use_state(False)
    missed, set_missed = ft.use_state(Dependents())
    exported, set_exported = ft.use_state(cast(tuple[Export, ...], ()))
    use_answer(lambda: services.history.dependents(run.id), set_missed, on=run.id)
    use_answer(lambda: tuple(services.exporting.exports(run.id)), set_exported, on=run.id)

    def done(_: None) -> None:
        on_done()

    delete = use_action(lambda: services.training.delete(run.id, files=with_files), on_done=done)
    said = text("training.history.delete_text")
    ft.use_dialog(
        ConfirmDialog(
            text("training.history.delete_question", name=run.name),
            " ".join([said, *missed.sentences(), *_stays(exported)]),
            confirm=text("training.history.deleting")
            if delete.is_busy
            else text("training.history.delete_confirm"),
            on_confirm=delete.run,
            on_cancel=on_close,
            is_busy=delete.is_busy,
            problem=delete.problem,
            extra=_files_choice(run, missed, with_files, set_with_files),
        )
    )
    return ft.Container(visible=False)


def _stays(exported: Sequence[Export]) -> list[str]:
    return [text("training.history.exports_stay", exports=in_words(exported))] if exported else []


def _files_choice(run: Run, missed: Dependents, value: bool, on_change: Callable[[bool], None]) -> ft.Control:
    def change(event: ft.Event[ft.Checkbox]) -> None:
        on_change(is_on(event))

    if run.is_imported:
        return Help(text("training.history.imported_files", origin=run.origin, folder=run.folder))
    needed = bool(missed.continued or missed.sharing)
    label = text("training.history.delete_files_needed") if needed else text("training.history.delete_files")
    return ft.Column(
        [ft.Checkbox(label=label, value=value, on_change=change), Help(str(run.folder))],
        spacing=0,
        tight=True,
    )


@ft.component
def EditText(
    title: str,
    label: str,
    said: str,
    save: Callable[[str], object],
    on_close: Callable[[], None],
    on_done: Callable[[], None],
    is_long: bool = False,
) -> ft.Control:
    """Another name, or a note."""
    typed = ft.use_ref(said)

    def edit(event: ft.Event[ft.TextField]) -> None:
        typed.current = text_of(event)

    def done(_: object) -> None:
        on_done()

    action = use_action(lambda: save(typed.current or ""), on_done=done)
    field = TextField(
        label=label,
        value=said,
        autofocus=True,
        multiline=is_long,
        min_lines=3 if is_long else 1,
        max_lines=8 if is_long else 1,
        on_change=edit,
        on_submit=None if is_long else action.run,
    )
    ft.use_dialog(
        ConfirmDialog(
            title,
            "",
            confirm=text("training.history.save"),
            on_confirm=action.run,
            on_cancel=on_close,
            is_busy=action.is_busy,
            problem=action.problem,
            is_dangerous=False,
            extra=field,
        )
    )
    return ft.Container(visible=False)


@ft.component
def Checkpoints(
    services: Services, run: Run, on_close: Callable[[], None], on_done: Callable[[], None]
) -> ft.Control:
    """All whole checkpoints of a run, each verified; the run can go on from any of them."""
    found, set_found = ft.use_state(cast(tuple[SavedState, ...] | None, None))
    blocked, set_blocked = ft.use_state(text("training.history.not_known_yet"))
    use_answer(lambda: tuple(services.history.checkpoints(run)), set_found, on=run.id)
    seen = use_compared(services, run, found)
    use_answer(lambda: services.training.resume_blocked(run), set_blocked, on=run.status)
    chosen = ft.use_ref("")
    priced, set_priced = ft.use_state("")

    def done(_: Run) -> None:
        on_done()

    resume = use_action(
        lambda: services.training.resume(run.id, checkpoint=chosen.current or ""), on_done=done
    )

    async def go_on(state: SavedState) -> None:
        chosen.current = state.name
        if asks_first(run):
            set_priced(state.name)
        else:
            await resume.run()

    if priced:
        return keyed(GoOn, "go-on", services, run, How(checkpoint=priced), on_close, done)
    ft.use_dialog(
        ft.AlertDialog(
            title=ft.Text(
                text("training.history.checkpoints_of", name=run.name),
                theme_style=ft.TextThemeStyle.TITLE_LARGE,
            ),
            content=ft.Container(
                ft.Column(
                    [
                        *lines_of(
                            seen,
                            text("training.history.being_resumed") if resume.is_busy else blocked,
                            go_on,
                        ),
                        ErrorBanner(resume.problem, on_dismiss=resume.dismiss),
                    ],
                    tight=True,
                    spacing=GAP * 1.5,
                    scroll=ft.ScrollMode.AUTO,
                ),
                width=560,
            ),
            actions=[ft.TextButton(text("training.history.close"), autofocus=True, on_click=on_close)],
            on_dismiss=on_close,
        )
    )
    return ft.Container(visible=False)
