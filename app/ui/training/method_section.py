"""The model to start from and how it is changed."""

from typing import Final

import flet as ft

from app.domain.presets import Method
from app.ui.kit.section import Section
from app.ui.texts import text, text_in
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice, Help, Segments, TextInput
from app.ui.training.options import OTHER_MODEL, model_options
from trainer_image.config import RunConfig
from trainer_image.variants import base_model_hint

_METHODS: Final[tuple[Method, ...]] = ("lora", "osft", "sft")


def MethodSection(draft: TrainingDraft) -> ft.Control:
    """Base model and method; the numbers of the method stand with the other settings."""

    def choose_method(value: str) -> None:
        draft.choose_method(next(method for method in _METHODS if method == value))

    body = [
        *model_fields(draft),
        Segments(
            "method",
            text("training.method.method"),
            draft.method,
            [(m, text_in("training.methods_short", m)) for m in _METHODS],
            choose_method,
        ),
        Help(text_in("training.method.about", draft.method)),
    ]
    return Section(text("training.method.title"), body)


def model_fields(draft: TrainingDraft) -> list[ft.Control]:
    """The base model, with a hint where it is none for chats."""

    def choose(value: str) -> None:
        draft.is_model_typed = value == OTHER_MODEL
        if value != OTHER_MODEL:
            draft.listed_model = value

    def edit(text: str) -> None:
        draft.typed_model = text

    shown = OTHER_MODEL if draft.is_model_typed else draft.listed_model
    fields = [Choice("base-model", text("training.method.base_model"), shown, model_options(), choose)]
    if draft.is_model_typed:
        fields.append(
            TextInput(
                text("training.method.other_model"),
                draft.typed_model,
                edit,
                help_text=RunConfig.model_fields["base_model"].description or "",
                hint=text("training.method.other_model_hint"),
            )
        )
    if not draft.rows["is_pretraining"] and (advice := base_model_hint(draft.base_model)):
        fields.append(Help(advice))
    return fields
