"""Beginner or Expert: how much of the form is shown. What is not shown is kept all the same."""

from typing import Final

import flet as ft

from app.domain.setups import Skill
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help, Segments

_SKILLS: Final[dict[Skill, str]] = {"beginner": "Beginner", "expert": "Expert"}
_HELP: Final[dict[Skill, str]] = {
    "beginner": "A few questions and a preset. Nothing you typed as an expert is lost.",
    "expert": "Every setting of a run.",
}


def SkillChoice(draft: TrainingDraft) -> ft.Control:
    def choose(value: str) -> None:
        draft.skill = next(skill for skill in _SKILLS if skill == value)

    return ft.Column(
        [Segments("skill", "Show", draft.skill, list(_SKILLS.items()), choose), Help(_HELP[draft.skill])],
        spacing=4,
        tight=True,
    )
