"""What of a half-filled form is wrong beyond a single number, as orders to the person."""

from typing import TYPE_CHECKING

from pydantic import ValidationError

from app.ui.training import draft_setup
from app.ui.training.beginner import auto_form
from app.ui.training.typed_numbers import NUMBERS

if TYPE_CHECKING:
    from app.ui.training.draft import TrainingDraft


def first_of(draft: "TrainingDraft") -> str:
    """The next thing to put right; empty if there is none."""
    if problem := _token_bound_problem(draft):
        return f"{problem} (“Tokens at once”)"
    return _batch_problem(draft) or _rows_problem(draft) or _warmup_problem(draft)


def push_problem(draft: "TrainingDraft") -> str:
    """What is wrong with the repository to push to, in a sentence; empty if nothing is."""
    try:
        draft_setup.push_of(draft)
    except ValidationError:
        return "Type it as owner/name: letters, digits, dots, dashes and underscores."
    return ""


def _token_bound_problem(draft: "TrainingDraft") -> str:
    text = draft.max_tokens.strip().lower()
    if text in {"", "auto"}:
        return ""
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        return "Type a number of tokens, auto, or nothing"
    longest = draft.number("block_size" if draft.rows["is_pretraining"] else "max_seq_len") or 0
    return f"Type at least {longest:,.0f} tokens, the longest row" if int(text) < longest else ""


def _batch_problem(draft: "TrainingDraft") -> str:
    is_wrong = draft.skill == "beginner" and auto_form.effective_batch_problem(draft)
    return "Correct “Effective batch”" if is_wrong else ""


def _rows_problem(draft: "TrainingDraft") -> str:
    if draft.rows["is_pretraining"] and not draft.number("block_size"):
        return f"Type the “{NUMBERS['block_size'].label}” of the documents, like 2048"
    if draft.rows["validation"] == "file" and not (draft.rows["validation_file"] or "").strip():
        return "Type the path of the validation file"
    return ""


def _warmup_problem(draft: "TrainingDraft") -> str:
    both = draft.number("warmup_steps") and draft.number("warmup_ratio")
    return "Set “Warm-up steps” or “Warm-up share” to 0" if both else ""
