"""The form that describes a run, from target to output.

Drawing all of it takes Flet some 20 ms of the event loop, so each part is drawn anew only if what it shows
has changed.
"""

from collections.abc import Callable, Hashable
from dataclasses import fields
from functools import partial
from typing import Any, Final

import flet as ft

from app.services.everything import Services
from app.ui.kit.page_heading import PageHeading
from app.ui.kit.section import Section
from app.ui.texts import text
from app.ui.theme import SPACE
from app.ui.training.beginner.auto_setting import AutoSetting
from app.ui.training.beginner.numbers import PresetAndNumbers
from app.ui.training.beginner.questions import Questions
from app.ui.training.data_source import DataSource
from app.ui.training.draft import TrainingDraft
from app.ui.training.expert.form import expert_bar, expert_groups, shows_part
from app.ui.training.method_section import MethodSection, model_fields
from app.ui.training.mounting import Unwatched, drawn, keyed
from app.ui.training.preview_section import PreviewSection
from app.ui.training.setups.section import SavedSetups
from app.ui.training.skill_choice import SkillChoice
from app.ui.training.target_section import OutputSection, TargetSection
from app.ui.training.watching import use_answer

_SECONDS: Final = 2.0
_SHOWN_IN: Final = {
    "skill": {"skill"},
    "source": {"data"},
    "session": {"data", "beginner"},
    "session_names": {"data"},
    "hub_repo": {"data"},
    "hub_split": {"data"},
    "hub_config": {"data"},
    "file": {"data"},
    "typed_model": {"method", "model"},
    "listed_model": {"method", "model"},
    "is_model_typed": {"method", "model"},
    "osft_patterns": {"method"},
    "lora_patterns": set(),
    "alpha_follows_rank": set(),
    "others": set(),
    "setup_name": set(),
    "chosen_setup": set(),
    "cloned_from": set(),
    "setups_version": set(),
    "sought": set(),
    "only_changed": set(),
    "before_reset": set(),
    "undoable": set(),
    "spread": set(),
    "logging": set(),
    "max_tokens": set(),
    "push_repo": {"target"},
    "push_private": set(),
    "push_every_save": set(),
    "rows": {"method", "model"},
    "numbers": {"method", "beginner"},
    "preset": {"beginner"},
    "answers": {"questions"},
    "auto": {"beginner"},
    "effective_text": {"beginner"},
    "output_name": {"output"},
    "image": {"target"},
    "container_name": {"target"},
    "pod": {"target"},
    "job": {"target"},
    "offline_reason": {"target", "data"},
    "selection": set(),
    "chat": set(),
}  # fmt: skip
"""Field of the draft → the parts that show it. One that is not listed here counts as shown in all."""


@ft.component
def TrainingForm(
    services: Services, draft: TrainingDraft, on_go_to_data: Callable[[], None], *, is_shown: bool
) -> ft.Control:
    """Nothing in here ticks: a text field that is rendered again and again loses what is being typed."""

    def part(name: str, build: Callable[[], ft.Control]) -> ft.Control:
        return drawn(name, shown_in(name, draft), build)

    use_answer(
        services.offline.reason, draft.go_offline, on=(is_shown, draft.is_restored), every_seconds=_SECONDS
    )
    data = drawn(
        "data",
        (is_shown, shown_in("data", draft)),
        lambda: keyed(
            DataSource, "rows", services.library, Unwatched(draft), on_go_to_data, is_shown=is_shown
        ),
    )
    parts = _beginners if draft.skill == "beginner" else _experts
    return ft.Column(
        [
            PageHeading(text("training.form.title"), text("training.form.subtitle")),
            SavedSetups(services.setups, draft, is_shown=is_shown),
            part("skill", lambda: SkillChoice(draft)),
            *parts(services, draft, data, part),
        ],
        spacing=SPACE,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        tight=True,
    )


Part = Callable[[str, Callable[[], ft.Control]], ft.Control]
"""Draws a part of the form, by its name, only when what it shows has changed."""


def _beginners(services: Services, draft: TrainingDraft, data: ft.Control, part: Part) -> list[ft.Control]:
    return [
        part("target", lambda: TargetSection(draft, services.docker_care, services.renting)),
        data,
        part("model", lambda: Section(text("training.form.model"), model_fields(draft))),
        part("questions", lambda: Questions(draft)),
        part("beginner", lambda: PresetAndNumbers(draft)),
        AutoSetting(services, draft),
        part("output", lambda: OutputSection(services.training, draft)),
        PreviewSection(services, draft),
    ]


def _experts(services: Services, draft: TrainingDraft, data: ft.Control, part: Part) -> list[ft.Control]:
    """No presets: every setting says its own value."""
    shows = partial(shows_part, draft)
    model = part("method", lambda: MethodSection(draft))
    output = part("output", lambda: OutputSection(services.training, draft))
    target = part("target", lambda: TargetSection(draft, services.docker_care, services.renting))
    return [
        expert_bar(draft),
        *([target] if shows("target") else []),
        ft.Container(data, visible=shows("data")),
        *([model] if shows("method") else []),
        *expert_groups(draft, services.layers),
        *([output] if shows("output") else []),
        ft.Container(PreviewSection(services, draft), visible=shows("preview")),
    ]


def shown_in(part: str, draft: TrainingDraft) -> Hashable:
    """The values of the draft that a part of the form may show."""
    names = [field.name for field in fields(draft)]
    return tuple(_fixed(getattr(draft, name)) for name in names if part in _SHOWN_IN.get(name, {part}))


def _fixed(value: Any) -> Hashable:
    return tuple(sorted(value.items())) if isinstance(value, dict) else value
