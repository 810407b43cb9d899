"""Keeps tokens and passwords out of what is saved, wherever in a setup somebody typed them."""

import re
from typing import Any, Final

from app.domain.setting_labels import label_of
from app.domain.setups import Setup

_TOKENS: Final = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"
    r"|\brpa_[A-Za-z0-9]{20,}|\bAKIA[A-Z0-9]{16}|\bAIza[A-Za-z0-9_-]{35}|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"
)
"""Of Hugging Face, OpenAI and Anthropic, GitHub, Runpod, AWS, Google and Slack."""
_PASSWORD: Final = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
_KEY: Final = re.compile(r"[0-9a-f]{40}|[A-Za-z0-9_-]{86}")
"""Of Weights & Biases; so long a word can be a version of a model elsewhere."""
_NAMES: Final = re.compile(r"(^|_)(token|secret|password|passwd|key|apikey|credentials?)$", re.IGNORECASE)


def secret_in(path: str, value: Any) -> bool:
    """Whether what stands at `path` of a setup or a config holds a secret, as far as its shape tells."""
    return isinstance(value, str) and _without(path, value) != value


def without_secrets(setup: Setup) -> tuple[Setup, tuple[str, ...]]:
    """The setup without any, and the labels of what was cut."""
    cut: list[str] = []
    document = _cleaned(setup.model_dump(mode="json"), "", cut)
    return (Setup.model_validate(document), tuple(cut)) if cut else (setup, ())


def _cleaned(value: Any, path: str, cut: list[str]) -> Any:
    if isinstance(value, dict):
        inner = {name: _cleaned(item, f"{path}.{name}".lstrip("."), cut) for name, item in value.items()}
        return {name: item for name, item in inner.items() if item != "" or value[name] == ""}
    if isinstance(value, list):
        return [_cleaned(item, path, cut) for item in value]
    if not secret_in(path, value):
        return value
    cut.append(label_of(path))
    return _without(path, value)


def _without(path: str, text: str) -> str:
    owner, _, name = path.removeprefix("config.").rpartition(".")
    is_free = owner in {"backend_args", "logging"}
    if is_free and (_KEY.fullmatch(text) or (owner == "backend_args" and _NAMES.search(name))):
        return ""
    cleaned = _PASSWORD.sub(r"\1@", _TOKENS.sub("", text))
    return "removed" if text and not cleaned and not is_free else cleaned
