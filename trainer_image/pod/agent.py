"""The HTTP side of the supervisor. Nothing is read from anybody who does not hold the run's token.

The address is public: unknown callers get 401 and nothing else, slow ones are cut off, too many turned away.
"""

import hashlib
import hmac
import json
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from trainer_image.pod.paths import inside
from trainer_image.pod.refusals import Refusal
from trainer_image.pod.supervisor import Supervisor, say
from trainer_image.pod.uploads import MOST_BYTES_OF_PART, Upload

_SLOWEST_SECONDS: Final = 60
_SLOWEST_STRANGER_SECONDS: Final = 10
_MOST_CONNECTIONS: Final = 256
_MOST_BODIES: Final = 8
"""Held in memory at once."""
_LONGEST_WAIT: Final = 50.0
_MOST_BYTES_OF_JSON: Final = 2 * 1024**2
_AT_ONCE: Final = 256 * 1024


class Agent(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self._connections = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self.bodies = threading.BoundedSemaphore(_MOST_BODIES)
        super().__init__((supervisor.settings.host, supervisor.settings.port), _Request)

    def server_bind(self) -> None:
        """Without the look-up of this computer's name that http.server makes: it may take a minute."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "pod", self.server_address[1]

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no news; the default prints its trace."""

    def is_known(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        found = hashlib.sha256(token.strip().encode()).hexdigest()
        expected = self.supervisor.settings.token_sha256
        return hmac.compare_digest(found, expected or "-") and scheme.lower() == "bearer"


class _Request(BaseHTTPRequestHandler):
    server: Agent
    protocol_version = "HTTP/1.1"
    server_version = "Tunewright-pod/1"
    sys_version = ""
    timeout = _SLOWEST_STRANGER_SECONDS
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer({
            "/v1/health": self._supervisor.health,
            "/v1/events": self._events,
            "/v1/outputs": lambda: self._supervisor.manifest(self._wait()),
        }, {"/v1/files/": self._received, "/v1/outputs/": self._send_output})  # fmt: skip

    def do_PUT(self) -> None:
        self._answer({}, {"/v1/files/": self._receive})

    def do_POST(self) -> None:
        self._answer({
            "/v1/start": lambda: self._supervisor.start(self._json()),
            "/v1/stop": lambda: self._supervisor.stop(save=self._json().get("save") is not False),
            "/v1/ask": lambda: self._supervisor.ask(str(self._json().get("what"))),
            "/v1/lease": self._lease,
            "/v1/retrieved": self._retrieved,
        }, {})  # fmt: skip

    def end_headers(self) -> None:
        """By a header of its own an answer is known as ours: a proxy puts its own name into `Server`."""
        self.send_header("Tunewright-Pod", "1")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it, and the platform keeps what is printed."""

    @property
    def _supervisor(self) -> Supervisor:
        return self.server.supervisor

    def _answer(
        self,
        exact: dict[str, Callable[[], dict[str, Any]]],
        below: dict[str, Callable[[str], dict[str, Any] | None]],
    ) -> None:
        """By the longest route that fits. After an error the connection is closed: a body may be unread."""
        if not self.server.is_known(self.headers.get("Authorization") or ""):
            self._say(401, {"error": "unauthorized", "message": "The token is missing or wrong."})
            return
        self.connection.settimeout(_SLOWEST_SECONDS)
        self._supervisor.saw()
        url = urlsplit(self.path)
        self._query = {
            name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()
        }
        try:
            answer = self._route(unquote(url.path), exact, below)
        except Refusal as refusal:
            self._say(refusal.status, refusal.body)
        except (TimeoutError, ConnectionError):
            self.close_connection = True
        except Exception as error:  # the agent must outlive any request
            say(f"[tunewright] A request failed: {type(error).__name__}.")
            self._say(500, {"error": "failed", "message": f"The pod's agent failed: {type(error).__name__}."})
        else:
            if answer is not None:
                self._say(200, answer)

    def _route(
        self,
        path: str,
        exact: dict[str, Callable[[], dict[str, Any]]],
        below: dict[str, Callable[[str], dict[str, Any] | None]],
    ) -> dict[str, Any] | None:
        if path in exact:
            return exact[path]()
        for prefix, act in below.items():
            if path.startswith(prefix):
                return act(path.removeprefix(prefix))
        raise Refusal(404, "no_route", "The agent has no such route.")

    def _events(self) -> dict[str, Any]:
        return self._supervisor.events(self._number("after", 0), self._wait())

    def _lease(self) -> dict[str, Any]:
        seconds = self._json().get("seconds")
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
            raise Refusal(422, "bad_request", "seconds must be a number or null.")
        return self._supervisor.lease(seconds)

    def _retrieved(self) -> dict[str, Any]:
        self._body(_MOST_BYTES_OF_JSON)
        return self._supervisor.retrieved()

    def _received(self, path: str) -> dict[str, Any]:
        return self._supervisor.uploads.received(self._upload(path))

    def _receive(self, path: str) -> dict[str, Any]:
        self._supervisor.require_no_training()
        upload, offset = self._upload(path), self._number("offset")
        with self.server.bodies:
            part = self._body(MOST_BYTES_OF_PART)
            answer = self._supervisor.uploads.add(
                upload, offset=offset, part_sha256=self._query.get("part_sha256", ""), part=part
            )
        self._supervisor.saw(upload=True)
        return answer

    def _upload(self, path: str) -> Upload:
        return Upload(path, self._number("total"), self._query.get("sha256", ""))

    def _send_output(self, path: str) -> None:
        self._supervisor.saw(fetch=True)
        inside(self._supervisor.settings.run_dir, path)
        outputs = self._supervisor.outputs
        try:
            with outputs.locate(path).open("rb") as content:
                self._send_file(content, outputs.sum_of(path))
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise Refusal(404, "gone", "There is no such file, or no longer.") from None
        outputs.was_fetched(path)

    def _send_file(self, content: Any, tag: str | None) -> None:
        size = os.fstat(content.fileno()).st_size
        wanted = (self.headers.get("If-Match") or "").strip('" ')
        if wanted and wanted != tag:
            raise Refusal(412, "changed", "The file is another one by now.")
        begin, end = self._range(size)
        self.send_response(206 if self.headers.get("Range") else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(end - begin))
        self.send_header("Accept-Ranges", "bytes")
        if self.headers.get("Range"):
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        if tag:
            self.send_header("ETag", f'"{tag}"')
        self.end_headers()
        self._copy(content, begin, end)

    def _copy(self, content: Any, begin: int, end: int) -> None:
        content.seek(begin)
        left = end - begin
        while left:
            block = content.read(min(_AT_ONCE, left))
            if not block:  # it became shorter: the other side sees that bytes are missing
                self.close_connection = True
                return
            self.wfile.write(block)
            left -= len(block)

    def _range(self, size: int) -> tuple[int, int]:
        """Begin and end of `bytes=a-b`; the whole file without one."""
        asked = self.headers.get("Range")
        if not asked:
            return 0, size
        first, _, last = asked.removeprefix("bytes=").partition("-")
        if not first.isdecimal() or not (last.isdecimal() or not last) or int(first) >= size:
            raise Refusal(416, "bad_range", "The file has no such part.", size=size)
        return int(first), min(int(last) + 1 if last else size, size)

    def _number(self, name: str, otherwise: int | None = None) -> int:
        text = self._query.get(name, "" if otherwise is None else str(otherwise))
        if not text.isdecimal() or len(text) > 18:
            raise Refusal(422, "bad_request", f"{name} must be a number from 0 on.")
        return int(text)

    def _wait(self) -> float:
        return min(float(self._number("wait", 0)), _LONGEST_WAIT)

    def _json(self) -> dict[str, Any]:
        with suppress(ValueError):
            body = json.loads(self._body(_MOST_BYTES_OF_JSON) or b"{}")
            if isinstance(body, dict):
                return body
        raise Refusal(422, "bad_request", "The body must be a JSON object.")

    def _body(self, most: int) -> bytes:
        length = self.headers.get("Content-Length") or "0"
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            raise Refusal(411, "bad_request", "The length of the body must be said.")
        if int(length) > most:
            raise Refusal(413, "too_large", f"A body has at most {most} bytes.")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError
        return body

    def _say(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(content)))
            if status != 200:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(content)
            if status != 200:
                self._drop_rest()

    def _drop_rest(self) -> None:
        """Read on for a moment: closed with bytes unread, the other side gets a reset, not the answer."""
        self.connection.settimeout(1)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(2 * MOST_BYTES_OF_PART // _AT_ONCE):
                if not self.connection.recv(_AT_ONCE):
                    return
