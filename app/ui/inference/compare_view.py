"""Two models side by side: what to ask, how far it is, and what they said."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, cast

import flet as ft

from app.domain.comparing import Answered, Comparison, ComparisonFormat
from app.domain.errors import StudioError
from app.domain.talkers import ModelChoice, ModelRef
from app.services.everything import Services
from app.services.talking import TalkingEngine
from app.ui.actions import problem_of, use_doing
from app.ui.inference.compare_result import Pairs
from app.ui.inference.draft import Compare, InferenceDraft, PickedModel
from app.ui.inference.focus_on_stop import FocusOnStop, StopButton, use_focus_on_stop
from app.ui.inference.format_menu import FormatMenu
from app.ui.inference.proof_view import Proving, proof_lines
from app.ui.inference.sample_prompts import SessionPrompts
from app.ui.kit.entered import text_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.kit.text_field import TextField
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Choice, Help, Segments, TextInput, Wrap
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer

_AGAINST: Final = ("base", "other")
_FORMATS: Final = (
    ComparisonFormat.HTML,
    ComparisonFormat.MARKDOWN,
    ComparisonFormat.CSV,
    ComparisonFormat.JSONL,
)


@ft.component
def CompareView(
    services: Services,
    engine: TalkingEngine,
    draft: InferenceDraft,
    compare: Compare,
    model: PickedModel,
    *,
    is_shown: bool,
) -> ft.Control:
    """`compare` and `model` are the draft's: what is handed over is watched."""
    page = ft.context.page
    said, say = ft.use_state("")
    doing = use_doing()
    focus = use_focus_on_stop(is_busy=compare.is_busy)

    def add(prompt: str) -> None:
        line = " ".join(prompt.split())
        compare.prompts = f"{compare.prompts.rstrip()}\n{line}".lstrip()

    def add_all(prompts: Sequence[str]) -> None:
        for prompt in prompts:
            add(prompt)

    def edit_system(text: str) -> None:
        focus.typed()
        compare.system = text

    async def start() -> None:
        focus.pressed()  # before the plan is made: who moves the focus meanwhile keeps it
        try:
            pair = _pair(model, compare)
            plan = await asyncio.to_thread(_plan, services, engine, draft, compare, pair)
        except Exception as error:
            focus.typed()
            compare.problem = problem_of(error)
            return
        placing = model.placing

        def answers() -> Iterator[Answered]:
            return services.comparing.run(plan, *pair, placing, compare.is_wanted)

        say("")
        page.run_task(compare.follow, plan, answers)  # goes on when this component is gone

    async def stop() -> None:
        compare.stopped.set()
        await doing.run(services.comparing.stop, lambda _: None)

    async def export(kind: ComparisonFormat) -> None:
        if compare.plan is not None:
            plan = compare.plan
            await doing.run(lambda: services.comparing.export(plan, kind), exported)

    def exported(path: Path) -> None:
        say(text("inference.compare.exported", path=path))

    def dismiss() -> None:
        compare.problem = None
        doing.dismiss()

    plan = compare.plan
    buttons = _start_and_stop(draft, compare, model, start, stop, focus)
    if plan is not None and plan.pairs():
        menu = [
            (text_in("inference.compare.formats", kind.name.lower()), partial(export, kind))
            for kind in _FORMATS
        ]
        buttons.append(FormatMenu(text("inference.compare.export"), menu, disabled=compare.is_busy))
    lines: list[ft.Control] = [
        keyed(Against, "against", services, compare, is_shown=is_shown),
        keyed(
            SessionPrompts,
            "samples",
            services.library,
            services.comparing,
            add,
            is_shown=is_shown,
            on_take_all=add_all,
        ),
        Identified("compare-prompts", _prompts(compare, focus)),
        TextInput(text("inference.compare.system"), compare.system, edit_system),
        Wrap(buttons),
        keyed(Proving, "proving", services, engine, draft, compare, model, focus),
    ]
    if said:
        lines.append(Identified("compare-said", Selectable(ft.Text(said)), live=True))
    lines.append(ErrorBanner(compare.problem or doing.problem, on_dismiss=dismiss))
    if plan is not None and plan.proof is not None:
        lines += proof_lines(plan, compare.report, services.exporting.show_folder)
    if plan is not None:
        lines += [_progress(plan, compare), keyed(Pairs, "pairs", plan, compare)]
    return ft.Column(lines, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _prompts(compare: Compare, focus: FocusOnStop) -> ft.Control:
    def edit(event: ft.Event[ft.TextField]) -> None:
        focus.typed()
        compare.prompts = text_of(event)

    return TextField(
        label=text("inference.compare.prompts"),
        value=compare.prompts,
        multiline=True,
        min_lines=3,
        max_lines=10,
        on_focus=focus.focused,
        on_change=edit,
    )


def _start_and_stop(
    draft: InferenceDraft,
    compare: Compare,
    model: PickedModel,
    start: Callable[[], object],
    stop: Callable[[], object],
    focus: FocusOnStop,
) -> list[ft.Control]:
    missing = _missing(draft, compare, model)
    button = ft.FilledButton(
        text("inference.compare.start"),
        icon=ft.Icons.COMPARE_ARROWS,
        ref=focus.back.ref,
        on_focus=focus.back.on_focus,
        on_blur=focus.back.on_blur,
        disabled=draft.is_busy or bool(missing),
        on_click=start,
    )
    buttons: list[ft.Control] = [
        Identified("compare-start", button),
        StopButton(focus, text("inference.compare.stop"), stop, is_busy=compare.is_busy),
    ]
    return [*buttons, Help(missing)] if missing and not draft.is_busy else buttons


@ft.component
def Against(services: Services, compare: Compare, *, is_shown: bool) -> ft.Control:
    """What the chosen model is compared to."""
    runs, set_runs = ft.use_state(cast(tuple[ModelChoice, ...], ()))
    use_answer(lambda: tuple(services.talkers.runs()), set_runs, on=(is_shown, compare.against))

    def choose(value: str) -> None:
        compare.against = "other" if value == "other" else "base"

    def pick(value: str) -> None:
        compare.other = value

    lines = [
        Segments(
            "against",
            text("inference.compare.to"),
            compare.against,
            [(each, text_in("inference.compare.against", each)) for each in _AGAINST],
            choose,
        )
    ]
    if compare.against == "other":
        options = [(str(choice.ref), choice.label) for choice in runs]
        blocked = [str(choice.ref) for choice in runs if choice.blocked]
        lines.append(
            Choice(
                "other-run",
                text("inference.compare.other"),
                compare.other,
                options,
                pick,
                hint=text("inference.compare.choose"),
                disabled=blocked,
            )
        )
    return ft.Column(lines, spacing=GAP, tight=True)


def _missing(draft: InferenceDraft, compare: Compare, model: PickedModel) -> str:
    """The one thing that is still missing; empty if nothing is."""
    if draft.settings.problem:
        return draft.settings.problem
    if not compare.prompts.strip():
        return text("inference.compare.type_prompts")
    try:
        _pair(model, compare)
    except StudioError as error:
        return str(error)
    return ""


def _pair(model: PickedModel, compare: Compare) -> tuple[ModelRef, ModelRef]:
    """The base model, or the other one, first. Raises StudioError."""
    chosen = model.ref
    if chosen is None:
        raise StudioError(text("inference.compare.no_model"), text("inference.compare.no_model_hint"))
    if compare.against == "base":
        if chosen.kind == "hub" or model.source == "hub":
            raise StudioError(text("inference.compare.no_base"), text("inference.compare.no_base_hint"))
        return chosen.as_base(), ModelRef(chosen.kind, chosen.name)
    if not compare.other:
        raise StudioError(
            text("inference.compare.other_missing"), text("inference.compare.other_missing_hint")
        )
    return ModelRef.parse(compare.other), chosen


def _plan(
    services: Services,
    engine: TalkingEngine,
    draft: InferenceDraft,
    compare: Compare,
    pair: tuple[ModelRef, ModelRef],
) -> Comparison:
    engine.require_fit(pair[1], draft.model.placing, insists=draft.model.insists)
    prompts = compare.prompts.splitlines()
    return services.comparing.plan(*pair, prompts, draft.settings.sampling, compare.system)


def _progress(plan: Comparison, compare: Compare) -> ft.Control:
    """The text is identified, not the bar with it: Flet 1.0.5 loses the name once the bar has a value."""
    done, total = len(plan.answers), 2 * len(plan.prompts)
    said, seed = text("inference.compare.answers", done=done, total=total), plan.sampling.seed
    if compare.is_busy:
        said = said if done else text("inference.compare.loading")
    elif done == total:
        said = text("inference.compare.answers_seed", done=done, total=total, seed=seed)
    else:
        said = text("inference.compare.answers_stopped", done=done, total=total, seed=seed)
    words = ft.Text(said, color=ft.Colors.ON_SURFACE_VARIANT)
    bar = ft.ProgressBar(
        value=done / total if done else None,
        bar_height=6,
        border_radius=3,
        semantics_label=text("inference.compare.progress"),
        visible=compare.is_busy,
    )
    return ft.Column([Identified("compare-progress", words, live=True), bar], spacing=GAP, tight=True)
