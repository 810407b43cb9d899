"""Three questions that choose the method, for people who do not know the methods.

The table is the training_hub guide's: LoRA for little memory and for form, OSFT for new knowledge beside the
old, all weights for the most capacity. What is said of forgetting is what was measured, no more.
"""

from dataclasses import dataclass
from typing import Final, Literal

from app.domain.auto_set import Bits
from app.domain.presets import Method

Goal = Literal["style", "knowledge", "everything", "unsure"]
Keep = Literal["yes", "no", "unsure"]
Matters = Literal["memory", "result", "unsure"]


@dataclass(frozen=True)
class Answers:
    goal: Goal = "unsure"
    keep: Keep = "unsure"
    matters: Matters = "unsure"


@dataclass(frozen=True)
class Recommendation:
    method: Method
    bits: Bits
    """In how many bits the frozen model is kept; empty: as it is, or fewer where only that fits."""
    why: str


_LITTLE_MEMORY: Final = Recommendation(
    "lora",
    "4",
    "QLoRA: the model stays frozen in 4 bits and small adapters learn beside it. Nothing needs less memory.",
)
_STYLE: Final = Recommendation(
    "lora",
    "",
    "LoRA: small adapters learn beside the frozen model, which stays as it was. Enough for style and format, "
    "quick, and a few megabytes.",
)
_UNSURE: Final = Recommendation(
    "lora",
    "",
    "LoRA: small adapters beside the frozen model. A good first try: quick, little memory, easily undone.",
)
_NEW_BESIDE_OLD: Final = Recommendation(
    "osft",
    "",
    "OSFT: new things are learnt in the directions of the weights that matter least. It forgets less than "
    "other methods at high learning rates; it does not forget nothing. It needs several times LoRA's memory.",
)
_EVERYTHING: Final = Recommendation(
    "sft",
    "",
    "SFT: every weight learns. The most capacity, the most memory, and what is not in your data fades first.",
)


def recommended(answers: Answers) -> Recommendation:
    """What the answers come to; "not sure" everywhere is an answer too."""
    if answers.matters == "memory":
        return _LITTLE_MEMORY
    if answers.goal == "style":
        return _STYLE
    if answers.goal == "unsure":
        return _NEW_BESIDE_OLD if answers.keep == "yes" and answers.matters == "result" else _UNSURE
    if answers.goal == "knowledge":
        return _EVERYTHING if answers.keep == "no" else _NEW_BESIDE_OLD
    return _NEW_BESIDE_OLD if answers.keep == "yes" else _EVERYTHING
