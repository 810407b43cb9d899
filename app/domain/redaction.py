"""Takes what must stay private out of a text that a person is about to show to others."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

HIDDEN: Final = "[hidden]"
_SHORTEST: Final = 6
"""A shorter value is no token, and would be found inside words."""
_NAMED: Final = (
    r"(?:token|secret|passw(?:or)?d|pass|api[_-]?key|access[_-]?key|auth(?:orization)?|credentials?)"
)
_SECRET_NAME: Final = re.compile(rf"(?i){_NAMED}|(?:^|_)key$|_pat$")
_TOKENS: Final = re.compile(
    r"hf_[A-Za-z0-9]{8,}|\b(?:api_org|rpa|sk|pk|r8|gsk)_[A-Za-z0-9_-]{12,}|\bsk-[A-Za-z0-9_-]{12,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}|\bAKIA[A-Z0-9]{12,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{4,}|\bBearer\s+[\w.~+/=-]{8,}"
)
_ASSIGNED: Final = re.compile(
    rf"(?i)([\"']?\b[\w-]*{_NAMED}[\w-]*[\"']?\s*[=:]\s*)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&}}\]]+)"
)
_IN_ADDRESS: Final = re.compile(r"(\w+://)[^\s/@:]+(?::[^\s/@]*)?@")
_HARMLESS: Final = re.compile(r"(?i)^[\"']?(?:\d[\d.,]*|true|false|none|null|)[\"']?$")


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """Values of variables whose names say that they are secret."""
    return [value for name, value in environment.items() if _SECRET_NAME.search(name)]


def redacted(text: str, *, secrets: Iterable[str] = (), home: str = "") -> str:
    """`text` without the given secrets, anything that looks like one, and the person's home folder.

    A number after a word like `tokens:` stays: it counts something.
    """
    for secret in sorted((s for s in secrets if len(s) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _IN_ADDRESS.sub(rf"\g<1>{HIDDEN}@", text)
    text = _TOKENS.sub(HIDDEN, text)
    text = _ASSIGNED.sub(_without_value, text)
    return text.replace(home, "~") if len(home) > 1 else text


def _without_value(found: re.Match[str]) -> str:
    value = found.group()[len(found.group(1)) :]
    return found.group() if _HARMLESS.match(value) else found.group(1) + HIDDEN
