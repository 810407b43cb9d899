"""The form's last step: what the run will take, the one thing still missing, and Start."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import flet as ft

from app.domain.errors import StudioError
from app.domain.preflight import Readiness, Remark
from app.domain.runpod_ports import GpuOffer
from app.domain.runs import DockerOptions, Run, RunRequest, Target
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.landmarks import use_landmark
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.going_on import AgreeTo
from app.ui.training.mounting import drawn
from app.ui.training.reading import Reading, read
from app.ui.training.ready.card import ReadyCard, ReadyDetails, ReadyPill
from app.ui.training.ready.checking import Checked, checked, start
from app.ui.training.ready.latest import use_latest
from app.ui.training.ready.measuring import Measuring
from app.ui.training.watching import use_answer
from trainer_image.config import RunConfig

_TYPING_SECONDS: Final = 0.25
_TARGET_SECONDS: Final = 10.0
_CHECK_SECONDS: Final = 0.5

Verdict = tuple[str, str]
"""What was asked about, and the reason not to start; empty if there is none."""


@ft.component
def StartPanel(
    services: Services, draft: TrainingDraft, on_started: Callable[[Run], None], *, is_shown: bool = True
) -> ft.Control:
    """What the run will take, and one button with its reason. Renders again whenever `draft` changes."""
    form = read(draft)
    setup, asked = form.setup, form.asked
    reason = _use_reason(services, draft, form)
    known, set_known = ft.use_state(Checked())
    again, set_again = ft.use_state(0)
    is_open, set_open = ft.use_state(False)
    has_read = ft.use_ref(cast(frozenset[str], frozenset()))
    is_to_check = is_shown and not reason

    def take(result: Checked) -> None:
        if result.asked:
            set_known(result)

    use_latest(
        lambda: checked(services, setup if is_to_check else None),
        take,
        on=(asked if is_to_check else "", again, draft.looks_at_rows),
        delay_seconds=_CHECK_SECONDS,
    )

    def end(result: Run | Checked) -> None:
        if isinstance(result, Checked):
            set_known(result)
            set_open(True)
        else:
            on_started(result)

    found = known.found
    warned = has_read.current or frozenset()
    if is_open and found is not None:
        warned = has_read.current = warned | {remark.message for remark in found.warnings}
    # As the form stands at the click, which may come before the last letters are drawn.
    origin = draft.cloned_from
    begin = use_action(lambda: start(services, read(draft).setup, known, warned, origin), on_done=end)
    place = use_landmark("training-1-start")
    measuring = Measuring(
        services,
        setup,
        asked,
        reason=reason,
        is_offered=is_open,
        on_measured=lambda: set_again(lambda count: count + 1),
    )
    about = _About(reason, found, known.asked == asked, warned)
    return ft.Column(
        [
            ErrorBanner(begin.problem, on_dismiss=begin.dismiss),
            drawn(
                "ready-card",
                (found, about.is_of_before),
                lambda: ReadyCard(found, is_of_before=about.is_of_before),
            ),
            drawn("measuring", (asked, reason, is_open), lambda: measuring),
            ReadyDetails(found, lambda: set_again(again + 1)) if is_open and found else _no_line(),
            _dearer(found if known.asked == asked else None, draft),
            _reason_line(about.sentence),
            ft.Row(
                [
                    Identified("start", _button(about, begin.run, place, is_busy=begin.is_busy)),
                    ReadyPill(
                        found, is_current=about.is_current and not about.waits, is_blocked=about.is_blocked
                    ),
                    ft.Container(expand=True),
                    *([_fold(set_open, is_open=is_open)] if found else []),
                ],
                spacing=GAP * 1.5,
            ),
        ],
        spacing=GAP,
        tight=True,
    )


@dataclass(frozen=True)
class _About:
    """What decides how the button looks."""

    reason: str
    """Why not, by what needs no check."""
    found: Readiness | None
    is_current: bool
    """What was found is about the form as it stands."""
    read: frozenset[str]

    @property
    def blocked(self) -> str:
        errors = self.found.errors if self.found and self.is_current else ()
        return self.reason or (errors[0].message if errors else "")

    @property
    def waits(self) -> bool:
        """For something that is looked up or worked out: neither ready nor not."""
        return self.reason.endswith("…")

    @property
    def is_blocked(self) -> bool:
        return bool(self.reason) and not self.waits

    @property
    def is_of_before(self) -> bool:
        """What was found is about another form, and nothing can be found out about this one yet."""
        return self.is_blocked and not self.is_current

    @property
    def warnings(self) -> tuple[Remark, ...]:
        return self.found.warnings if self.found and self.is_current else ()

    @property
    def is_read(self) -> bool:
        return {remark.message for remark in self.warnings} <= self.read

    @property
    def sentence(self) -> str:
        return self.blocked or ("" if self.is_read else text("training.start.press_start"))


def _use_reason(services: Services, draft: TrainingDraft, form: Reading) -> str:
    """The one thing still missing, or what the target refuses; empty if nothing does."""
    options = draft.docker_options()
    asked, target_asked = form.asked, f"{draft.target}: {options}"
    request_verdict, set_request_verdict = ft.use_state(("", ""))
    target_verdict, set_target_verdict = ft.use_state(("", ""))
    use_answer(
        lambda: (asked, _missing(services, form.setup)),
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
    return (
        form.missing
        or _reason(request_verdict, asked)
        or _reason(
            target_verdict, target_asked, unknown=text("training.start.checking", target=draft.target.label)
        )
    )


def _no_line() -> ft.Control:
    """In the place of what is not there: with it Start would else be another control, without the focus."""
    return ft.Container(visible=False)


def _dearer(found: Readiness | None, draft: TrainingDraft) -> ft.Control:
    """Where nothing serves at the price that was agreed to: one click says yes to the next."""
    if found is None or (offer := found.dearer) is None:
        return _no_line()

    def agree(offer: GpuOffer) -> None:
        draft.pod = draft.pod.agreeing_to(offer)

    return ft.Row([AgreeTo(offer, agree)])


def _fold(set_open: Callable[[bool], None], *, is_open: bool) -> ft.Control:
    icon, name = (
        (ft.Icons.EXPAND_MORE, text("training.start.hide_details"))
        if is_open
        else (ft.Icons.EXPAND_LESS, text("training.start.details"))
    )
    return IconAction(icon, name, lambda: set_open(not is_open))


def _button(
    about: _About, on_click: Callable[[], object], place: "ft.Ref[Any]", *, is_busy: bool
) -> ft.Control:
    label = (
        text("training.start.anyway") if about.warnings and about.is_read else text("training.start.start")
    )
    return ft.FilledButton(
        text("training.start.starting") if is_busy else label,
        ref=place,
        icon=ft.Icons.PLAY_ARROW,
        disabled=bool(about.blocked),
        tooltip=about.blocked or None,
        on_click=on_click,
    )


def _reason_line(reason: str) -> ft.Control:
    """On a line of its own, as wide as the form: it may be two sentences. Takes no room if there is none."""
    text = reason if not reason or reason.endswith(("…", ".")) else reason + "."
    line = ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT, theme_style=ft.TextThemeStyle.BODY_SMALL)
    found = Identified("start-reason", line, live=True)
    found.visible = bool(reason)
    return found


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


def _request(services: Services, setup: Setup) -> RunRequest:
    return services.training.request_of(setup, Path.home())
