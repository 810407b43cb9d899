"""The model to start from and how it is changed."""

from typing import Final

import flet as ft

from app.domain.presets import Method
from app.ui.kit.section import Section
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice, Help, Segments, TextInput
from app.ui.training.options import BASE_MODELS, OTHER_MODEL, OTHER_MODEL_LABEL
from app.ui.training.wording import METHOD_LABELS
from trainer_image.config import RunConfig
from trainer_image.variants import base_model_hint

_METHODS: Final[tuple[Method, ...]] = ("lora", "osft", "sft")
_METHOD_HELP = {
    "lora": "Trains small adapters beside the frozen model: little memory, a result of a few megabytes.",
    "osft": "Trains the directions of the weights that matter least and keeps the others as they are: less "
    "is forgotten at high learning rates. The result is a whole model.",
    "sft": "Trains every weight: needs several times the memory; the result is a whole model.",
}


def MethodSection(draft: TrainingDraft) -> ft.Control:
    """Base model and method; the numbers of the method stand with the other settings."""

    def choose_method(value: str) -> None:
        draft.choose_method(next(method for method in _METHODS if method == value))

    body = [
        *model_fields(draft),
        Segments(
            "method",
            "Method",
            draft.method,
            [(m, METHOD_LABELS[m].partition(" (")[0]) for m in _METHODS],
            choose_method,
        ),
        Help(_METHOD_HELP[draft.method]),
    ]
    return Section("Model and method", body)


def model_fields(draft: TrainingDraft) -> list[ft.Control]:
    """The base model, with a hint where it is none for chats."""

    def choose(value: str) -> None:
        draft.is_model_typed = value == OTHER_MODEL
        if value != OTHER_MODEL:
            draft.listed_model = value

    def edit(text: str) -> None:
        draft.typed_model = text

    options = [(option.name, option.label) for option in BASE_MODELS] + [(OTHER_MODEL, OTHER_MODEL_LABEL)]
    shown = OTHER_MODEL if draft.is_model_typed else draft.listed_model
    fields = [Choice("base-model", "Base model", shown, options, choose)]
    if draft.is_model_typed:
        fields.append(
            TextInput(
                "Hub name or folder",
                draft.typed_model,
                edit,
                help_text=RunConfig.model_fields["base_model"].description or "",
                hint="owner/name or /path/to/model",
            )
        )
    if not draft.rows["is_pretraining"] and (advice := base_model_hint(draft.base_model)):
        fields.append(Help(advice))
    return fields
