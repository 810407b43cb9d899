"""One answer of llama.cpp's server, read by a thread of its own, so that it can be let go of at any moment.

While the server reads a long prompt it sends nothing, not even the head of its answer: whoever waits for that
cannot be cancelled. It notices that nobody listens any more between two batches.
"""

import http.client
import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

_LOOK_SECONDS: Final = 0.02


class StreamRefusedError(Exception):
    """The server answered with an error: `status` and what it said."""

    def __init__(self, status: int, said: bytes) -> None:
        super().__init__(f"status {status}")
        self.status, self.said = status, said


def streamed(
    address: str, key: str, body: Mapping[str, Any], *, patience: float, cancelled: Callable[[], bool]
) -> Iterator[Mapping[str, Any]]:
    """Each piece as it comes; ends early once `cancelled` says so. Raises StreamRefusedError, OSError."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=patience)
    connection.connect()
    heard: queue.SimpleQueue[Mapping[str, Any] | Exception | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, key, body, heard), daemon=True).start()
    try:
        while not cancelled():
            try:
                piece = heard.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if piece is None:
                return
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        _hang_up(connection)


def _listen(
    connection: http.client.HTTPConnection,
    key: str,
    body: Mapping[str, Any],
    heard: "queue.SimpleQueue[Mapping[str, Any] | Exception | None]",
) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/completion", json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status >= http.client.BAD_REQUEST:
            raise StreamRefusedError(answer.status, answer.read())
        for line in answer:
            if line.startswith(b"data: "):
                heard.put(json.loads(line.removeprefix(b"data: ")))
        heard.put(None)
    except Exception as error:  # handed to who reads; after a hang-up nobody does
        heard.put(error)


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """Wakes the thread that reads, too; closing alone would not."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
