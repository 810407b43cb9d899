"""What a Hugging Face Job needs: which machine, how long at most, and where its result goes."""

from dataclasses import replace
from typing import Any, Final

import flet as ft

from app.domain.jobs import FLAVORS
from app.ui.texts import text
from app.ui.training import clashes
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice, Grid, Help, TextInput

_OTHER: Final = "other"


def JobFields(draft: TrainingDraft) -> list[ft.Control]:
    """Under the target while it is Hugging Face Jobs."""
    job = draft.job

    def set_to(**changes: Any) -> None:
        draft.job = replace(draft.job, **changes)

    def choose(value: str) -> None:
        set_to(flavor="" if value == _OTHER else value)

    def push_to(text: str) -> None:
        draft.push_repo = text

    listed = [(name, f"{card} ({name})") for name, card in FLAVORS]
    fields = [
        Help(text("training.job.about")),
        Choice(
            "job-flavor",
            text("training.job.machine"),
            job.flavor if job.is_listed else _OTHER,
            [*listed, (_OTHER, text("training.job.another"))],
            choose,
        ),
    ]
    if not job.is_listed:
        flavor_help = text("training.job.flavor_help")
        fields.append(
            TextInput(
                text("training.job.flavor"), job.flavor, lambda t: set_to(flavor=t), help_text=flavor_help
            )
        )
    time = TextInput(
        text("training.job.longest_time"),
        job.timeout,
        lambda t: set_to(timeout=t),
        help_text=text("training.job.longest_time_help"),
    )
    price = TextInput(
        text("training.job.price"),
        job.price,
        lambda t: set_to(price=t),
        help_text=text("training.job.price_help"),
        error=job.price_problem(),
    )
    repo = TextInput(
        text("training.job.push"),
        draft.push_repo,
        push_to,
        help_text=text("training.job.push_help"),
        error=clashes.push_problem(draft),
    )
    return [*fields, Grid([time, price]), repo]
