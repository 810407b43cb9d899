"""The next thing that the form lacks, as an order to the person."""

from typing import TYPE_CHECKING

from app.domain.runs import Target
from app.ui.texts import text
from app.ui.training import clashes, typed_numbers
from app.ui.training.expert import problems
from app.ui.training.options import Source

if TYPE_CHECKING:
    from app.ui.training.draft import TrainingDraft


def first_of(draft: "TrainingDraft") -> str:
    """The next thing to fill in; empty if nothing is missing but what takes time."""
    if draft.source is Source.SESSION and not draft.session:
        return text("training.missing.dataset")
    if draft.source is Source.HUB and not draft.hub_repo.strip():
        return text("training.missing.hub_dataset")
    if draft.source is Source.HUB and not draft.hub_split.strip():
        return text("training.missing.split")
    if draft.source is Source.FILE and not draft.file.strip():
        return text("training.missing.data_file")
    if not draft.base_model:
        return text("training.missing.base_model")
    for name in draft.active_numbers():
        if draft.number_problem(name):
            return text("training.missing.field", field=typed_numbers.label_of(name))
    if problem := method_problem(draft):
        return problem
    if problem := clashes.first_of(draft) or draft.spread_problem():
        return problem
    if clashes.push_problem(draft):
        return text("training.missing.push")
    return _target_problem(draft) or problems.first_of(draft)


def method_problem(draft: "TrainingDraft") -> str:
    """What is wrong with the chosen method's patterns and switches, as an order; empty if nothing is."""
    if draft.method == "lora" and draft.target_modules == "custom" and not draft.patterns:
        return text("training.missing.patterns")
    if draft.method == "lora" and draft.use_dora and draft.base_bits == "8":
        return text("training.missing.dora")
    for pattern in draft.patterns:
        if problem := typed_numbers.pattern_problem(pattern):
            return problem
    return ""


def _target_problem(draft: "TrainingDraft") -> str:
    if draft.target is Target.DOCKER:
        return clashes.docker_problem(draft)
    if draft.target is Target.HF_JOBS:
        return draft.job.problem()
    return draft.pod.problem() if draft.target is Target.RUNPOD else ""
