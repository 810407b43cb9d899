"""What a card of the history asks before it acts: delete, rename, note, checkpoints."""

from collections.abc import Callable, Sequence
from functools import partial
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
from app.ui.kit.identified import Identified
from app.ui.theme import GAP
from app.ui.training import wording
from app.ui.training.fields import Help
from app.ui.training.going_on import GoOn, How, asks_first
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
    text = "Its curve, timeline and chats are forgotten. This cannot be undone."
    ft.use_dialog(
        ConfirmDialog(
            f"Delete {run.name}?",
            " ".join([text, *missed.sentences(), *_stays(exported)]),
            confirm="Deleting…" if delete.is_busy else "Delete",
            on_confirm=delete.run,
            on_cancel=on_close,
            is_busy=delete.is_busy,
            problem=delete.problem,
            extra=_files_choice(run, missed, with_files, set_with_files),
        )
    )
    return ft.Container(visible=False)


def _stays(exported: Sequence[Export]) -> list[str]:
    return [f"Its {in_words(exported)}, stay in their folders and leave this list."] if exported else []


def _files_choice(run: Run, missed: Dependents, value: bool, on_change: Callable[[bool], None]) -> ft.Control:
    def change(event: ft.Event[ft.Checkbox]) -> None:
        on_change(is_on(event))

    if run.is_imported:
        return Help(f"Its files are {run.origin}'s and stay where they are: {run.folder}")
    needed = bool(missed.continued or missed.sharing)
    label = "Also delete its files, which other runs need" if needed else "Also delete its files"
    return ft.Column(
        [ft.Checkbox(label=label, value=value, on_change=change), Help(str(run.folder))],
        spacing=0,
        tight=True,
    )


@ft.component
def EditText(
    title: str,
    label: str,
    text: str,
    save: Callable[[str], object],
    on_close: Callable[[], None],
    on_done: Callable[[], None],
    is_long: bool = False,
) -> ft.Control:
    """Another name, or a note."""
    typed = ft.use_ref(text)

    def edit(event: ft.Event[ft.TextField]) -> None:
        typed.current = text_of(event)

    def done(_: object) -> None:
        on_done()

    action = use_action(lambda: save(typed.current or ""), on_done=done)
    field = ft.TextField(
        label=label,
        value=text,
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
            confirm="Save",
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
    blocked, set_blocked = ft.use_state("it is not known yet")
    use_answer(lambda: tuple(services.history.checkpoints(run)), set_found, on=run.id)
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
            title=ft.Text(f"Checkpoints of {run.name}", theme_style=ft.TextThemeStyle.TITLE_LARGE),
            content=ft.Container(
                ft.Column(
                    [
                        *_lines(found, "it is being resumed" if resume.is_busy else blocked, go_on),
                        ErrorBanner(resume.problem, on_dismiss=resume.dismiss),
                    ],
                    tight=True,
                    spacing=GAP * 1.5,
                    scroll=ft.ScrollMode.AUTO,
                ),
                width=560,
            ),
            actions=[ft.TextButton("Close", autofocus=True, on_click=on_close)],
            on_dismiss=on_close,
        )
    )
    return ft.Container(visible=False)


def _lines(
    found: Sequence[SavedState] | None, blocked: str, go_on: Callable[[SavedState], object]
) -> list[ft.Control]:
    if found is None:
        return [Help("Looking…")]
    if not found:
        return [Help("This run has no whole checkpoint on disk.")]
    note = (
        f"The run cannot be resumed now: {blocked}."
        if blocked
        else "Going on from an older one forgets what was measured after it."
    )
    return [*(_line(state, blocked, go_on) for state in found), Help(note)]


def _line(state: SavedState, blocked: str, go_on: Callable[[SavedState], object]) -> ft.Control:
    reason = state.blocked or blocked
    loss = f" · loss {wording.number(state.loss)}" if state.loss is not None else ""
    validation = "" if state.validation_loss is None else f" · validation {state.validation_loss:.3f}"
    facts = (
        f"{state.samples_seen:,} examples{loss}{validation} · {state.size_bytes / 1e6:,.0f} MB · "
        f"{wording.when(state.saved_at, wording.now_utc())}"
    )
    texts: list[ft.Control] = [ft.Text(f"Step {state.step:,} ({state.name})"), Help(facts)]
    if state.blocked:
        texts.append(Help(f"Cannot be resumed from: {state.blocked}."))
    button = ft.OutlinedButton(
        "Resume from here",
        disabled=bool(reason),
        tooltip=f"Cannot be resumed: {reason}" if reason else None,
        on_click=partial(go_on, state),
    )
    row = ft.Row(
        [ft.Column(texts, spacing=0, tight=True, expand=True), button],
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
    return Identified(f"checkpoint-{state.name}", row)
