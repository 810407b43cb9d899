"""How long and how fast it learns, with presets that really set what they say."""

from functools import partial
from typing import Final

import flet as ft

from app.domain.presets import PRESETS, WHY
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.theme import GAP
from app.ui.training.draft import CUSTOM, LrScheduler, Precision, TrainingDraft
from app.ui.training.fields import Choice, Grid, Help, NumberField, Toggle, Wrap
from app.ui.training.memory_and_logging import LoggingFields, PushFields, switches
from trainer_image.config import RunConfig

_MAIN: Final = (
    "num_epochs",
    "max_steps",
    "learning_rate",
    "max_seq_len",
    "per_device_batch_size",
    "gradient_accumulation_steps",
    "seed",
    "save_steps",
)
_MORE: Final = ("warmup_steps", "weight_decay", "max_grad_norm", "keep_checkpoints")
_SCHEDULERS: Final[tuple[tuple[LrScheduler, str], ...]] = (
    ("cosine", "Cosine"),
    ("linear", "Linear"),
    ("constant", "Constant"),
)
_PRECISIONS: Final[tuple[tuple[Precision, str], ...]] = (
    ("auto", "Auto"),
    ("float32", "float32"),
    ("bfloat16", "bfloat16"),
)


def Hyperparameters(draft: TrainingDraft) -> ft.Control:
    """Preset chips over the numbers they set; rarely changed settings are folded away."""
    batch = draft.effective_batch_size
    return Section(
        "Training settings",
        [
            _presets(draft),
            Grid([NumberField(draft, name) for name in _MAIN]),
            Identified("effective-batch", Help(f"Effective batch: {batch or '–'} examples per step.")),
            _more(draft),
            LoggingFields(draft),
        ],
    )


def _presets(draft: TrainingDraft) -> ft.Control:
    chips: list[ft.Control] = [
        Identified(
            "preset-" + name.lower().replace(" ", "-"),
            ft.Chip(
                label=ft.Text(name),
                selected=draft.preset == name,
                on_select=partial(_choose_preset, draft, name),
            ),
            label=f"Preset {name}",
        )
        for name in (*PRESETS, CUSTOM)
    ]
    why = WHY.get(draft.preset, "Your own values.")
    return ft.Column([Wrap(chips), Help(why)], spacing=GAP / 2, tight=True)


def _choose_preset(draft: TrainingDraft, name: str) -> None:
    draft.apply_preset(name)


def _more(draft: TrainingDraft) -> ft.Control:
    def choose_scheduler(value: str) -> None:
        draft.lr_scheduler = next(key for key, _ in _SCHEDULERS if key == value)

    def choose_precision(value: str) -> None:
        draft.precision = next(key for key, _ in _PRECISIONS if key == value)

    def toggle_checkpointing(value: bool) -> None:
        draft.gradient_checkpointing = value

    def toggle_offline(value: bool) -> None:
        draft.offline = value

    fields = Grid(
        [
            *(NumberField(draft, name) for name in _MORE),
            Choice(
                "lr-scheduler",
                "Learning rate schedule",
                draft.lr_scheduler,
                _SCHEDULERS,
                choose_scheduler,
                help_text=_help("lr_scheduler"),
            ),
            Choice(
                "precision",
                "Precision",
                draft.precision,
                _PRECISIONS,
                choose_precision,
                help_text=_help("precision"),
            ),
            Toggle(
                "Gradient checkpointing",
                draft.gradient_checkpointing,
                toggle_checkpointing,
                help_text=_help("gradient_checkpointing"),
            ),
            *switches(draft),
            *PushFields(draft),
            Toggle("Offline", draft.offline, toggle_offline, help_text=_help("offline")),
        ]
    )
    return ft.ExpansionTile(
        title=ft.Text("More settings", theme_style=ft.TextThemeStyle.TITLE_SMALL),
        controls=[fields],
        controls_padding=ft.Padding.only(top=GAP, bottom=GAP),
        tile_padding=ft.Padding.all(0),
        shape=ft.RoundedRectangleBorder(),
        maintain_state=True,
    )


def _help(name: str) -> str:
    return RunConfig.model_fields[name].description or ""
