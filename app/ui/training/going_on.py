"""Where a run goes on, or begins after all: here, in Docker, or on a rented GPU whose price is seen first.

The same is asked before a rented run waits in the queue, which orders its pod without a further question.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import flet as ft

from app.domain import preflight_words as words
from app.domain.errors import StudioError
from app.domain.money import money
from app.domain.preflight import Readiness, Remark
from app.domain.renting import offer_text
from app.domain.runpod_ports import GpuOffer
from app.domain.runs import DockerOptions, Length, Run, RunRequest, Target
from app.services.everything import Services
from app.services.run_requests import request_of_run
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Grid, Help, Segments, TextInput
from app.ui.training.mounting import keyed
from app.ui.training.pod_draft import PodDraft
from app.ui.training.ready.card import RemarkLine
from app.ui.training.ready.latest import use_latest

_TARGETS: Final = (Target.LOCAL, Target.DOCKER, Target.RUNPOD)
_TYPING_SECONDS: Final = 0.5
_WIDTH: Final = 520


@dataclass(frozen=True)
class How:
    """From where, and how long; `is_new`: the run never began; `waits`: in the queue, for where it was."""

    checkpoint: str = ""
    extend: Length | None = None
    is_new: bool = False
    waits: bool = False


@dataclass(frozen=True)
class _Place:
    """As it is chosen and typed."""

    target: Target
    docker: DockerOptions
    pod: PodDraft

    def request(self, run: Run, how: How) -> RunRequest:
        config = run.config
        if how.extend is not None:
            config = config.model_copy(update=dict([how.extend]))
        return request_of_run(
            run,
            target=self.target,
            docker=self.docker,
            pod=self.pod.options(),
            config=config,
            checkpoint=how.checkpoint,
        )


@dataclass(frozen=True)
class _Seen:
    """What was found out, and about which place."""

    place: _Place | None = None
    found: Readiness = field(default_factory=Readiness)


@ft.component
def GoOn(
    services: Services,
    run: Run,
    how: How,
    on_close: Callable[[], None],
    on_done: Callable[[Run], None],
) -> ft.Control:
    """A dialog. Nothing is ordered before the price of this minute was on the screen."""

    first = ft.use_memo(lambda: _first_place(services, run), dependencies=[])
    place, set_place = ft.use_state(first)
    seen, set_seen = ft.use_state(_Seen())
    use_latest(
        lambda: _Seen(place, _checked(services, place, run, how)),
        set_seen,
        on=place,
        delay_seconds=_TYPING_SECONDS,
    )
    is_current = seen.place == place
    begin = use_action(lambda: _begin(services, run, how, place, seen.found), on_done=on_done)
    is_rented = place.target is Target.RUNPOD
    is_ready = is_current and not seen.found.errors and (not is_rented or seen.found.plan is not None)

    def agree(offer: GpuOffer) -> None:
        set_place(replace(place, pod=place.pod.agreeing_to(offer)))

    def choose(value: str) -> None:
        set_place(replace(place, target=Target(value)))

    where = Segments(
        "go-on-target",
        text("training.going_on.where"),
        place.target.value,
        [(each.value, text_in("training.going_on.targets", each)) for each in _TARGETS],
        choose,
    )
    lines: list[ft.Control] = [
        ft.Text(_about(run, how)),
        *([] if how.waits else [where]),
        *_fields(place, set_place),
        keyed(_Found, "found", seen.found if is_current else None, is_rented, agree),
        ErrorBanner(begin.problem, on_dismiss=begin.dismiss),
    ]
    ft.use_dialog(
        ft.AlertDialog(
            title=ft.Text(_title(run, how), theme_style=ft.TextThemeStyle.TITLE_LARGE),
            content=ft.Container(
                ft.Column(
                    lines,
                    tight=True,
                    spacing=GAP * 1.5,
                    horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                ),
                width=_WIDTH,
            ),
            actions=[
                *_price(seen.found if is_current else None),
                ft.TextButton(text("training.going_on.cancel"), autofocus=True, on_click=on_close),
                Identified(
                    "go-on",
                    ft.FilledButton(
                        _verb(how, place.target, is_busy=begin.is_busy),
                        disabled=begin.is_busy or not is_ready,
                        on_click=begin.run,
                    ),
                ),
            ],
            scrollable=True,
            on_dismiss=on_close,
        )
    )
    return ft.Container(visible=False)


def _first_place(services: Services, run: Run) -> _Place:
    """What the run itself had; for another place what was last typed in the form."""
    last = services.settings.last_setup()
    docker = run.docker if run.target is Target.DOCKER or last is None else last.docker
    pod = run.pod if run.target is Target.RUNPOD or last is None else last.pod
    return _Place(run.target, replace(docker, data_dir=run.docker.data_dir), PodDraft.of(pod))


def _checked(services: Services, place: _Place, run: Run, how: How) -> Readiness:
    if place.target is Target.RUNPOD and (problem := place.pod.problem()):
        return Readiness((Remark(text("training.going_on.settings"), "error", f"{problem}."),))
    try:
        return services.preflight.check(place.request(run, how))
    except StudioError as error:
        return Readiness((Remark(text("training.going_on.settings"), "error", error.message, error.hint),))


def _begin(services: Services, run: Run, how: How, place: _Place, found: Readiness) -> Run:
    pod = found.plan.agreed(place.pod.options()) if found.plan is not None else None
    if how.waits:
        return services.queue.add_back(run.id, pod=pod)
    if how.is_new:
        return services.training.order_again(run.id, target=place.target, pod=pod, docker=place.docker)
    return services.training.resume(
        run.id,
        extend=how.extend,
        checkpoint=how.checkpoint,
        target=place.target,
        pod=pod,
        docker=place.docker,
    )


def _fields(place: _Place, set_place: Callable[[_Place], None]) -> list[ft.Control]:
    pod = place.pod

    def set_pod(name: str) -> Callable[[str], None]:
        # The GPUs that were said yes to were so at their price: another limit is another choice.
        return lambda text: set_place(replace(place, pod=replace(pod, gpus=(), **{name: text})))  # type: ignore[arg-type]

    if place.target is Target.DOCKER:
        docker = place.docker
        return [
            TextInput(
                text("training.going_on.image"),
                docker.image,
                lambda text: set_place(replace(place, docker=replace(docker, image=text))),
            )
        ]
    if place.target is not Target.RUNPOD:
        return []
    together = text("training.going_on.budget_help")
    return [
        TextInput(
            text("training.going_on.image"),
            pod.image,
            set_pod("image"),
            help_text=text("training.going_on.image_help"),
        ),
        Grid(
            [
                TextInput(
                    text("training.going_on.budget"), pod.budget, set_pod("budget"), help_text=together
                ),
                TextInput(
                    text("training.going_on.deadline"),
                    pod.hours,
                    set_pod("hours"),
                    help_text=text("training.going_on.deadline_help"),
                ),
            ]
        ),
        TextInput(
            text("training.going_on.highest_price"),
            pod.highest_price,
            set_pod("highest_price"),
            help_text=text("training.going_on.highest_price_help"),
        ),
    ]


@ft.component
def _Found(found: Readiness | None, is_rented: bool, on_agree: Callable[[GpuOffer], None]) -> ft.Control:
    if found is None:
        said = text("training.going_on.asking") if is_rented else text("training.going_on.checking")
        return Identified("go-on-found", Help(said), live=True)
    lines: list[ft.Control] = [RemarkLine(remark) for remark in found.remarks]
    if found.plan is not None:
        lines += [
            _fact(text("training.going_on.cost"), words.plan(found.plan)),
            _fact(text("training.going_on.leaves"), words.leaving(found)),
        ]
    if found.dearer is not None:
        lines.append(AgreeTo(found.dearer, on_agree))
    if not lines:
        lines.append(Help(text("training.going_on.all_well")))
    return Identified("go-on-found", ft.Column(lines, spacing=GAP, tight=True), live=True)


def _price(found: Readiness | None) -> list[ft.Control]:
    """Beside the button, where a small window shows it too."""
    if found is None or found.plan is None:
        return []
    said = ft.Text(words.short_plan(found.plan), theme_style=ft.TextThemeStyle.LABEL_LARGE)
    return [Identified("go-on-price", said)]


def AgreeTo(offer: GpuOffer, on_agree: Callable[[GpuOffer], None]) -> ft.Control:
    """One click says yes to a price that nobody agreed to so far."""
    return Identified(
        "agree",
        ft.OutlinedButton(
            text("training.going_on.take", name=offer.name, price=money(offer.price_per_hour)),
            icon=ft.Icons.PAYMENTS_OUTLINED,
            tooltip=offer_text(offer),
            on_click=lambda: on_agree(offer),
        ),
    )


def _fact(name: str, said: str) -> ft.Control:
    return ft.Text(
        spans=[
            ft.TextSpan(f"{name}: ", ft.TextStyle(weight=ft.FontWeight.W_600)),
            ft.TextSpan(said[:1].upper() + said[1:]),
        ],
        theme_style=ft.TextThemeStyle.BODY_MEDIUM,
    )


def _title(run: Run, how: How) -> str:
    if how.waits:
        return text("training.going_on.queue_question", name=run.name)
    if how.is_new:
        return text("training.going_on.start_question", name=run.name)
    return (
        text("training.going_on.longer_question", name=run.name)
        if how.extend
        else text("training.going_on.resume_question", name=run.name)
    )


def _about(run: Run, how: How) -> str:
    if how.waits:
        return text("training.going_on.about_queue")
    if how.is_new:
        return text("training.going_on.about_new")
    from_where = how.checkpoint or text("training.going_on.newest_checkpoint")
    return text("training.going_on.about", checkpoint=from_where)


def _verb(how: How, target: Target, *, is_busy: bool) -> str:
    if how.waits:
        return text("training.queue.adding") if is_busy else text("training.going_on.queue")
    if is_busy:
        return text("training.going_on.starting")
    if target is Target.RUNPOD:
        return text("training.going_on.order") if how.is_new else text("training.going_on.order_and_resume")
    return text("training.going_on.start") if how.is_new else text("training.going_on.resume")


def asks_first(run: Run) -> bool:
    """Whether going on where it was costs money."""
    return run.target is Target.RUNPOD
