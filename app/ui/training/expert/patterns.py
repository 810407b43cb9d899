"""Which layers a method works on: buttons for the usual groups, and regular expressions of one's own."""

from collections.abc import Callable
from functools import partial

import flet as ft

from app.domain.layer_patterns import PATTERN_GROUPS, with_group
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.expert import binding
from app.ui.training.expert.catalogue import Setting
from app.ui.training.fields import TextInput, Wrap


def patterns_field(draft: TrainingDraft, setting: Setting, problem: str) -> ft.Control:
    """For LoRA, choosing a group or typing a pattern makes its target modules custom."""

    def put(typed: str) -> None:
        if draft.method == "lora":
            draft.target_modules = "custom" if typed.strip() else "all-linear"
        binding.put(draft, setting, typed)

    said = str(binding.kept(draft, setting))
    counts = draft.method == "osft" or draft.target_modules == "custom"
    chips: list[ft.Control] = [
        ft.Chip(
            label=ft.Text(group.label),
            tooltip=group.why,
            selected=counts and said.split() == [group.pattern],
            on_select=partial(_choose, put, said, group.pattern),
        )
        for group in PATTERN_GROUPS
    ]
    field = TextInput(
        setting.label,
        said,
        put,
        help_text=text("training.expert.patterns.help", help=setting.help),
        error=problem,
        hint=text("training.expert.patterns.hint"),
    )
    return ft.Column(
        [field, Wrap(chips)],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _choose(put: Callable[[str], None], text: str, pattern: str) -> None:
    put(with_group(text, pattern))
