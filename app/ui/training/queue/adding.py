"""The question before runs wait in the queue: which methods, and for a rented GPU what each run costs.

When its turn comes nobody is asked, so the yes to a price is given here, to the price on the screen.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, cast

import flet as ft

from app.domain import preflight_words as words
from app.domain.errors import StudioError
from app.domain.fan_out import fan_out
from app.domain.money import money
from app.domain.preflight import Readiness, Remark
from app.domain.presets import Method
from app.domain.runs import Run, RunId, RunRequest, Target
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.entered import is_on
from app.ui.kit.identified import Identified
from app.ui.texts import counted, text
from app.ui.theme import GAP
from app.ui.training.fields import Help
from app.ui.training.ready.card import RemarkLine
from app.ui.training.ready.latest import use_latest
from app.ui.training.wording import method_label

METHODS: Final[tuple[Method, ...]] = ("lora", "osft", "sft")
_CLICK_SECONDS: Final = 0.3


@dataclass(frozen=True)
class Wanted:
    """What the form said at the click."""

    setup: Setup
    rows: int
    cloned_from: RunId | None
    is_compared: bool
    """A run for each method, instead of the one of the form."""

    @property
    def is_rented(self) -> bool:
        return self.setup.target is Target.RUNPOD


@dataclass(frozen=True)
class _Priced:
    """A run that would be added, and what was found out about it."""

    request: RunRequest
    found: Readiness


@dataclass(frozen=True)
class _Seen:
    """What is on the screen, and of which methods."""

    methods: tuple[Method, ...] = ()
    runs: tuple[_Priced, ...] = ()
    problem: Remark | None = field(default=None)

    def without(self, added: Collection[Method]) -> "_Seen":
        """Of those that do not wait yet."""
        return replace(self, runs=tuple(r for r in self.runs if r.request.config.method.kind not in added))

    @property
    def is_agreeable(self) -> bool:
        return bool(self.runs) and all(r.found.plan and not r.found.errors for r in self.runs)


@ft.component
def AddRuns(
    services: Services,
    wanted: Wanted,
    on_close: Callable[[], None],
    on_added: Callable[[Sequence[Run]], None],
) -> ft.Control:
    """A dialog. What is rented is added only with the price that it shows."""
    methods, set_methods = ft.use_state(METHODS if wanted.is_compared else ())
    looked, set_seen = ft.use_state(cast(_Seen | None, None))
    added, _ = ft.use_state(cast(dict[Method, Run], {}))
    use_latest(lambda: _look(services, wanted, methods), set_seen, on=methods, delay_seconds=_CLICK_SECONDS)
    is_current = looked is not None and looked.methods == methods
    seen = looked.without(added) if looked is not None and is_current else _Seen()
    left = [method for method in methods if method not in added]
    add = use_action(lambda: _add_agreed(services, wanted, methods, seen, added), on_done=on_added)
    is_rest_given_up = bool(added) and not left
    is_enough = not wanted.is_compared or len(methods) > 1
    is_seen = not wanted.is_rented or (is_current and seen.is_agreeable)
    extra: list[ft.Control] = [_boxes(methods, set_methods)] if wanted.is_compared else []
    if added and not add.is_busy:
        waiting = ", ".join(method_label(method) for method in added)
        extra.append(Help(text("training.queue.already_added", methods=waiting)))
    if wanted.is_rented and wanted.is_compared:
        extra.append(ft.Text(text("training.going_on.about_queue")))
    if wanted.is_rented:
        extra.append(_prices(seen if is_current else None))
    dialog = ConfirmDialog(
        text("training.queue.compare_title") if wanted.is_compared else text("training.queue.add_title"),
        text("training.queue.compare_text") if wanted.is_compared else text("training.going_on.about_queue"),
        confirm=text("training.queue.adding") if add.is_busy else _verb(wanted, left, added),
        on_confirm=add.run,
        on_cancel=on_close,
        is_busy=add.is_busy or not (is_rest_given_up or (is_enough and is_seen)),
        problem=add.problem,
        is_dangerous=False,
        extra=ft.Column(extra, spacing=GAP, tight=True),
    )
    dialog.scrollable = True
    dialog.actions = [*(_price(seen) if is_current else []), *dialog.actions]
    ft.use_dialog(dialog)
    return ft.Container(visible=False)


def add_to_queue(services: Services, wanted: Wanted) -> list[Run]:
    """As it was at the click. Of what is rented `AddRuns` has shown the price first. Raises StudioError."""
    return [_add(services, wanted, request) for request in _requests(services, wanted, ())]


def _add_agreed(
    services: Services, wanted: Wanted, methods: Sequence[Method], seen: _Seen, added: dict[Method, Run]
) -> Sequence[Run]:
    """`added` keeps those that wait, also where the next one cannot be added: none is added twice."""
    for request in _agreed(services, wanted, methods, seen):
        if request.config.method.kind not in added:
            added[request.config.method.kind] = _add(services, wanted, request)
    return list(added.values())


def _agreed(services: Services, wanted: Wanted, methods: Sequence[Method], seen: _Seen) -> list[RunRequest]:
    if not wanted.is_rented:
        return _requests(services, wanted, methods)
    return [
        replace(each.request, pod=each.found.plan.agreed(each.request.pod))
        for each in seen.runs
        if each.found.plan is not None
    ]


def _add(services: Services, wanted: Wanted, request: RunRequest) -> Run:
    services.settings.remember_setup(wanted.setup)
    expected = None if wanted.is_compared else services.previews.expected(request)
    return services.queue.add(replace(request, expected=expected, cloned_from=wanted.cloned_from))


def _requests(services: Services, wanted: Wanted, methods: Sequence[Method]) -> list[RunRequest]:
    setup = wanted.setup
    setups = fan_out(setup, methods, rows=wanted.rows) if wanted.is_compared else [setup]
    return [services.training.request_of(each, Path.home()) for each in setups]


def _look(services: Services, wanted: Wanted, methods: tuple[Method, ...]) -> _Seen:
    """Up to seconds a run. Only what is rented is looked at: of the rest its card says what hinders it."""
    if not wanted.is_rented:
        return _Seen(methods)
    try:
        requests = _requests(services, wanted, methods)
        return _Seen(methods, tuple(_Priced(each, services.preflight.check(each)) for each in requests))
    except StudioError as error:
        problem = Remark(text("training.going_on.settings"), "error", error.message, error.hint)
        return _Seen(methods, problem=problem)


def _verb(wanted: Wanted, methods: Sequence[Method], added: Collection[Method]) -> str:
    if not wanted.is_compared:
        return text("training.going_on.queue")
    if added and not methods:
        return counted("training.queue.compare_added", len(added))
    if wanted.is_rented:
        return counted("training.queue.compare_agree", len(methods))
    return counted("training.queue.compare_confirm", len(methods))


def _boxes(chosen: tuple[Method, ...], choose: Callable[[tuple[Method, ...]], None]) -> ft.Control:
    def box(method: Method) -> ft.Control:
        def change(event: ft.Event[ft.Checkbox]) -> None:
            rest = {*chosen, method} if is_on(event) else {*chosen} - {method}
            choose(tuple(m for m in METHODS if m in rest))

        return ft.Checkbox(label=method_label(method), value=method in chosen, on_change=change)

    return ft.Column([box(method) for method in METHODS], spacing=0, tight=True)


def _prices(seen: _Seen | None) -> ft.Control:
    """What each run costs, or why it cannot be had; and what leaves this computer, which is alike for all."""
    if seen is None:
        return Identified("queue-prices", Help(text("training.going_on.asking")), live=True)
    lines: list[ft.Control] = [RemarkLine(seen.problem)] if seen.problem else []
    for each in seen.runs:
        name = method_label(each.request.config.method.kind)
        lines += [RemarkLine(remark) for remark in each.found.remarks]
        if each.found.plan is not None:
            lines.append(ft.Text(f"{name}: {words.plan(each.found.plan)}."))
    if leaves := next((said for each in seen.runs if (said := words.leaving(each.found))), ""):
        lines.append(Help(leaves))
    return Identified("queue-prices", ft.Column(lines, spacing=GAP / 2, tight=True), live=True)


def _price(seen: _Seen) -> list[ft.Control]:
    """Beside the button, where a small window shows it too."""
    plans = [each.found.plan for each in seen.runs if each.found.plan]
    if not plans or not seen.is_agreeable:
        return []
    most = money(sum(plan.most for plan in plans))
    said = words.short_plan(plans[0])
    if len(plans) > 1:
        dearest = money(max(plan.dearest for plan in plans))
        said = text("training.queue.together", price=dearest, most=most)
    return [Identified("queue-price", ft.Text(said, theme_style=ft.TextThemeStyle.LABEL_LARGE))]
