"""What is rarely changed, folded away; the heading says how much of it differs from the defaults."""

from typing import Final

import flet as ft

from app.ui.kit.foldable import Foldable
from app.ui.kit.status_pill import StatusPill
from app.ui.training import typed_numbers
from app.ui.training.draft import LrScheduler, Optimizer, Precision, TrainingDraft, push_problem
from app.ui.training.fields import Choice, Grid, NumberField, Toggle
from app.ui.training.memory_and_logging import SWITCHES, PushFields, TokenBound, switches
from app.ui.training.method_fields import lora_fields
from trainer_image.config import Lora, RunConfig

_LORA: Final = ("lora_r", "lora_alpha", "lora_dropout")
_NUMBERS: Final = (
    "seed",
    "save_steps",
    "warmup_steps",
    "warmup_ratio",
    "weight_decay",
    "max_grad_norm",
    "keep_checkpoints",
)
_CHOICES: Final = ("lr_scheduler", "optimizer", "precision", "gradient_checkpointing", "offline", *SWITCHES)

_SCHEDULERS: Final[tuple[tuple[LrScheduler, str], ...]] = (
    ("cosine", "Cosine"),
    ("linear", "Linear"),
    ("constant", "Constant"),
)
_OPTIMIZERS: Final[tuple[tuple[Optimizer, str], ...]] = (
    ("adamw", "AdamW"),
    ("adamw_8bit", "AdamW, 8 bits"),
    ("paged_adamw_8bit", "AdamW, 8 bits, paged"),
    ("sgd", "SGD"),
)
_PRECISIONS: Final[tuple[tuple[Precision, str], ...]] = (
    ("auto", "Auto"),
    ("float32", "float32"),
    ("bfloat16", "bfloat16"),
)


def MoreSettings(draft: TrainingDraft) -> ft.Control:
    """Closed at first; everything in it has a default that works. Uses state: to be called in a component."""

    def body() -> list[ft.Control]:
        return [*([lora_fields(draft)] if draft.method == "lora" else []), Grid(_fields(draft))]

    seen = "LoRA rank, seed, checkpoints, precision…" if draft.method == "lora" else "Seed, checkpoints…"
    return Foldable("More settings", body, badge=_badge(draft), identifier="more-settings", tooltip=seen)


def changed(draft: TrainingDraft) -> int:
    """Settings folded away here that apply and are not at their default."""
    fields = [name for name in _CHOICES if getattr(draft, name) != RunConfig.model_fields[name].default]
    if draft.method == "lora" and draft.target_modules != Lora.model_fields["target_modules"].default:
        fields.append("target_modules")
    if draft.method == "lora":
        fields += [name for name in ("use_rslora", "use_dora", "base_bits") if getattr(draft, name)]
    fields += ["max_tokens"] if draft.max_tokens.strip() else []
    fields += ["push"] if draft.push_repo.strip() else []
    return len(fields) + sum(
        not typed_numbers.is_default(name, draft.numbers[name]) for name in _shown(draft)
    )


def _badge(draft: TrainingDraft) -> ft.Control:
    wrong = sum(bool(draft.number_problem(name)) for name in _shown(draft)) + bool(push_problem(draft))
    wrong += bool(draft.token_bound_problem())
    if wrong:
        return StatusPill(f"{wrong} to correct", "bad")
    count = changed(draft)
    return StatusPill(f"{count} non-default", "active", icon=ft.Icons.TUNE) if count else ft.Container()


def _shown(draft: TrainingDraft) -> tuple[str, ...]:
    return (*_LORA, *_NUMBERS) if draft.method == "lora" else _NUMBERS


def _fields(draft: TrainingDraft) -> list[ft.Control]:
    def choose_scheduler(value: str) -> None:
        draft.lr_scheduler = next(key for key, _ in _SCHEDULERS if key == value)

    def choose_optimizer(value: str) -> None:
        draft.optimizer = next(key for key, _ in _OPTIMIZERS if key == value)

    def choose_precision(value: str) -> None:
        draft.precision = next(key for key, _ in _PRECISIONS if key == value)

    def toggle_checkpointing(value: bool) -> None:
        draft.gradient_checkpointing = value

    def toggle_offline(value: bool) -> None:
        draft.offline = value

    return [
        *(NumberField(draft, name) for name in _NUMBERS),
        Choice(
            "lr-scheduler",
            "Learning rate schedule",
            draft.lr_scheduler,
            _SCHEDULERS,
            choose_scheduler,
            help_text=_help("lr_scheduler"),
        ),
        Choice(
            "optimizer",
            "Optimizer",
            draft.optimizer,
            _OPTIMIZERS,
            choose_optimizer,
            help_text=_help("optimizer"),
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
        TokenBound(draft),
        *switches(draft),
        *PushFields(draft),
        Toggle("Offline", draft.offline, toggle_offline, help_text=_help("offline")),
    ]


def _help(name: str) -> str:
    return RunConfig.model_fields[name].description or ""
