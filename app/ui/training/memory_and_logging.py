"""Folded-away settings: what a run may do about memory and disk, and who else gets its numbers."""

from collections.abc import Callable
from functools import partial
from typing import Final

import flet as ft

from app.ui.kit.foldable import Foldable
from app.ui.kit.status_pill import StatusPill
from app.ui.training.draft import TrainingDraft, push_problem
from app.ui.training.fields import Grid, TextInput, Toggle
from trainer_image.config import Logging, Push, RunConfig

SWITCHES: Final = {
    "on_oom_shorten": "Shorten rows when memory runs out",
    "probe_memory": "Measure memory first",
    "save_full_state": "Checkpoints can be resumed",
}
LOGGERS: Final = {
    "tensorboard_log_dir": "TensorBoard folder",
    "trackio_project": "Trackio project",
    "wandb_project": "W&B project",
    "wandb_entity": "W&B entity",
    "wandb_run_name": "W&B run name",
    "mlflow_tracking_uri": "MLflow tracking URI",
    "mlflow_experiment_name": "MLflow experiment",
    "mlflow_run_name": "MLflow run name",
}
"""Field of the config's `logging` → label."""


def switches(draft: TrainingDraft) -> list[ft.Control]:
    """The yes-or-no settings of this part."""
    return [
        Toggle(
            label,
            bool(getattr(draft, name)),
            partial(setattr, draft, name),
            help_text=RunConfig.model_fields[name].description or "",
        )
        for name, label in SWITCHES.items()
    ]


def TokenBound(draft: TrainingDraft) -> ft.Control:
    """How many tokens a part of the batch may have, instead of rows."""
    return TextInput(
        "Tokens at once",
        draft.max_tokens,
        partial(setattr, draft, "max_tokens"),
        help_text=RunConfig.model_fields["max_tokens_per_gpu"].description or "",
        error=draft.token_bound_problem(),
        hint="auto, or a number",
    )


def PushFields(draft: TrainingDraft) -> list[ft.Control]:
    """Where the result goes on the Hub; an empty repository means nowhere."""
    return [
        TextInput(
            "Push to Hub repository",
            draft.push_repo,
            partial(setattr, draft, "push_repo"),
            help_text=Push.model_fields["repo_id"].description or "",
            error=push_problem(draft),
        ),
        Toggle(
            "Private on the Hub",
            draft.push_private,
            partial(setattr, draft, "push_private"),
            help_text=Push.model_fields["private"].description or "",
        ),
        Toggle(
            "Push at every save",
            draft.push_every_save,
            partial(setattr, draft, "push_every_save"),
            help_text=Push.model_fields["every_save"].description or "",
        ),
    ]


def LoggingFields(draft: TrainingDraft) -> ft.Control:
    """Each program is on as soon as one of its fields is filled in. Uses state, as MoreSettings."""
    fields = [
        TextInput(
            label,
            draft.logging.get(name, ""),
            _edit(draft, name),
            help_text=Logging.model_fields[name].description or "",
        )
        for name, label in LOGGERS.items()
    ]
    count = sum(bool(text.strip()) for text in draft.logging.values())
    badge = StatusPill(f"{count} filled in", "active", icon=ft.Icons.TUNE) if count else None
    return Foldable("Loggers", lambda: [Grid(fields)], badge=badge, identifier="loggers")


def _edit(draft: TrainingDraft, name: str) -> Callable[[str], None]:
    def edit(text: str) -> None:
        draft.logging = {**draft.logging, name: text}

    return edit
