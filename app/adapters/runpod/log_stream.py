"""A pod's log as it is sent: server-sent events, gone on with behind the last line.

Nothing at all comes, no headers either, before there is a line; and the stream never ends by itself.
"""

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from app.adapters.runpod import refusals
from app.adapters.runpod.rest import AnswerLostError, headers, read_answer, trusted
from app.domain.runpod_ports import LogLine, LogSource, RunpodError

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

SILENT_SECONDS: Final = 90.0


class PodLog:
    """Implements `LogStream`."""

    def __init__(
        self,
        address: str,
        key: Callable[[], str],
        *,
        after: str,
        tail: int,
        source: LogSource | None,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._address = address
        self._key = key
        self._after = after
        self._query: dict[str, str | int] = {"source": source} if source else {}
        self._tail = tail
        self._silent = silent_seconds
        self._connection = _Connection()
        self._lines = self._all()

    def __iter__(self) -> Iterator[LogLine]:
        return self

    def __next__(self) -> LogLine:
        return next(self._lines)

    def close(self) -> None:
        self._connection.cut()

    def _all(self) -> Iterator[LogLine]:
        if not self._after:
            yield from self._sent({"tail": self._tail}, {})
            return
        try:
            yield from self._sent({}, {"Last-Event-ID": self._after})
        except _CursorRefusedError:
            moment = self._after.partition("/")[0]
            log.info("The log's cursor was refused; going on from %s", moment)
            again = self._sent({"since": moment}, {})
            yield from (line for line in again if not (line.at == moment and line.cursor <= self._after))

    def _sent(self, query: Mapping[str, str | int], more_headers: Mapping[str, str]) -> Iterator[LogLine]:
        """Ends with the connection, however that ends."""
        import httpx  # noqa: PLC0415 - not for every start

        key = self._key()
        asked = headers(key) | {"Accept": "text/event-stream"} | dict(more_headers)
        timeout = httpx.Timeout(self._silent, connect=15)
        try:
            with (
                httpx.Client(timeout=timeout, verify=trusted()) as client,
                client.stream(
                    "GET",
                    self._address,
                    params={**self._query, **query},
                    headers=asked,
                    extensions={"trace": self._connection.opened},
                ) as response,
            ):
                self._refuse(response, key, resumes=bool(more_headers))
                yield from _lines(response.iter_lines())
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            if not self._connection.is_cut:
                log.info("The log cannot be reached: %s", type(error).__name__)
                raise refusals.unreachable() from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            log.info("The log's connection ended: %s", type(error).__name__)

    def _refuse(self, response: "httpx.Response", key: str, *, resumes: bool) -> None:
        if response.status_code == 200:
            return
        if resumes and response.status_code in (400, 422):
            raise _CursorRefusedError
        response.read()
        try:
            read_answer(response, "GET", "/pods/…/logs", "pod", key)
        except AnswerLostError as error:
            raise error.means from None


class _CursorRefusedError(RunpodError):
    def __init__(self) -> None:
        super().__init__("Runpod does not know that place in the log any more.")


class _Connection:
    """The socket below a stream: waiting for its next byte ends only by shutting it down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stream: Any = None
        self.is_cut = False

    def opened(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's trace: tells of each connection as it is made."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            with self._lock:
                self._stream = info["return_value"]
                if self.is_cut:
                    self._shut()

    def cut(self) -> None:
        with self._lock:
            self.is_cut = True
            if self._stream is not None:
                self._shut()

    def _shut(self) -> None:
        its = self._stream.get_extra_info("socket")
        try:
            its.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("The log's connection had ended already")


def _lines(raw: Iterator[str]) -> Iterator[LogLine]:
    """Events are an `id:` and a `data:` line, and an empty one."""
    cursor, data = "", ""
    for line in raw:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            cursor = value
        elif name == "data" and line:
            data += value
        elif not line and data:
            if found := _line(cursor, data):
                yield found
            data = ""


def _line(cursor: str, data: str) -> LogLine | None:
    try:
        told = json.loads(data)
        return LogLine(cursor, str(told["ts"]), str(told["source"]), str(told["line"]))
    except (ValueError, KeyError, TypeError):
        log.warning("A line of a pod's log has no shape of ours")
        return None
