"""The form's last step: say the one thing still missing, or start the run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import flet as ft

from app.domain.errors import StudioError
from app.domain.runs import DockerOptions, Run, RunRequest, Target
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.landmarks import use_landmark
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.watching import use_answer
from trainer_image.config import RunConfig

_TYPING_SECONDS: Final = 0.25
_TARGET_SECONDS: Final = 10.0

Verdict = tuple[str, str]
"""What was asked about, and the reason not to start; empty if there is none."""


@ft.component
def StartPanel(services: Services, draft: TrainingDraft, on_started: Callable[[Run], None]) -> ft.Control:
    """One button with its reason. Renders again whenever `draft` changes."""
    setup, incomplete = _read(draft)
    options = draft.docker_options()
    asked, target_asked = setup.model_dump_json() if setup else "", f"{draft.target}: {options}"
    request_verdict, set_request_verdict = ft.use_state(("", ""))
    target_verdict, set_target_verdict = ft.use_state(("", ""))
    use_answer(
        lambda: (asked, _missing(services, setup)),
        set_request_verdict,
        on=asked,
        delay_seconds=_TYPING_SECONDS,
    )
    use_answer(
        lambda: (target_asked, _target_problem(services, draft.target, options)),
        set_target_verdict,
        on=target_asked,
        delay_seconds=_TYPING_SECONDS,
        every_seconds=_TARGET_SECONDS,
    )
    # As the form stands at the click, which may come before the last letters are drawn.
    start = use_action(lambda: _start(services, _read(draft)[0]), on_done=on_started)

    place = use_landmark("training-1-start")
    reason = (
        incomplete
        or _reason(request_verdict, asked)
        or _reason(target_verdict, target_asked, unknown=f"Checking “{draft.target.label}”…")
    )
    return ft.Column(
        [
            ErrorBanner(start.problem, on_dismiss=start.dismiss),
            ft.Row(
                [
                    Identified("start", _button(start.is_busy, reason, start.run, place)),
                    Identified("start-reason", _reason_text(reason), live=True, expand=True),
                ],
                spacing=GAP * 1.5,
            ),
        ],
        spacing=GAP,
        tight=True,
    )


def _button(is_busy: bool, reason: str, on_click: Callable[[], object], place: "ft.Ref[Any]") -> ft.Control:
    return ft.FilledButton(
        "Starting…" if is_busy else "Start training",
        ref=place,
        icon=ft.Icons.PLAY_ARROW,
        disabled=is_busy or bool(reason),
        tooltip=reason or None,
        on_click=on_click,
    )


def _reason_text(reason: str) -> ft.Control:
    text = reason if not reason or reason.endswith(("…", ".")) else reason + "."
    return ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT, theme_style=ft.TextThemeStyle.BODY_SMALL)


def _read(draft: TrainingDraft) -> tuple[Setup | None, str]:
    """The form as a setup, or what it lacks."""
    if missing := draft.missing():
        return None, missing
    try:
        return draft.to_setup(), ""
    except ValueError:  # a rule of the schema no field of the form speaks for
        return None, "Correct the values of the form"


def _reason(verdict: Verdict, asked: str, *, unknown: str = "") -> str:
    return verdict[1] if verdict[0] == asked else unknown


def _missing(services: Services, setup: Setup | None) -> str:
    try:
        return services.training.missing(_request(services, setup)) if setup else ""
    except StudioError as error:
        return error.message


def _target_problem(services: Services, target: Target, docker: DockerOptions) -> str:
    """First thing the target would refuse; it looks at nothing of the request but its own options."""
    request = RunRequest(RunConfig(base_model="any"), target, docker=docker)
    try:
        return next(iter(services.training.target_problems(request)), "")
    except StudioError as error:
        return str(error)


def _start(services: Services, setup: Setup | None) -> Run:
    if setup is None:
        raise StudioError("The form is not complete.", "Fill in what is missing, then press Start again.")
    request = _request(services, setup)
    services.settings.remember_setup(setup)
    return services.training.start(replace(request, expected=services.previews.expected(request)))


def _request(services: Services, setup: Setup) -> RunRequest:
    return services.training.request_of(setup, Path.home())
