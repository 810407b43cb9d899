"""One question to Runpod's REST interface: the key in a header, patience where it is safe, our errors.

Nothing of a request is logged but its method and path.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from app.adapters.runpod import refusals
from app.adapters.runpod.places import AGENT, Places
from app.domain.runpod_ports import BusyError, RunpodError

if TYPE_CHECKING:
    import ssl

    import httpx

log = logging.getLogger(__name__)

SECONDS: Final = 15
CREATE_SECONDS: Final = 60
"""A create may take as long as finding a machine."""
_PAUSES: Final = (1.0, 4.0)
_LONGEST_WAIT: Final = 30.0
_PAGE: Final = 100
_MOST_PAGES: Final = 200


class AnswerLostError(Exception):
    """It is not known whether what was asked for happened. Never leaves these adapters."""

    def __init__(self, means: RunpodError) -> None:
        super().__init__(str(means))
        self.means = means
        """What to say where the question can be given up."""


class Rest:
    """`key` gives the key in use, or raises StudioError; `pause` waits."""

    def __init__(
        self,
        key: Callable[[], str],
        where: Callable[[], Places],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._key = key
        self._where = where
        self._pause = pause

    def read(self, path: str, what: str, **query: str | int) -> Any:
        """GET, repeated while Runpod is busy. `what` names the thing a 404 is about."""
        return self._patiently("GET", path, what, query=query)

    def end(self, method: str, path: str, what: str, body: Mapping[str, Any] | None = None) -> Any:
        """For what may be done twice: a delete, a stop."""
        return self._patiently(method, path, what, body=body)

    def make(self, method: str, path: str, what: str, body: Mapping[str, Any]) -> Any:
        """For what must not be done twice. Repeated only after a 429, which did nothing.

        Raises AnswerLostError where it may have happened.
        """
        try:
            return self._once(method, path, what, body=body, seconds=CREATE_SECONDS)
        except _TooOftenError as error:
            if error.seconds > _LONGEST_WAIT:
                raise refusals.too_often(error.seconds) from None
            self._pause(error.seconds)
            return self._once(method, path, what, body=body, seconds=CREATE_SECONDS)

    def all(self, path: str, key: str, **query: str | int) -> Iterator[Any]:
        """Every item of a list: in one piece as the schema has it, or by pages as newer clients find it."""
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            answer = self.read(path, "list", **query, limit=_PAGE, **more)
            if not isinstance(answer, dict) or not isinstance(answer.get(key), list):
                log.warning("GET %s gave no list of %s", path, key)
                raise refusals.not_understood()
            yield from answer[key]
            page = answer.get("pagination") or {}
            before, cursor = cursor, page.get("nextCursor") if page.get("hasNextPage") else None
            if not cursor:
                return
            if cursor == before:
                break
        log.warning("GET %s does not come to an end", path)
        raise refusals.not_understood()

    def _patiently(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        for pause in _PAUSES:
            try:
                return self._once(method, path, what, query=query, body=body)
            except _TooOftenError as error:
                if error.seconds > _LONGEST_WAIT:
                    raise refusals.too_often(error.seconds) from None
                self._pause(max(error.seconds, pause))
            except (AnswerLostError, BusyError):
                self._pause(pause)
        try:
            return self._once(method, path, what, query=query, body=body)
        except AnswerLostError as error:
            raise error.means from None

    def _once(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        seconds: float = SECONDS,
    ) -> Any:
        import httpx  # noqa: PLC0415 - not for every start

        key = self._key()
        try:
            response = httpx.request(
                method,
                f"{self._where().rest}{path}",
                params=query or None,
                json=body,
                headers=headers(key),
                timeout=httpx.Timeout(seconds, connect=SECONDS),
                follow_redirects=False,
                verify=trusted(),
            )
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.ProxyError,
            httpx.InvalidURL,
            ValueError,
        ) as error:
            log.info("%s %s was not sent: %s", method, path, type(error).__name__)
            raise refusals.unreachable() from None
        except httpx.HTTPError as error:
            log.info("%s %s: no answer: %s", method, path, type(error).__name__)
            raise AnswerLostError(refusals.unreachable()) from None
        return read_answer(response, method, path, what, key)


@cache
def trusted() -> "ssl.SSLContext":
    """Whom to believe: read once, because that takes longer than a question."""
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context()


class _TooOftenError(BusyError):
    def __init__(self, seconds: float) -> None:
        refusal = refusals.too_often(seconds)
        super().__init__(refusal.message, refusal.hint)
        self.seconds = seconds


def headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "User-Agent": AGENT, "Accept": "application/json"}


def read_answer(response: "httpx.Response", method: str, path: str, what: str, key: str) -> Any:
    """The JSON of a reply. Raises RunpodError, or AnswerLostError if it says nothing for certain."""
    status = response.status_code
    if status == 204:
        return None
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if 200 <= status < 300 and answer is not None:
        return answer
    is_theirs = isinstance(answer, dict) and "detail" in answer
    said = _said(answer).replace(key, "…") if isinstance(answer, dict) and is_theirs else ""
    log.info("%s %s: code %d %s", method, path, status, refusals.shortened(said))
    if status == 429:
        raise _TooOftenError(_seconds(response.headers.get("retry-after")))
    if status >= 500:
        raise AnswerLostError(refusals.by_status(status, ""))
    if not is_theirs:
        raise AnswerLostError(refusals.somebody_else(status))
    if status == 404:
        raise refusals.gone(what)
    raise refusals.by_status(status, said)


def _said(answer: Mapping[str, Any]) -> str:
    errors = answer.get("errors")
    more = [str(error) for error in errors] if isinstance(errors, list) else []
    return " ".join([str(answer["detail"]), *more])


def _seconds(retry_after: str | None) -> float:
    """They send whole seconds."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 5.0
