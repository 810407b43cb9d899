"""What a Hugging Face Job needs: which machine, how long at most, and where its result goes."""

from dataclasses import replace
from typing import Any, Final

import flet as ft

from app.domain.jobs import FLAVORS
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
        Help(
            "Your Hugging Face account pays by the minute: it needs credit, or a Pro, Team or Enterprise "
            "plan. How much is left only huggingface.co/settings/billing says."
        ),
        Choice(
            "job-flavor",
            "Machine",
            job.flavor if job.is_listed else _OTHER,
            [*listed, (_OTHER, "Another one…")],
            choose,
        ),
    ]
    if not job.is_listed:
        flavor_help = "As the Hub calls it, like h200; `hf jobs hardware` lists them with prices."
        fields.append(TextInput("Flavor", job.flavor, lambda t: set_to(flavor=t), help_text=flavor_help))
    time = TextInput(
        "Longest time",
        job.timeout,
        lambda t: set_to(timeout=t),
        help_text="A number with s, m, h or d. Without one the Hub ends a job after 30 minutes.",
    )
    price = TextInput(
        "Dollars an hour (optional)",
        job.price,
        lambda t: set_to(price=t),
        help_text="Today's price. Empty: the guide's.",
        error=job.price_problem(),
    )
    repo = TextInput(
        "Push the result to",
        draft.push_repo,
        push_to,
        help_text="A repository like you/ferries, made if need be: a job's disk is gone when it ends.",
        error=clashes.push_problem(draft),
    )
    return [*fields, Grid([time, price]), repo]
