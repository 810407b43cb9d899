"""One setting as a field of the form: what is wrong with it, its help, and the way back to its default."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import flet as ft

from app.domain.setup_differences import worded
from app.ui.kit.icon_action import IconAction
from app.ui.offline import Reason
from app.ui.texts import text, text_in
from app.ui.texts.words import either
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.expert import binding
from app.ui.training.expert.alpha import alpha_field
from app.ui.training.expert.catalogue import Setting
from app.ui.training.expert.help import help_button
from app.ui.training.expert.patterns import patterns_field
from app.ui.training.fields import Choice, Help, TextInput, Toggle
from app.ui.training.method_fields import RatioBands
from trainer_image.config import Lora

_CALLED: Final = frozenset(
    {"adamw", "adamw_8bit", "paged_adamw_8bit", "sgd", "cosine", "linear", "constant", "ddp", "fsdp",
     "bfloat16", "float32", "auto", "all-linear", "attention", "custom", "drop", "truncate", "share",
     "file", "off", "native", "instructlab-training", "mini-trainer", "unsloth"}
)  # fmt: skip
"""Choices that have a text; one that is newer than this form is called by its own word."""
_BITS: Final[Mapping[str, str]] = {"": "16", "4": "4", "8": "8"}
"""What is kept in the form → its text."""

_BITS_HELP: Final = " ".join(
    Lora.model_fields[name].description or "" for name in ("load_in_4bit", "load_in_8bit")
)

FieldMaker = Callable[[TrainingDraft, Setting, str], ft.Control]


def field_for(draft: TrainingDraft, setting: Setting, problem: str) -> ft.Control:
    """The field, and beside it its help and, if it is changed, its reset."""
    make = _OWN.get(setting.path, _plain)
    buttons = [help_button(setting)]
    if binding.is_changed(draft, setting):
        first = worded(binding.first_kept(setting))
        name = (
            text("training.expert.fields.reset_to", setting=setting.label, first=first)
            if first != "–"
            else text("training.expert.fields.reset", setting=setting.label)
        )
        buttons.insert(
            0, IconAction(ft.Icons.RESTART_ALT, name, partial(binding.reset, draft, setting), size=18)
        )
    row = ft.Row(
        [
            ft.Container(make(draft, setting, problem), expand=True),
            ft.Column([_small(button) for button in buttons], spacing=0, tight=True),
        ],
        vertical_alignment=ft.CrossAxisAlignment.START,
        spacing=GAP / 2,
    )
    row.data = "wide" if setting.path in _WIDE or setting.kind == "switch" or _is_long(setting) else None
    return row


def _is_long(setting: Setting) -> bool:
    """Its help would be a tall, narrow column of words beside another field."""
    return len(setting.help) > _MOST_BESIDE


def _small(button: ft.IconButton) -> ft.Control:
    """Beside a field, which needs the width more."""
    button.width = button.height = 32
    button.padding = 4
    return button


def _plain(draft: TrainingDraft, setting: Setting, problem: str) -> ft.Control:
    now, change = binding.kept(draft, setting), partial(binding.put, draft, setting)
    if setting.kind == "switch":
        return ft.Column(
            [
                Toggle(setting.label, bool(now), change, help_text=setting.help),
                *([_wrong(problem)] if problem else []),
            ],
            spacing=0,
            tight=True,
        )
    if setting.kind == "choice":
        return _choice(setting, str(now), change, problem)
    return TextInput(
        setting.label,
        now,
        change,
        help_text=setting.help,
        error=problem,
        hint=either([*setting.options, text("training.expert.fields.a_number")]) if setting.options else "",
    )


def _choice(setting: Setting, now: str, change: Callable[[str], None], problem: str) -> ft.Control:
    options = [(word, _called(word)) for word in setting.options]
    identifier = setting.name.replace("_", "-")
    field = Choice(identifier, setting.label, now, options, change, help_text=setting.help)
    return ft.Column([field, *([_wrong(problem)] if problem else [])], spacing=GAP / 2, tight=True)


def _called(word: str) -> str:
    return text_in("training.expert.choices", word) if word in _CALLED else word


def _bits(draft: TrainingDraft, setting: Setting, problem: str) -> ft.Control:
    """One choice of three, so that both cannot be meant."""

    def choose(event: ft.Event[ft.RadioGroup]) -> None:
        binding.put(draft, setting, str(event.data or ""))

    radios = ft.RadioGroup(
        value=draft.base_bits,
        content=ft.Row(
            [ft.Radio(value=key, label=text_in("training.expert.bits", name)) for key, name in _BITS.items()],
            wrap=True,
        ),
        on_change=choose,
    )
    caption = ft.Text(
        text("training.expert.fields.frozen_model"),
        theme_style=ft.TextThemeStyle.LABEL_MEDIUM,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    lines = [caption, radios, Help(_BITS_HELP), *([_wrong(problem)] if problem else [])]
    return ft.Column(lines, spacing=GAP / 2, tight=True)


def _ratio(draft: TrainingDraft, setting: Setting, problem: str) -> ft.Control:
    return ft.Column(
        [_plain(draft, setting, problem), RatioBands(draft)],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _push_to(draft: TrainingDraft, setting: Setting, problem: str) -> ft.Control:
    """Offline it is emptied (`TrainingDraft.go_offline`), and says why."""
    field = TextInput(
        setting.label,
        binding.kept(draft, setting),
        partial(binding.put, draft, setting),
        help_text=setting.help,
        error=problem,
        disabled=bool(draft.offline_reason),
    )
    why = draft.offline_reason and text("training.expert.fields.no_push", reason=draft.offline_reason)
    return ft.Column(
        [field, Reason(why, identifier="push-offline")],
        spacing=GAP / 2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _wrong(problem: str) -> ft.Control:
    return ft.Text(problem, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ERROR)


_OWN: Final[Mapping[str, FieldMaker]] = {
    "method.load_in_4bit": _bits,
    "method.lora_alpha": alpha_field,
    "method.target_patterns": patterns_field,
    "method.unfreeze_rank_ratio": _ratio,
    "push.repo_id": _push_to,
}
_MOST_BESIDE: Final = 90
"""Letters of help that a field has room for in half the width."""
_WIDE: Final = frozenset(_OWN) | {"backend_args", "method.target_modules"}
