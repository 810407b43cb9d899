"""What scrapers make rows of."""

import math
from datetime import UTC, datetime
from typing import Any

from trainer_image.rows import DOCUMENT, Row


def pair(question: str, answer: str, **known: Any) -> Row | None:
    """A question and its answer; None if either is empty. Of `known`, what is None or empty is left out."""
    if not question.strip() or not answer.strip():
        return None
    messages = (
        {"role": "user", "content": question.strip()},
        {"role": "assistant", "content": answer.strip()},
    )
    return Row(0, messages, _kept(known))


def document(text: str, **known: Any) -> Row:
    return Row(0, ({"role": DOCUMENT, "content": text},), _kept(known))


def moment(seconds: Any) -> str | None:
    """Unix time as ISO 8601; None for what is none."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not math.isfinite(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return None


def _kept(known: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if value not in (None, "", [], ())}
