"""A run's settings in the form: a beginner goes on as one, if all of them can be seen there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from app.domain.presets import method_values, preset_values
from app.domain.runs import RunId
from app.domain.setting_labels import label_of
from app.domain.setups import Setup
from app.ui.texts import text
from app.ui.texts.words import all_of
from app.ui.training.draft import TrainingDraft
from app.ui.training.expert import binding
from app.ui.training.expert.catalogue import settings

_SHOWN: Final = frozenset(
    {
        "learning_rate", "num_epochs", "max_steps", "per_device_batch_size", "gradient_accumulation_steps",
        "max_seq_len", "gradient_checkpointing", "method.load_in_4bit",
    }
)  # fmt: skip
"""Settings whose values a beginner's form tells, in fields or under what else is sent."""
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Opened:
    """What became of the form."""

    said: str
    """Why it is an expert's now, as a sentence; empty if it is not, or was one before."""
    undo: Callable[[], bool]
    """Puts back what was in it before, unless something else has filled it since."""
    can_undo: Callable[[], bool]


def open_clone(draft: TrainingDraft, run_id: RunId, setup: Setup) -> Opened:
    """Fill the form from that run's setup, so that what is started from it is known as a clone of the run."""
    before = draft.everything()
    said = _fill(draft, setup)
    draft.cloned_from = run_id
    return Opened(said, partial(draft.undo, before), partial(draft.can_undo, before))


def _fill(draft: TrainingDraft, setup: Setup) -> str:
    was_expert = draft.skill == "expert"
    draft.load(setup)
    draft.recognise_preset()
    hidden = hidden_from_beginners(draft)
    draft.skill = "expert" if was_expert or hidden else "beginner"
    if was_expert or not hidden:
        return ""
    names = list(hidden[:_MOST_NAMED])
    if more := len(hidden) - len(names):
        names.append(text("training.history.more_settings", count=more))
    return text("training.history.cloned_as_expert", settings=all_of(names))


def hidden_from_beginners(draft: TrainingDraft) -> Sequence[str]:
    """What says anything but its default, and neither a beginner's form nor the chosen preset tells: its
    labels."""
    told = {*_SHOWN, *preset_values(draft.preset, draft.method)}
    told |= {f"method.{name}" for name in method_values(draft.preset)}
    changed = (s for s in settings(draft.method) if s.path not in told and binding.is_changed(draft, s))
    in_8_bits = [label_of("method.load_in_8bit")] if draft.method == "lora" and draft.base_bits == "8" else []
    return [*in_8_bits, *(setting.label for setting in changed)]
