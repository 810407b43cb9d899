"""How long to wait before asking again, and when to give up."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MOST_TRIES: Final = 6
LONGEST_PAUSE_SECONDS: Final = 60.0
LONGEST_WAIT_SECONDS: Final = 15 * 60.0
"""What a host may ask for; a scrape that would wait longer ends, and can be resumed."""


@dataclass(frozen=True)
class Clock:
    """Time as a test may play it."""

    seconds: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class PassingError(Exception):
    """Something that may be over soon: the same request is worth another try."""

    def __init__(self, reason: str, *, retry_after: float | None = None, is_connection: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        """What the host asked for, in seconds."""
        self.is_connection = is_connection


def pause_seconds(tries: int, dice: Callable[[], float] = random.random) -> float:
    """After `tries` failed ones: doubling from 1 s, capped, and spread by up to a half, so that many who were
    turned away together do not come back together."""
    return min(LONGEST_PAUSE_SECONDS, 2.0 ** (tries - 1)) * (0.5 + dice() / 2)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """RFC 9110: seconds, or a date. None for what is neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
