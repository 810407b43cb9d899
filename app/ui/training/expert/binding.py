"""Where the half-filled form keeps each setting, and how what was typed reads."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from app.ui.texts import text
from app.ui.training import typed_numbers
from app.ui.training.expert.catalogue import Setting
from app.ui.training.options import ROWS
from app.ui.training.spread_draft import TYPED
from app.ui.training.typed_numbers import NUMBERS
from trainer_image.config import Logging

if TYPE_CHECKING:
    from app.ui.training.draft import TrainingDraft

_CALLED: Final = {
    "max_tokens_per_gpu": "max_tokens", "push.repo_id": "push_repo", "push.private": "push_private",
    "push.every_save": "push_every_save", "method.load_in_4bit": "base_bits",
}  # fmt: skip
"""Settings the draft keeps under another name."""
_OWN: Final = frozenset(
    {
        "lr_scheduler", "optimizer", "precision", "gradient_checkpointing", "on_oom_shorten", "probe_memory",
        "save_full_state", "offline", "method.target_modules", "method.use_rslora", "method.use_dora",
        "method.train_rest",
    }
)  # fmt: skip
"""Settings the draft keeps under their own."""
_CHOOSES: Final = {"validation_file": "file", "validation_share": "share"}
"""Typing it chooses the validation that reads it: with another one it would mean nothing, unsaid."""


def kept(draft: "TrainingDraft", setting: Setting) -> Any:
    """As the form shows it: a text as it was typed, or a switch."""
    path, name = setting.path, setting.name
    if _is_logger(path):
        return draft.logging.get(name, "")
    if path.startswith("distributed.") and name in TYPED:
        return draft.spread.texts[name]
    if _is_of_spread(setting):
        return getattr(draft.spread, name)
    if path == "method.target_patterns":
        return draft.osft_patterns if draft.method == "osft" else draft.lora_patterns
    if attribute := _attribute(path):
        return getattr(draft, attribute)
    if name in NUMBERS and _is_number(setting):
        return draft.numbers[name]
    if path in ROWS:
        return draft.rows[name] if draft.rows[name] is not None else ""
    return draft.others.get(path, first_kept(setting))


def put(draft: "TrainingDraft", setting: Setting, value: Any) -> None:
    """Keep what was typed or chosen."""
    path, name = setting.path, setting.name
    if _is_logger(path):
        draft.logging = {**draft.logging, name: value}
    elif path.startswith("distributed.") and name in TYPED:
        draft.spread = replace(draft.spread, texts={**draft.spread.texts, name: value})
    elif _is_of_spread(setting):
        draft.spread = replace(draft.spread, **{name: value})
    elif path == "method.target_patterns":
        setattr(draft, "osft_patterns" if draft.method == "osft" else "lora_patterns", value)
    elif attribute := _attribute(path):
        setattr(draft, attribute, value)
    elif name in NUMBERS and _is_number(setting):
        draft.type_number(name, value)
    elif path in ROWS:
        draft.rows[name] = value
    else:
        draft.others = {**draft.others, path: value}
    if path in _CHOOSES and str(value).strip() != first_kept(setting):
        draft.rows["validation"] = _CHOOSES[path]
    draft.preset = draft.shown_preset


def first_kept(setting: Setting) -> Any:
    """What the form shows for the default."""
    if setting.path == "method.load_in_4bit":
        return ""
    if setting.kind == "switch" or (setting.kind == "choice" and setting.default is not None):
        return setting.default
    if isinstance(setting.default, tuple):
        return " ".join(setting.default)
    if isinstance(setting.default, int | float):
        return typed_numbers.as_text(setting.default)
    return str(setting.default or "")


def reset(draft: "TrainingDraft", setting: Setting) -> None:
    put(draft, setting, first_kept(setting))
    if setting.path == "method.lora_alpha":
        draft.link_alpha(False)


def is_changed(draft: "TrainingDraft", setting: Setting) -> bool:
    """Whether it says anything but the default, however that is written."""
    now, first = kept(draft, setting), first_kept(setting)
    if isinstance(now, str) and isinstance(first, str):
        return now.strip() != first.strip() and not _reads_alike(now, first)
    return bool(now != first)


def read(draft: "TrainingDraft", setting: Setting) -> Any:
    """What the config is to say. Raises ValueError, with a sentence, for what is no number."""
    now = kept(draft, setting)
    if setting.name in NUMBERS and _is_number(setting):
        return typed_numbers.read(setting.name, now)
    if not isinstance(now, str):
        return now
    text = now.strip()
    if setting.path == "method.target_patterns":
        return tuple(text.split())
    if not text:
        return setting.default
    if text.lower() in setting.options:
        return text.lower()
    is_number = setting.kind == "number" or (setting.kind == "text" and setting.options)
    return _number_in(text) if is_number else text


def is_other(setting: Setting) -> bool:
    """Whether the draft has no place of its own for it: it is newer than the form."""
    path, name = setting.path, setting.name
    has_section = _is_logger(path) or (path.startswith("distributed.") and name in TYPED)
    has_number = name in NUMBERS and _is_number(setting)
    is_placed = _is_of_spread(setting) or path == "method.target_patterns" or path in ROWS
    return not (has_section or has_number or is_placed or _attribute(path))


def as_kept(setting: Setting, value: Any) -> Any:
    """How the form shows a value of the config, of a setting that is an other."""
    return first_kept(replace(setting, default=value))


def _attribute(path: str) -> str:
    if path in _CALLED:
        return _CALLED[path]
    return path.rpartition(".")[2] if path in _OWN else ""


def _is_logger(path: str) -> bool:
    return path.removeprefix("logging.") in Logging.model_fields


def _is_of_spread(setting: Setting) -> bool:
    is_kept_there = setting.name in {"strategy", "enable_model_splitting"}
    return setting.path in {"backend", "backend_args"} or (
        setting.path.startswith("distributed.") and is_kept_there
    )


def _is_number(setting: Setting) -> bool:
    return "." not in setting.path or setting.path.startswith("method.")


def _reads_alike(text: str, other: str) -> bool:
    try:
        return float(text) == float(other)
    except ValueError:
        return False


def _number_in(typed: str) -> int | float:
    try:
        return int(typed)
    except ValueError:
        pass
    try:
        return float(typed)
    except ValueError:
        raise ValueError(text("training.expert.type_a_number")) from None
