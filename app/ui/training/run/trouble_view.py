"""A failed run: what to do about it, the next change to try with one click, and what to show to a helper."""

from collections.abc import Callable
from typing import Final, cast

import flet as ft

from app.domain.memory_knobs import Knob
from app.domain.runs import Run
from app.domain.setups import Setup
from app.domain.troubleshooting import Trouble
from app.services.previews import PreviewService
from app.ui.actions import Action, Problem, use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.beginner.cloned import Opened
from app.ui.training.fields import Help, Wrap
from app.ui.training.going_on import asks_first
from app.ui.training.mounting import keyed
from app.ui.training.run.coach_view import InForm, NoteBox
from app.ui.training.run.hands import Hands
from app.ui.training.watching import use_answer
from trainer_image.config import RunConfig

_OF_MEMORY: Final = {"memory", "killed"}
"""Trees whose next change is said with the memory it would take."""


@ft.component
def TroubleCard(run: Run, hands: Hands) -> ft.Control:
    """For a failed run; memoise it. A failure nobody has seen before has its diagnostics only."""
    trouble, set_trouble = ft.use_state(cast(Trouble | None, None))
    use_answer(lambda: hands.services.diagnostics.trouble(run), set_trouble, on=(run.attempt, run.message))
    lines: list[ft.Control] = []
    if trouble is not None:
        lines = [
            ft.Text(trouble.title, theme_style=ft.TextThemeStyle.TITLE_SMALL),
            Selectable(ft.Column(_steps(trouble), spacing=2, tight=True)),
        ]
        if trouble.knob:
            lines.append(keyed(RetryCard, f"retry-{run.id}-{run.attempt}", run, trouble, trouble.knob, hands))
    lines.append(keyed(Diagnostics, f"diagnostics-{run.id}", run, hands))
    return Identified("trouble", NoteBox(lines, ft.Icons.HANDYMAN_OUTLINED, text("training.trouble.title")))


def _steps(trouble: Trouble) -> list[ft.Control]:
    lines: list[ft.Control] = [
        ft.Text(f"{number}. {step}") for number, step in enumerate(trouble.steps, start=1)
    ]
    if trouble.evidence:
        lines.append(Help(text("training.trouble.evidence")))
        lines.append(
            ft.Text(trouble.evidence, font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
        )
    return lines


@ft.component
def RetryCard(run: Run, trouble: Trouble, knob: Knob, hands: Hands) -> ft.Control:
    """The next change, what it costs, and buttons that start a run with it or open it in the form.

    Of a rented run only the latter: Start there orders no pod whose price was not seen. What it would take
    is worked out once somebody asks: another process does it, for seconds.
    """
    is_asking, set_asking = ft.use_state(False)
    opened, open_form = ft.use_state(cast(Opened | None, None))
    estimate, set_estimate = ft.use_state("")

    def started(new: Run) -> None:
        set_asking(False)
        hands.on_started(new)

    is_priced = asks_first(run)

    def loaded(setup: Setup) -> None:
        open_form(hands.on_setup(setup))

    def unknown(problem: Problem) -> None:
        set_estimate(text("training.trouble.not_known", problem=problem.message))

    def reckon() -> str:
        if not is_asking or trouble.tree not in _OF_MEMORY:
            return ""
        return _estimated(hands.services.previews, run.config, knob.config)

    retry = use_action(lambda: hands.training.retry(run.id, knob.config), on_done=started)
    copy = use_action(lambda: hands.training.setup_of(run, knob.config), on_done=loaded)
    use_answer(reckon, set_estimate, on=(is_asking, knob.label), on_problem=unknown)
    told = estimate or (text("training.trouble.asking") if trouble.tree in _OF_MEMORY else "")
    ft.use_dialog(_confirm(run, knob, retry, told, lambda: set_asking(False)) if is_asking else None)
    begin = copy.run if is_priced else lambda: set_asking(True)
    buttons: list[ft.Control] = [ft.FilledTonalButton(f"{knob.label}…", icon=ft.Icons.REPLAY, on_click=begin)]
    if not is_priced:
        edit = text("training.trouble.open_in_form")
        buttons.append(ft.OutlinedButton(edit, icon=ft.Icons.EDIT_OUTLINED, on_click=copy.run))
    lines: list[ft.Control] = [Wrap(buttons), Help(knob.cost)]
    if copy.problem:
        lines.append(ErrorBanner(copy.problem, on_dismiss=copy.dismiss))
    if opened:
        said = text("training.trouble.priced") if is_priced else ""
        lines.append(InForm("retry-done", opened, lambda: open_form(None), said=said))
    return ft.Column(lines, spacing=GAP / 2, tight=True)


def _confirm(
    run: Run, knob: Knob, retry: Action, estimate: str, on_cancel: Callable[[], None]
) -> ft.AlertDialog:
    what = text("training.trouble.same_data", target=run.target.label)
    return ConfirmDialog(
        f"{knob.label}?",
        f"{knob.cost} {what}",
        confirm=text("training.trouble.starting") if retry.is_busy else text("training.trouble.start"),
        on_confirm=retry.run,
        on_cancel=on_cancel,
        is_busy=retry.is_busy,
        problem=retry.problem,
        is_dangerous=False,
        extra=Identified("retry-estimate", Help(estimate), live=True) if estimate else None,
    )


def _estimated(previews: PreviewService, before: RunConfig, after: RunConfig) -> str:
    """Both by the same formulas, with rows as long as may be, on this computer. Raises StudioError."""
    was = previews.memory(before, max_seq_len=before.max_seq_len)
    now = previews.memory(after, max_seq_len=after.max_seq_len)
    where = text("training.trouble.this_gpu") if now.device == "cuda" else text("training.trouble.this_cpu")
    return text(
        "training.trouble.estimate",
        expected=_gb(now.expected),
        low=_gb(now.low),
        high=_gb(now.high),
        before=_gb(was.expected),
        where=where,
    )


def _gb(size: int) -> str:
    return text("training.trouble.gigabytes", size=size / 1e9)


@ft.component
def Diagnostics(run: Run, hands: Hands) -> ft.Control:
    """Copy or save what a helper needs; tokens and rows never get in. `run` may be without what ticks."""
    said, say = ft.use_state("")
    known, diagnostics = hands.services.monitoring.find, hands.services.diagnostics

    async def put(typed: str) -> None:
        await ft.Clipboard().set(typed)
        say(text("training.trouble.copied"))

    def copied(text: str) -> None:
        ft.context.page.run_task(put, text)

    copy = use_action(lambda: diagnostics.text(known(run.id)), on_done=copied)
    save = use_action(
        lambda: diagnostics.save(known(run.id)),
        on_done=lambda path: say(text("training.trouble.saved", path=path)),
    )
    lines: list[ft.Control] = [
        Wrap(
            [
                ft.TextButton(text("training.trouble.copy"), icon=ft.Icons.CONTENT_COPY, on_click=copy.run),
                ft.TextButton(
                    text("training.trouble.save"), icon=ft.Icons.FOLDER_ZIP_OUTLINED, on_click=save.run
                ),
            ]
        )
    ]
    if failed := copy.problem or save.problem:
        lines.append(ErrorBanner(failed))
    if said:
        lines.append(Selectable(Identified("diagnostics-done", Help(said), live=True)))
    return ft.Column(lines, spacing=0, tight=True)
