"""What the chosen method asks for beside the common settings."""

from collections.abc import Callable

import flet as ft

from app.domain.presets import RATIO_BANDS
from app.ui.theme import GAP
from app.ui.training.draft import BaseBits, TargetModules, TrainingDraft
from app.ui.training.fields import Choice, Grid, Help, NumberField, Segments, TextInput, Toggle
from trainer_image.config import Lora, Osft

_LAYERS: tuple[tuple[TargetModules, str], ...] = (
    ("auto", "Usual layers (auto)"),
    ("all-linear", "All linear layers"),
    ("attention", "Attention only"),
    ("custom", "Custom patterns"),
)
_BITS: tuple[tuple[BaseBits, str], ...] = (("", "As it is"), ("4", "4 bits (QLoRA)"), ("8", "8 bits"))


def lora_fields(draft: TrainingDraft) -> ft.Control:
    def choose_layers(value: str) -> None:
        draft.target_modules = next(key for key, _ in _LAYERS if key == value)

    def choose_bits(value: str) -> None:
        draft.base_bits = next(key for key, _ in _BITS if key == value)

    def edit_patterns(text: str) -> None:
        draft.lora_patterns = text

    def toggle_rslora(value: bool) -> None:
        draft.use_rslora = value

    def toggle_dora(value: bool) -> None:
        draft.use_dora = value

    fields = [
        NumberField(draft, "lora_r"),
        NumberField(draft, "lora_alpha"),
        NumberField(draft, "lora_dropout"),
        Choice(
            "target-modules",
            "Target modules",
            draft.target_modules,
            _LAYERS,
            choose_layers,
            help_text=_help(Lora, "target_modules"),
        ),
    ]
    if draft.target_modules == "custom":
        fields.append(_patterns(draft, draft.lora_patterns, edit_patterns, _help(Lora, "target_patterns")))
    fields += [
        Toggle(
            "Rank-stabilised (rsLoRA)", draft.use_rslora, toggle_rslora, help_text=_help(Lora, "use_rslora")
        ),
        Toggle("DoRA", draft.use_dora, toggle_dora, help_text=_help(Lora, "use_dora")),
    ]
    bits = Segments("base-bits", "Frozen model in memory", draft.base_bits, _BITS, choose_bits)
    why = {"4": _help(Lora, "load_in_4bit"), "8": _help(Lora, "load_in_8bit")}.get(draft.base_bits)
    return ft.Column([Grid(fields), bits, *([Help(why)] if why else [])], spacing=GAP, tight=True)


def osft_fields(draft: TrainingDraft) -> ft.Control:
    def edit_patterns(text: str) -> None:
        draft.osft_patterns = text

    def toggle_rest(value: bool) -> None:
        draft.train_rest = value

    return Grid(
        [
            ft.Column(
                [NumberField(draft, "unfreeze_rank_ratio"), RatioBands(draft)], spacing=GAP, tight=True
            ),
            _patterns(draft, draft.osft_patterns, edit_patterns, _help(Osft, "target_patterns")),
            Toggle("Train the rest too", draft.train_rest, toggle_rest, help_text=_help(Osft, "train_rest")),
        ]
    )


def RatioBands(draft: TrainingDraft) -> ft.Control:
    """Named ratios; none is chosen while another is typed."""
    typed = draft.numbers["unfreeze_rank_ratio"].strip()
    chosen = next((band for band in RATIO_BANDS if f"{band.ratio:g}" == typed), None)

    def choose(label: str) -> None:
        ratio = next(band.ratio for band in RATIO_BANDS if band.label == label)
        draft.type_number("unfreeze_rank_ratio", f"{ratio:g}")

    options = [(band.label, f"{band.label} {band.ratio:g}") for band in RATIO_BANDS]
    bands = Segments(
        "ratio-bands", "How freely it may change", chosen.label if chosen else "", options, choose
    )
    return ft.Column([bands, *([Help(chosen.why)] if chosen else [])], spacing=GAP / 2, tight=True)


def _patterns(draft: TrainingDraft, text: str, edit: Callable[[str], None], help_text: str) -> ft.Control:
    error = draft.method_problem() if draft.patterns else ""
    help_text += " Blanks between them."
    return TextInput(
        "Target patterns", text, edit, help_text=help_text, error=error, hint="self_attn mlp.up_proj$"
    )


def _help(method: type[Lora] | type[Osft], name: str) -> str:
    return method.model_fields[name].description or ""
