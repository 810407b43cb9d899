"""Three questions instead of a choice of methods; "not sure" is always an answer."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import flet as ft

from app.domain.questions import recommended
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.beginner import auto_form
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help, Wrap

_QUESTIONS: Final = (
    ("goal", ("style", "knowledge", "everything", "unsure")),
    ("keep", ("yes", "no", "unsure")),
    ("matters", ("memory", "result", "unsure")),
)
"""What is asked, and the answers there are."""


def Questions(draft: TrainingDraft) -> ft.Control:
    """The answers choose the method at once, and the reason stands below."""
    questions = [_question(draft, name, answers) for name, answers in _QUESTIONS]
    return Section(text("training.beginner.questions.title"), [*questions, _verdict(draft)])


def _question(draft: TrainingDraft, name: str, answers: Sequence[str]) -> ft.Control:
    """Chips: unlike buttons side by side they wrap where there is little room."""
    given, question = getattr(draft.answers, name), text_in("training.beginner.ask", name)
    labels = {key: text_in("training.beginner.answers", key) for key in answers}
    chips: list[ft.Control] = [
        Identified(
            f"answer-{name}-{key}",
            ft.Chip(
                label=ft.Text(label), selected=given == key, on_select=partial(_answer, draft, name, key)
            ),
            label=f"{question} {label}",
        )
        for key, label in labels.items()
    ]
    return Identified(
        f"question-{name}", ft.Column([ft.Text(question), Wrap(chips)], spacing=GAP / 2, tight=True)
    )


def _answer(draft: TrainingDraft, name: str, value: str) -> None:
    changed: Any = {name: value}
    auto_form.answer_questions(draft, replace(draft.answers, **changed))


def _verdict(draft: TrainingDraft) -> ft.Control:
    """What the answers came to; where the method was chosen otherwise, that one, as it is what is used."""
    advised = recommended(draft.answers)
    is_advised = advised.method == draft.method
    why = (
        advised.why
        if is_advised
        else text(
            "training.beginner.questions.chosen_before",
            method=text_in("training.beginner.methods", draft.method),
        )
    )
    row = ft.Row(
        [
            ft.Icon(ft.Icons.LIGHTBULB_OUTLINE, color=ft.Colors.PRIMARY),
            ft.Container(Help(why), expand=True),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    return Identified("recommendation", row, live=True)
