"""The model to start from and how it is changed."""

import flet as ft

from app.ui.kit.section import Section
from app.ui.training.draft import TargetModules, TrainingDraft
from app.ui.training.fields import Choice, Grid, Help, NumberField, Segments, TextInput
from app.ui.training.options import BASE_MODELS, OTHER_MODEL, OTHER_MODEL_LABEL
from trainer_image.config import Lora, RunConfig

_METHODS = (("lora", "LoRA"), ("sft", "All weights (SFT)"))
_METHOD_HELP = {
    "lora": "Trains small adapters beside the frozen model: little memory, a result of a few megabytes.",
    "sft": "Trains every weight: needs several times the memory; the result is a whole model.",
}
_LAYERS: tuple[tuple[TargetModules, str], ...] = (
    ("all-linear", "All linear layers"),
    ("attention", "Attention only"),
)


def MethodSection(draft: TrainingDraft) -> ft.Control:
    """Base model, method, and what the method asks for."""

    def choose_method(value: str) -> None:
        draft.method = "sft" if value == "sft" else "lora"

    body = [
        *_model_fields(draft),
        Segments("method", "Method", draft.method, _METHODS, choose_method),
        Help(_METHOD_HELP[draft.method]),
    ]
    if draft.method == "lora":
        body.append(_lora_fields(draft))
    return Section("Model and method", body)


def _model_fields(draft: TrainingDraft) -> list[ft.Control]:
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
    return fields


def _lora_fields(draft: TrainingDraft) -> ft.Control:
    def choose_layers(value: str) -> None:
        draft.target_modules = "attention" if value == "attention" else "all-linear"

    return Grid(
        [
            NumberField(draft, "lora_r"),
            NumberField(draft, "lora_alpha"),
            NumberField(draft, "lora_dropout"),
            Choice(
                "target-modules",
                "Target modules",
                draft.target_modules,
                _LAYERS,
                choose_layers,
                help_text=Lora.model_fields["target_modules"].description or "",
            ),
        ]
    )
