"""Ask several slow questions at once, none of them longer than people wait."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Question(Generic[T]):
    """What is asked, and how long an answer may take."""

    ask: Callable[[], T]
    seconds: float


def answers(questions: Mapping[str, Question[T]]) -> dict[str, T | None]:
    """By name; None for one that did not answer in time, and is then left alone, or that failed by a bug.

    An answer that comes later is thrown away: its thread never keeps the app alive.
    """
    found: dict[str, T | None] = dict.fromkeys(questions)
    begun = time.monotonic()

    def work(name: str, question: Question[T]) -> None:
        try:
            found[name] = question.ask()
        except Exception:  # one check that breaks must not take the others with it
            log.exception("The check %s failed", name)

    threads = {
        name: threading.Thread(target=work, args=(name, question), name=f"check-{name}", daemon=True)
        for name, question in questions.items()
    }
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        thread.join(max(begun + questions[name].seconds - time.monotonic(), 0))
    return dict(found)
