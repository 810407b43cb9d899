"""The form's last step for a Hugging Face Job: what it costs, its script, and how to run that."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import flet as ft

from app.domain.jobs import cost_of, limits, steps_to_run
from app.domain.setups import Setup
from app.domain.tokens import TokenPlace
from app.paths import Paths
from app.services.everything import Services
from app.services.job_scripts import JobScript
from app.ui.actions import Problem, problem_of, use_action
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.landmarks import use_landmark
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help, Wrap
from app.ui.training.reading import Reading, read
from app.ui.training.saving import offer_bytes
from app.ui.training.watching import use_answer

_TYPING_SECONDS: Final = 0.25
_MOST_HEIGHT: Final = 260


@dataclass(frozen=True)
class _Written:
    """A script that was handed over."""

    asked: str
    """The setup it was made of."""
    said: str
    command: str


@ft.component
def JobPanel(services: Services, draft: TrainingDraft) -> ft.Control:
    """Nothing is started here: a person starts the script, and pays for it."""
    form = read(draft)
    verdict, set_verdict = ft.use_state(("", ""))
    written, set_written = ft.use_state(cast(_Written | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    is_busy, set_busy = ft.use_state(False)
    is_writing = ft.use_ref(False)  # a button that is disabled while it works loses the focus
    use_answer(
        lambda: (form.asked, _problem(services, form.setup)),
        set_verdict,
        on=form.asked,
        delay_seconds=_TYPING_SECONDS,
    )
    account, set_account = ft.use_state("")
    look = use_action(lambda: services.tokens.test(TokenPlace.HUGGING_FACE), on_done=set_account)
    reason = form.missing or (
        verdict[1] if verdict[0] == form.asked else text("training.job.looking_at_form")
    )

    async def write() -> None:
        if is_writing.current:
            return
        is_writing.current = True
        set_busy(True)
        set_problem(None)
        try:
            if (handed_over := await _write(services, read(draft))) is not None:
                set_written(handed_over)
        except Exception as error:
            set_problem(problem_of(error))
        is_writing.current = False
        set_busy(False)

    button = ft.FilledButton(
        ref=use_landmark("training-1-start"),
        content=text("training.job.writing") if is_busy else text("training.job.write"),
        icon=ft.Icons.DESCRIPTION_OUTLINED,
        disabled=bool(reason),
        tooltip=reason or text("training.job.write_help"),
        on_click=write,
    )
    lines = [
        ErrorBanner(problem, on_dismiss=lambda: set_problem(None)),
        Identified("job-cost", Help(_cost(draft, form.setup)), live=True),
    ]
    if reason:
        said = reason if reason.endswith(("…", ".")) else f"{reason}."
        lines.append(Identified("start-reason", Help(said), live=True))
    check = ft.TextButton(
        text("training.job.looking") if look.is_busy else text("training.job.check_account"),
        icon=ft.Icons.NETWORK_CHECK,
        tooltip=text("training.job.check_account_help"),
        on_click=look.run,
    )
    lines.append(Wrap([Identified("write-job", button), Identified("check-account", check)]))
    if look.problem:
        lines.append(ErrorBanner(look.problem, on_dismiss=look.dismiss))
    elif account:
        lines.append(Identified("job-account", Help(account), live=True))
    if written is not None:
        lines.append(_how(written, is_of_this_form=written.asked == form.asked))
    return ft.Column(lines, spacing=GAP, tight=True)


def _problem(services: Services, setup: Setup | None) -> str:
    if setup is None:
        return ""
    return services.job_scripts.problem(services.training.request_of(setup, Path.home()))


async def _write(services: Services, form: Reading) -> _Written | None:
    """None if the person chose no place for it. Raises StudioError."""
    assert form.setup is not None
    setup, name = form.setup, f"{_stem(form.setup)}-job.py"

    def made() -> JobScript:
        request = services.training.request_of(setup, Path.home())
        options = setup.job
        return services.job_scripts.script(request, name, flavor=options.flavor, timeout=options.timeout)

    script = await asyncio.to_thread(made)
    said = await offer_bytes(script.text.encode(), name, Paths.from_environment().exports)
    return _Written(form.asked, f"{said} {script.caution}".rstrip(), script.command) if said else None


def _stem(setup: Setup) -> str:
    kept = "".join(c if (c.isascii() and c.isalnum()) or c in "-_" else "-" for c in setup.output_name).strip(
        "-"
    )
    return kept or "tunewright"


def _cost(draft: TrainingDraft, setup: Setup | None) -> str:
    """What is known of it, in sentences; as much as can be said while the form is not complete."""
    if draft.job.problem():
        return text("training.job.cost_later")
    options, rows = draft.job.options(), draft.row_count
    if setup is None:
        return limits(options, None)
    if rows is None:
        return text("training.job.rows_of_session", limits=limits(options, None))
    cost = cost_of(options, setup.config, rows)
    known = cost.sentence if cost else text("training.job.time_unknown", machine=options.flavor)
    return f"{known} {limits(options, cost)}"


def _how(written: _Written, *, is_of_this_form: bool) -> ft.Control:
    """The commands, in order, each with a copy button."""
    lines: list[ft.Control] = [Help(written.said)]
    if not is_of_this_form:
        lines.append(Help(text("training.job.form_changed")))
    for command, why in steps_to_run(written.command):
        code = ft.Text(command, font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
        row = ft.Row(
            [
                ft.Container(Selectable(code), expand=True),
                CopyButton(command, what=text("training.job.the_command", command=command)),
            ]
        )
        lines += [Help(why), row]
    lines.append(Help(text("training.job.when_done")))
    shown = ft.Column(lines, spacing=GAP / 2, tight=True, scroll=ft.ScrollMode.AUTO)
    return Identified("job-how", ft.Container(shown, height=_MOST_HEIGHT))
