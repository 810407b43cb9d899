"""Three questions instead of a choice of methods; "not sure" is always an answer."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import flet as ft

from app.domain.presets import Method
from app.domain.questions import recommended
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.theme import GAP
from app.ui.training.beginner import auto_form
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help, Option, Wrap

_UNSURE: Final = ("unsure", "Not sure")
_QUESTIONS: Final = (
    (
        "goal",
        "What shall it learn?",
        (("style", "Style or format"), ("knowledge", "New knowledge"), ("everything", "Everything"), _UNSURE),
    ),
    ("keep", "Must it keep what it could before?", (("yes", "Yes"), ("no", "No"), _UNSURE)),
    ("matters", "What matters more?", (("memory", "Little memory"), ("result", "The result"), _UNSURE)),
)
_OTHER: Final[dict[Method, str]] = {
    "lora": "LoRA: small adapters learn beside the frozen model.",
    "osft": "OSFT: the directions of the weights that matter least learn.",
    "sft": "SFT: every weight learns.",
}


def Questions(draft: TrainingDraft) -> ft.Control:
    """The answers choose the method at once, and the reason stands below."""
    questions = [_question(draft, name, text, options) for name, text, options in _QUESTIONS]
    return Section("What it shall learn", [*questions, _verdict(draft)])


def _question(draft: TrainingDraft, name: str, text: str, options: Sequence[Option]) -> ft.Control:
    """Chips: unlike buttons side by side they wrap where there is little room."""
    given = getattr(draft.answers, name)
    chips: list[ft.Control] = [
        Identified(
            f"answer-{name}-{key}",
            ft.Chip(
                label=ft.Text(label), selected=given == key, on_select=partial(_answer, draft, name, key)
            ),
            label=f"{text} {label}",
        )
        for key, label in options
    ]
    return Identified(
        f"question-{name}", ft.Column([ft.Text(text), Wrap(chips)], spacing=GAP / 2, tight=True)
    )


def _answer(draft: TrainingDraft, name: str, value: str) -> None:
    changed: Any = {name: value}
    auto_form.answer_questions(draft, replace(draft.answers, **changed))


def _verdict(draft: TrainingDraft) -> ft.Control:
    """What the answers came to; where the method was chosen otherwise, that one, as it is what is used."""
    advised = recommended(draft.answers)
    is_advised = advised.method == draft.method
    text = advised.why if is_advised else f"{_OTHER[draft.method]} Chosen before; an answer chooses anew."
    row = ft.Row(
        [
            ft.Icon(ft.Icons.LIGHTBULB_OUTLINE, color=ft.Colors.PRIMARY),
            ft.Container(Help(text), expand=True),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    return Identified("recommendation", row, live=True)
