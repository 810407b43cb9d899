"""What of a half-filled form is wrong beyond a single number, as orders to the person."""

from typing import TYPE_CHECKING

from pydantic import ValidationError

from app.domain.typed_paths import expanded
from app.ui.texts import text
from app.ui.training import draft_setup, typed_numbers
from app.ui.training.beginner import auto_form

if TYPE_CHECKING:
    from app.ui.training.draft import TrainingDraft


def first_of(draft: "TrainingDraft") -> str:
    """The next thing to put right; empty if there is none."""
    if problem := _token_bound_problem(draft):
        return text("training.missing.tokens_at_once", problem=problem)
    return _batch_problem(draft) or _rows_problem(draft) or _warmup_problem(draft)


def docker_problem(draft: "TrainingDraft") -> str:
    """What of its settings is missing or wrong; empty if nothing is."""
    if not draft.image.strip():
        return text("training.missing.image")
    typed = draft.data_dir.strip()
    if typed and not expanded(typed).is_absolute():  # it would count from wherever the app was started
        return text("training.missing.data_folder")
    return ""


def push_problem(draft: "TrainingDraft") -> str:
    """What is wrong with the repository to push to, in a sentence; empty if nothing is."""
    try:
        draft_setup.push_of(draft)
    except ValidationError:
        return text("training.missing.push_name")
    return ""


def _token_bound_problem(draft: "TrainingDraft") -> str:
    typed = draft.max_tokens.strip().lower()
    if typed in {"", "auto"}:
        return ""
    if not (typed.isascii() and typed.isdigit() and 0 < len(typed) < 10):
        return text("training.missing.tokens")
    longest = draft.number("block_size" if draft.rows["is_pretraining"] else "max_seq_len") or 0
    return text("training.missing.more_tokens", longest=longest) if int(typed) < longest else ""


def _batch_problem(draft: "TrainingDraft") -> str:
    is_wrong = draft.skill == "beginner" and auto_form.effective_batch_problem(draft)
    return text("training.missing.effective_batch") if is_wrong else ""


def _rows_problem(draft: "TrainingDraft") -> str:
    if draft.rows["is_pretraining"] and not draft.number("block_size"):
        return text("training.missing.block_size", field=typed_numbers.label_of("block_size"))
    if draft.rows["validation"] == "file" and not (draft.rows["validation_file"] or "").strip():
        return text("training.missing.validation_file")
    return ""


def _warmup_problem(draft: "TrainingDraft") -> str:
    both = draft.number("warmup_steps") and draft.number("warmup_ratio")
    return text("training.missing.warm_up") if both else ""
