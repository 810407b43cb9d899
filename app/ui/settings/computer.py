"""What was found on this computer, and the state of the Hugging Face token."""

from collections.abc import Sequence
from typing import Final, cast

import flet as ft

from app.services.doctor import DoctorService, Finding
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.section import Section
from app.ui.kit.selectable import Selectable
from app.ui.kit.status_pill import StatusPill, Tone
from app.ui.texts import text, text_in
from app.ui.theme import SPACE

_TONES: Final[dict[str, Tone]] = {
    "ok": "good",
    "warning": "warning",
    "problem": "bad",
}


@ft.component
def Computer(doctor: DoctorService, *, is_shown: bool) -> ft.Control:
    """A list of findings; looks by itself the first time it is shown, then at the button."""
    findings, set_findings = ft.use_state(cast(Sequence[Finding] | None, None))
    check = use_action(doctor.findings, on_done=set_findings)
    was_checked = ft.use_ref(False)

    async def look_once() -> None:
        if is_shown and not was_checked.current:
            was_checked.current = True
            await check.run()

    ft.use_effect(look_once, dependencies=[is_shown], cleanup=_nothing)
    rows = [_finding(finding) for finding in findings or ()]
    return Section(
        text("settings.computer.title"),
        [
            ErrorBanner(check.problem, on_dismiss=check.dismiss),
            ProgressLine(text("settings.computer.looking"), identifier="check-progress")
            if check.is_busy
            else ft.Container(visible=False),
            Identified("findings", ft.Column(rows, spacing=SPACE * 0.75, tight=True)),
        ],
        subtitle=text("settings.computer.subtitle"),
        trailing=ft.OutlinedButton(
            text("settings.computer.check"),
            icon=ft.Icons.MONITOR_HEART_OUTLINED,
            disabled=check.is_busy,
            on_click=check.run,
        ),
    )


def _finding(finding: Finding) -> ft.Control:
    pill = StatusPill(text_in("settings.findings", finding.state), _TONES[finding.state])
    return ft.Row(
        [
            ft.Container(pill, width=96, alignment=ft.Alignment.TOP_LEFT),
            ft.Column(
                [
                    ft.Text(finding.name, theme_style=ft.TextThemeStyle.TITLE_SMALL),
                    Selectable(ft.Text(finding.text, color=ft.Colors.ON_SURFACE_VARIANT)),
                ],
                spacing=2,
                tight=True,
                expand=True,
            ),
        ],
        vertical_alignment=ft.CrossAxisAlignment.START,
        key=finding.name,
    )


def _nothing() -> None:
    pass
