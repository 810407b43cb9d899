"""What the beginner's form keeps beside the settings themselves: answers, and where Auto Set stands."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.domain.auto_reasons import AutoSet
from app.domain.auto_set import NO_WISHES, BitsWish, Pin, Wishes
from app.domain.setups import Setup
from trainer_image.config import Lora, RunConfig

PINS: Final[Mapping[str, Pin]] = {
    "learning_rate": "learning_rate",
    "num_epochs": "length",
    "max_steps": "length",
}
"""Fields a beginner types → what then stays as typed."""
FIELDS_OF: Final[Mapping[Pin, tuple[str, ...]]] = {
    "learning_rate": ("learning_rate",),
    "effective_batch": ("per_device_batch_size", "gradient_accumulation_steps"),
    "length": ("num_epochs", "max_steps"),
}


@dataclass(frozen=True)
class AutoState:
    """What was wished, what was answered, and to which question."""

    wishes: Wishes = NO_WISHES
    answer: AutoSet | None = None
    answered: str = ""
    """The question the answer is for."""
    again: int = 0
    """How often it was asked to look anew."""

    def pinning(self, pin: Pin) -> "AutoState":
        """With a number that is the person's own from here on."""
        return replace(self, wishes=replace(self.wishes, pinned=self.wishes.pinned | {pin}))

    def wishing(self, bits: BitsWish) -> "AutoState":
        return replace(self, wishes=replace(self.wishes, bits=bits))


def neutral(setup: Setup, wishes: Wishes) -> Setup:
    """The setup without what Auto Set itself has put there: what it is asked about."""
    pinned = {name for pin in wishes.pinned for name in FIELDS_OF[pin]}
    chosen = {name for names in FIELDS_OF.values() for name in names} | {
        "gradient_checkpointing",
        "max_seq_len",
    }
    values = {name: RunConfig.model_fields[name].default for name in chosen - pinned}
    config = setup.config.model_copy(update=values)
    if isinstance(config.method, Lora):
        plain = config.method.model_copy(update={"load_in_4bit": False, "load_in_8bit": False})
        config = config.model_copy(update={"method": plain})
    return setup.model_copy(update={"config": config, "output_name": "", "preset": "", "skill": "beginner"})


def question(setup: Setup, state: AutoState) -> str:
    """Names what is asked: alike as long as the answer would be."""
    asked = neutral(setup, state.wishes).model_dump_json()
    wishes = (state.wishes.bits, sorted(state.wishes.pinned), state.again)
    return hashlib.sha256(f"{asked} {wishes}".encode()).hexdigest()
