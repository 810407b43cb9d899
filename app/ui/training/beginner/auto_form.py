"""What a beginner does to the draft: answers, a preset, the three numbers; and what Auto Set puts there."""

from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain.auto_reasons import AutoSet, Instead
from app.domain.presets import AUTO_SET
from app.domain.questions import Answers, recommended
from app.ui.texts import text
from app.ui.training import typed_numbers
from app.ui.training.beginner import state
from app.ui.training.beginner.state import AutoState
from app.ui.training.typed_numbers import NUMBERS
from trainer_image.config import RunConfig

if TYPE_CHECKING:
    from app.ui.training.draft import TrainingDraft


def choose_preset(draft: "TrainingDraft", name: str) -> None:
    """Put its values into the fields. Auto Set begins anew: nothing is the person's own any more."""
    if name == AUTO_SET:
        bits = draft.auto.wishes.bits
        draft.auto = AutoState(replace(draft.auto.wishes, bits=bits, pinned=frozenset()))
    draft.apply_preset(name)


def answer_questions(draft: "TrainingDraft", answers: Answers) -> None:
    """Answers choose the method; a preset that is for it goes on."""
    advised = recommended(answers)
    draft.answers = answers
    draft.base_bits = advised.bits
    draft.auto = replace(draft.auto.wishing(advised.bits or "auto"), answer=None)
    draft.choose_method(advised.method)


def take_instead(draft: "TrainingDraft", instead: Instead) -> None:
    """The method that Auto Set found to fit."""
    draft.base_bits = instead.bits
    draft.auto = replace(draft.auto.wishing("auto"), answer=None)
    draft.choose_method(instead.method)


def keep_in_4_bits(draft: "TrainingDraft", is_on: bool) -> None:
    draft.base_bits = "4" if is_on else ""
    draft.auto = draft.auto.wishing(draft.base_bits)
    draft.preset = draft.shown_preset


def look_again(draft: "TrainingDraft") -> None:
    """Ask Auto Set anew, for instead of what was free the GPU may have something else free now."""
    draft.auto = replace(draft.auto, again=draft.auto.again + 1)


def type_effective_batch(draft: "TrainingDraft", text: str) -> None:
    """Keep the text as typed, and split the number so that no more rows are in memory at once."""
    draft.effective_text = text
    if effective_batch_problem(draft):
        return
    wanted, at_once = int(text), int(draft.number("per_device_batch_size") or 1)
    rows = max(size for size in range(1, at_once + 1) if wanted % size == 0)
    draft.numbers["per_device_batch_size"] = str(rows)
    draft.numbers["gradient_accumulation_steps"] = str(wanted // rows)
    if draft.preset == AUTO_SET:
        draft.auto = draft.auto.pinning("effective_batch")
    draft.preset = draft.shown_preset


def shown_effective_batch(draft: "TrainingDraft") -> str:
    """The text as typed, as long as it says what is so, or is wrong."""
    batch = draft.effective_batch_size
    if draft.effective_text and (effective_batch_problem(draft) or int(draft.effective_text) == batch):
        return draft.effective_text
    return "" if batch is None else str(batch)


def effective_batch_problem(draft: "TrainingDraft") -> str:
    """What is wrong with what was typed, as a sentence; empty if nothing is, or nothing was typed."""
    return typed_numbers.problem("gradient_accumulation_steps", draft.effective_text or "1")


def question(draft: "TrainingDraft") -> str:
    """What Auto Set is to be asked now; empty if it is not chosen, or the form is not complete."""
    if draft.shown_preset != AUTO_SET or draft.skill != "beginner" or draft.incomplete():
        return ""
    try:
        return state.question(draft.to_setup(), draft.auto)
    except ValueError:  # a rule of the schema no field of the form speaks for
        return ""


def take(draft: "TrainingDraft", asked: str, answer: AutoSet) -> None:
    """Put what was chosen into the fields, if it is still what is asked; own numbers stay as typed."""
    if asked != question(draft):
        return
    draft.auto = replace(draft.auto, answer=answer, answered=asked)
    own = _own(draft) - set(state.FIELDS_OF["effective_batch"])
    for choice in answer.choices:
        if choice.name in NUMBERS and choice.name not in own:
            draft.numbers[choice.name] = typed_numbers.as_text(choice.value)
        elif choice.name == "bits":
            draft.base_bits = choice.value
        elif choice.name == "gradient_checkpointing":
            draft.gradient_checkpointing = choice.value


def take_back(draft: "TrainingDraft") -> None:
    """What Auto Set chose for these rows and no other preset speaks of, before another one is applied: a
    length that fits them would drop rows of a dataset that is chosen later."""
    chosen = {
        choice.name: choice.value for choice in (draft.auto.answer.choices if draft.auto.answer else ())
    }
    usual = {name: field.default for name, field in RunConfig.model_fields.items()}
    if "max_seq_len" in chosen and _said(draft, "max_seq_len") == chosen["max_seq_len"]:
        draft.numbers["max_seq_len"] = typed_numbers.as_text(usual["max_seq_len"])
    if "gradient_checkpointing" in chosen:
        draft.gradient_checkpointing = usual["gradient_checkpointing"]


def problem(draft: "TrainingDraft") -> str:
    """Why a run cannot start yet with Auto Set, in half a sentence; empty if it can."""
    asked = question(draft)
    if not asked:
        return ""
    if draft.auto.answered != asked or draft.auto.answer is None:
        return text("training.beginner.auto.still_working")
    return "" if draft.auto.answer.choices else text("training.beginner.auto.nothing_fits")


def holds(draft: "TrainingDraft") -> bool:
    """Whether the form says what Auto Set chose, but for own numbers; so, as long as it has not chosen."""
    answer = draft.auto.answer
    if answer is None or not answer.choices:
        return True
    own = _own(draft) | ({"bits"} if draft.auto.wishes.bits != "auto" else set())
    return all(
        _said(draft, choice.name) == choice.value for choice in answer.choices if choice.name not in own
    )


def _said(draft: "TrainingDraft", name: str) -> object:
    if name == "bits":
        return draft.base_bits
    return draft.number(name) if name in NUMBERS else getattr(draft, name)


def _own(draft: "TrainingDraft") -> set[str]:
    """Fields of numbers that are the person's own, and what follows from them."""
    own = {name for pin in draft.auto.wishes.pinned for name in state.FIELDS_OF[pin]}
    return own | ({"effective_batch_size"} if "effective_batch" in draft.auto.wishes.pinned else set())
