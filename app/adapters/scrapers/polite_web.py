"""The `Web` that scrapers ask through: rate, patience, robots.txt, sizes, redirects, proxy, cancel.

Every request is a task on an event loop of this object's own, looked at ten times a second: whatever it waits
for, a slow host or a pause, it is over within that time of a cancel. httpx is imported by the first request.
"""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urljoin, urlsplit

from app.adapters.scrapers.addresses import place_of
from app.adapters.scrapers.patience import (
    LONGEST_WAIT_SECONDS,
    MOST_TRIES,
    Clock,
    PassingError,
    pause_seconds,
    retry_after_seconds,
)
from app.adapters.scrapers.robots import Robots
from app.adapters.scrapers.transport import Transport
from app.domain.scraping import (
    BrokenAnswerError,
    ForbiddenByRobotsError,
    ScrapeCancelledError,
    ScrapeError,
    UnreachableError,
    WebAnswer,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_SECONDS: Final = 0.1
MOST_REDIRECTS: Final = 10
MOST_BYTES: Final = 20 * 1024 * 1024
PAUSE_SECONDS: Final = 1.0
"""Between two requests to one host, unless it asks for more."""

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_PASSING: Final = (408, 425, 429, 500, 502, 503, 504)
_PRIVATE_HEADERS: Final = ("authorization", "cookie")


class PoliteWeb:
    """Web. A context manager: what it opened is closed at the end, also after a cancel.

    Args:
        named: Places (`addresses.place_of`) the person asked for by name; only these may be private.
        is_cancelled: Asked again and again; once true, the method under way raises ScrapeCancelledError.
        tell: Hears why it waits, for people; an empty text when it goes on.
    """

    def __init__(
        self,
        named: Collection[str],
        *,
        is_cancelled: Callable[[], bool] = lambda: False,
        tell: Callable[[str], None] = lambda _: None,
        proxy: str = "",
        pause: float = PAUSE_SECONDS,
        most_bytes: int = MOST_BYTES,
        answer_seconds: float = 30.0,
        clock: Clock | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._is_cancelled = is_cancelled
        self._tell = tell
        self._pause = pause
        self._clock = clock or Clock()
        self._dice = dice
        self._transport = Transport(named, proxy=proxy, most_bytes=most_bytes, answer_seconds=answer_seconds)
        self._robots: dict[str, Robots] = {}
        self._free_at: dict[str, float] = {}
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Without waiting for a name that is still being looked up on a thread."""
        for task in (tasks := asyncio.all_tasks(self._loop)):
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(self._transport.close())
        self._loop.close()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        obeys_robots: bool = False,
    ) -> WebAnswer:
        async def ask() -> WebAnswer:
            return await self._follow(url, params, headers, obeys_robots=obeys_robots)

        return self._run(self._patiently(url, ask))

    def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        async def ask() -> tuple[int, Any]:
            answer = await self._follow(url, params, headers, obeys_robots=False)
            try:
                return answer.status, json.loads(answer.body)
            except (ValueError, RecursionError) as error:
                if answer.status == 200:
                    raise PassingError("sent JSON that is cut off or broken") from error
                return answer.status, None

        return self._run(self._patiently(url, ask))

    def wait(self, seconds: float, reason: str) -> None:
        self._run(self._wait(seconds, reason))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(self._unless_cancelled(work))

    async def _unless_cancelled(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        while True:
            if self._is_cancelled():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                raise ScrapeCancelledError
            if (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
                return task.result()

    async def _patiently(self, url: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Raises BrokenAnswerError or UnreachableError after the last try."""
        host = place_of(url)
        for tries in range(1, MOST_TRIES + 1):
            try:
                return await ask()
            except PassingError as error:
                log.info("%s: %s (try %d)", host, error.reason, tries)
                if tries == MOST_TRIES:
                    raise _given_up(host, error) from error
                pause = error.retry_after
                if pause is None:
                    pause = pause_seconds(tries, self._dice)
                await self._wait(pause, f"{host} {error.reason}")
        raise AssertionError("unreachable")

    async def _wait(self, seconds: float, reason: str) -> None:
        if seconds > LONGEST_WAIT_SECONDS:
            until = (self._clock.now() + timedelta(seconds=seconds)).astimezone()
            raise ScrapeError(
                f"{reason[0].upper()}{reason[1:]}; it may be asked again at {until:%H:%M on %d %B}.",
                "What was collected is kept. Press Resume then.",
            )
        self._tell(f"Waiting {max(1, round(seconds))} s: {reason}.")
        await self._clock.sleep(seconds)
        self._tell("")

    async def _follow(
        self,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        *,
        obeys_robots: bool,
    ) -> WebAnswer:
        first = place_of(url)
        for _ in range(MOST_REDIRECTS):
            if obeys_robots:
                await self._ask_robots(url)
            answer = await self._in_turn(url, params, headers)
            target = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not target:
                return answer
            url, params = _redirected(url, target), None
            if headers and place_of(url) != first:
                headers = {k: v for k, v in headers.items() if k.lower() not in _PRIVATE_HEADERS}
        raise BrokenAnswerError(
            f"{first} sends from one address to the next without end.", "Give the address of the page itself."
        )

    async def _in_turn(
        self, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> WebAnswer:
        """One request, when the host's turn has come. Raises PassingError for what is worth another try."""
        host = place_of(url)
        if (early := self._free_at.get(host, 0.0) - self._clock.seconds()) > 0:
            if early > LONGEST_WAIT_SECONDS:
                raise ScrapeError(
                    f"{host} wants {early:,.0f} s between two requests, which is too long to wait.",
                    "Collect from another source.",
                )
            await self._clock.sleep(early)
        try:
            answer = await self._transport.send(url, params, headers)
        finally:
            self._free_at[host] = self._clock.seconds() + self._pause_of(host)
        if answer.status in _PASSING:
            after = retry_after_seconds(answer.headers.get("retry-after"), self._clock.now())
            words = "asks for fewer requests" if answer.status == 429 else "cannot answer now"
            raise PassingError(f"{words} (code {answer.status})", retry_after=after)
        return answer

    def _pause_of(self, host: str) -> float:
        robots = self._robots.get(host)
        return max(self._pause, robots.crawl_delay if robots else 0.0)

    async def _ask_robots(self, url: str) -> None:
        host = place_of(url)
        if host not in self._robots:
            address = urljoin(url, "/robots.txt")
            answer = await self._follow(address, None, None, obeys_robots=False)
            self._robots[host] = Robots(answer)
            self._free_at[host] = self._clock.seconds() + self._pause_of(host)
        if not self._robots[host].allows(url):
            raise ForbiddenByRobotsError(
                f"{host} asks programs to stay away from {urlsplit(url).path or '/'} (robots.txt).",
                "Choose another page, or ask the owners of the site.",
            )


def _redirected(url: str, target: str) -> str:
    """Raises BrokenAnswerError where it leads out of the web."""
    found = urljoin(url, target)
    try:
        place_of(found)
    except ValueError as error:
        raise BrokenAnswerError(
            f"{place_of(url)} leads to something that is no address of the web.", "Give another address."
        ) from error
    parts = urlsplit(found)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()


def _given_up(host: str, error: PassingError) -> ScrapeError:
    hint = "What was collected is kept. Press Resume later."
    if error.is_connection:
        return UnreachableError(f"{host} cannot be reached: it {error.reason}.", hint)
    if "429" in error.reason:
        return ScrapeError(f"{host} {error.reason}, again and again.", hint)
    return BrokenAnswerError(f"{host} {error.reason}, {MOST_TRIES} times in a row.", hint)
