"""Auto Set at work: worked out off the event loop whenever what it depends on changes; every reason shown."""

from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import Any, Final

import flet as ft

from app.domain.auto_reasons import AutoSet, Choice
from app.domain.auto_set import Wishes
from app.domain.decimals import plain
from app.domain.presets import AUTO_SET
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.actions import Problem
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.beginner import auto_form, state
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help, Wrap
from app.ui.training.mounting import Unwatched, drawn, keyed
from app.ui.training.watching import use_answer
from app.ui.training.wording import method_label

_TYPING_SECONDS: Final = 0.4
_NUMBERS: Final = ("per_device_batch_size", "gradient_accumulation_steps", "max_seq_len")
"""Sent, and without a field here."""


def AutoSetting(services: Services, draft: TrainingDraft) -> ft.Control:
    """Asks while Auto Set is chosen and shows the reasons; of other presets, what else they send."""
    asked = auto_form.question(draft)
    return drawn(
        "auto",
        _depends(draft, asked),
        lambda: keyed(_AutoSetting, "asked", services, Unwatched(draft), asked),
    )


def _depends(draft: TrainingDraft, asked: str) -> Hashable:
    shown = asked or draft.incomplete() if draft.shown_preset == AUTO_SET else _sent_too(draft)
    return shown, draft.auto


@ft.component
def _AutoSetting(services: Services, kept: Unwatched[TrainingDraft], asked: str) -> ft.Control:
    draft = kept.value
    setup, wishes = (draft.to_setup() if asked else None), draft.auto.wishes

    def take(answer: AutoSet) -> None:
        if asked:
            auto_form.take(draft, asked, answer)

    def fail(problem: Problem) -> None:
        take(AutoSet(problem=problem.message, advice=problem.hint))

    use_answer(
        lambda: _worked_out(services, setup, wishes),
        take,
        on=asked,
        delay_seconds=_TYPING_SECONDS if asked else 0.0,
        on_problem=fail,
    )
    if draft.shown_preset != AUTO_SET:
        return Section(text("training.beginner.auto.others_title"), [_others(draft)])
    again = IconAction(
        ft.Icons.REFRESH, text("training.beginner.auto.again"), partial(auto_form.look_again, draft)
    )
    return Section(text("training.beginner.auto.title"), _body(draft, asked), trailing=again)


def _worked_out(services: Services, setup: Setup | None, wishes: Wishes) -> AutoSet:
    """Blocking."""
    if setup is None:
        return AutoSet()
    request = services.training.request_of(state.neutral(setup, wishes), Path.home())
    return services.auto.settings_for(request, wishes)


def _body(draft: TrainingDraft, asked: str) -> list[ft.Control]:
    answer = draft.auto.answer
    if not asked:
        return [
            Help(
                text(
                    "training.beginner.auto.waits_for",
                    missing=draft.incomplete() or text("training.missing.values"),
                )
            )
        ]
    if answer is None or draft.auto.answered != asked:
        return [_working()]
    if not answer.choices:
        return [_refusal(draft, answer)]
    table = ft.Column([_line(choice) for choice in answer.choices], spacing=GAP, tight=True)
    notes = [Identified(f"auto-note-{n}", _note(note)) for n, note in enumerate(answer.notes, start=1)]
    return [*notes, Identified("auto-choices", table)]


def _working() -> ft.Control:
    ring = ft.ProgressRing(width=16, height=16, stroke_width=2)
    return Identified(
        "auto-working", ft.Row([ring, Help(text("training.beginner.auto.working"))], spacing=GAP), live=True
    )


def _refusal(draft: TrainingDraft, answer: AutoSet) -> ft.Control:
    """What does not fit, and what would, to be taken with one click."""
    lines: list[ft.Control] = [_note(f"{answer.problem} {answer.advice}")]
    if answer.instead is not None:
        name = "QLoRA" if answer.instead.bits == "4" else method_label(answer.instead.method)
        use = partial(auto_form.take_instead, draft, answer.instead)
        lines.append(
            Wrap(
                [
                    ft.OutlinedButton(
                        text("training.beginner.auto.use", name=name), icon=ft.Icons.CHECK, on_click=use
                    )
                ]
            )
        )
    return Identified("auto-refusal", ft.Column(lines, spacing=GAP, tight=True), live=True)


def _note(said: str) -> ft.Control:
    return ft.Row(
        [
            ft.Icon(ft.Icons.INFO_OUTLINE, size=18, color=ft.Colors.TERTIARY),
            ft.Container(ft.Text(said, theme_style=ft.TextThemeStyle.BODY_MEDIUM), expand=True),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def _line(choice: Choice) -> ft.Control:
    return _value(text_in("training.beginner.chosen", choice.name), _shown(choice.value), choice.why)


def _value(label: str, value: str, why: str = "") -> ft.Control:
    head = ft.Row(
        [ft.Text(label, expand=True), ft.Text(value, weight=ft.FontWeight.W_600)],
        alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
    )
    return ft.Column([head, *([Help(why)] if why else [])], spacing=0, tight=True)


def _shown(value: Any) -> str:
    if value is None:
        return text("training.beginner.auto.no_limit")
    if isinstance(value, bool):
        return text_in("training.beginner.switched", "on" if value else "off")
    if isinstance(value, str):
        return (
            text("training.beginner.auto.bits", bits=value)
            if value
            else text("training.beginner.switched.off")
        )
    return plain(value) if isinstance(value, float) else f"{value:,}"


def _others(draft: TrainingDraft) -> ft.Control:
    """The rest of what is sent, as it stands."""
    lines = [_value(*each) for each in _sent_too(draft)]
    return Identified("also-sent", ft.Column(lines, spacing=GAP / 2, tight=True))


def _sent_too(draft: TrainingDraft) -> tuple[tuple[str, str], ...]:
    """Label and value."""
    bits = (
        [(text("training.beginner.chosen.bits"), _shown(draft.base_bits))] if draft.method == "lora" else []
    )
    return (
        *((text_in("training.beginner.chosen", name), draft.numbers[name]) for name in _NUMBERS),
        *bits,
        (text("training.beginner.chosen.gradient_checkpointing"), _shown(draft.gradient_checkpointing)),
    )
