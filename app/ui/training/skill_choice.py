"""Beginner or Expert: how much of the form is shown. What is not shown is kept all the same."""

from typing import Final

import flet as ft

from app.domain.setups import Skill
from app.ui.texts import text, text_in
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help, Segments

_SKILLS: Final[tuple[Skill, ...]] = ("beginner", "expert")


def SkillChoice(draft: TrainingDraft) -> ft.Control:
    def choose(value: str) -> None:
        draft.skill = next(skill for skill in _SKILLS if skill == value)

    return ft.Column(
        [
            Segments(
                "skill",
                text("training.skill.show"),
                draft.skill,
                [(skill, text_in("training.skills", skill)) for skill in _SKILLS],
                choose,
            ),
            Help(text_in("training.skill.about", draft.skill)),
        ],
        spacing=4,
        tight=True,
    )
