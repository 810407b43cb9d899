"""Several processes, several computers, and other people's trainers: folded away, for those who have them."""

from dataclasses import replace
from functools import partial
from typing import Any, Final

import flet as ft

from app.ui.kit.foldable import Foldable
from app.ui.kit.status_pill import StatusPill
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice, Grid, Help, TextInput, Toggle
from trainer_image.config import Distributed, RunConfig

_BACKENDS: Final = (
    ("native", "Native"),
    ("instructlab-training", "instructlab-training (SFT)"),
    ("mini-trainer", "mini-trainer (OSFT)"),
    ("unsloth", "Unsloth (LoRA)"),
)
_STRATEGIES: Final = (("ddp", "DDP"), ("fsdp", "FSDP"))
_LABELS: Final = {
    "nproc_per_node": "Processes per node",
    "nnodes": "Nodes",
    "node_rank": "Node rank",
    "rdzv_id": "Rendezvous id",
    "rdzv_endpoint": "Rendezvous endpoint",
    "master_addr": "Master address",
    "master_port": "Master port",
}


def SeveralGpus(draft: TrainingDraft) -> ft.Control:
    """Closed at first; one process and the native trainer need nothing of it. Uses state, as MoreSettings."""
    count = draft.spread.changed()
    badge = StatusPill(f"{count} non-default", "active", icon=ft.Icons.TUNE) if count else None
    problem = draft.spread_problem()

    def body() -> list[ft.Control]:
        return [Grid(_fields(draft)), *([Help(problem)] if problem else [])]

    return Foldable(
        "Several GPUs",
        body,
        badge=badge,
        identifier="several-gpus",
        tooltip="Processes, computers, other trainers…",
    )


def _fields(draft: TrainingDraft) -> list[ft.Control]:
    spread = draft.spread
    typed: list[ft.Control] = [
        TextInput(label, spread.texts[name], partial(_type, draft, name), help_text=_help(Distributed, name))
        for name, label in _LABELS.items()
    ]
    return [
        *typed,
        Choice(
            "strategy",
            "Strategy",
            spread.strategy,
            _STRATEGIES,
            partial(_set, draft, "strategy"),
            help_text=_help(Distributed, "strategy"),
        ),
        Toggle(
            "Split one model over the GPUs",
            spread.enable_model_splitting,
            partial(_set, draft, "enable_model_splitting"),
            help_text=_help(Distributed, "enable_model_splitting"),
        ),
        Choice(
            "backend",
            "Backend",
            spread.backend,
            _BACKENDS,
            partial(_set, draft, "backend"),
            help_text=_help(RunConfig, "backend"),
        ),
        TextInput(
            "Backend arguments",
            spread.backend_args,
            partial(_set, draft, "backend_args"),
            help_text=_help(RunConfig, "backend_args"),
        ),
    ]


def _type(draft: TrainingDraft, name: str, text: str) -> None:
    draft.spread = replace(draft.spread, texts={**draft.spread.texts, name: text})


def _set(draft: TrainingDraft, name: str, value: Any) -> None:
    draft.spread = replace(draft.spread, **{name: value})


def _help(owner: Any, name: str) -> str:
    return owner.model_fields[name].description or ""
