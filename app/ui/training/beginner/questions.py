"""Three questions instead of a choice of methods; "not sure" is always an answer."""

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
from app.ui.training.fields import Help, Segments

_UNSURE: Final = ("unsure", "Not sure")
_QUESTIONS: Final = (
    (
        "goal",
        "What shall it learn?",
        (("style", "Style, format"), ("knowledge", "New knowledge"), ("everything", "Everything"), _UNSURE),
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
    lines: list[ft.Control] = [
        Segments(
            f"question-{name}", text, getattr(draft.answers, name), options, partial(_answer, draft, name)
        )
        for name, text, options in _QUESTIONS
    ]
    return Section("What it shall learn", [*lines, _verdict(draft)])


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
