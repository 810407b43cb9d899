"""LoRA's alpha, which is twice the rank until somebody unlinks it."""

from functools import partial

import flet as ft

from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.expert import binding
from app.ui.training.expert.catalogue import Setting
from app.ui.training.fields import TextInput, Toggle


def alpha_field(draft: TrainingDraft, setting: Setting, problem: str) -> ft.Control:
    """Typing another alpha unlinks it by itself."""
    field = TextInput(
        setting.label,
        draft.numbers["lora_alpha"],
        partial(binding.put, draft, setting),
        help_text=setting.help,
        error=problem,
    )
    link = Toggle(text("training.expert.alpha_follows"), draft.alpha_follows_rank, draft.link_alpha)
    return ft.Column(
        [field, link],
        spacing=GAP / 2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
