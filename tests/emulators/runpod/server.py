"""The emulator as one server on 127.0.0.1: /graphql, /v2, /__proxy, /__control."""

import json
import socket
import struct
import sys
import time
import traceback
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.emulators.runpod import contract, control, graphql, v2
from tests.emulators.runpod.account import Account, Refused
from tests.emulators.runpod.containers import Image
from tests.emulators.runpod.faults import Fault
from tests.emulators.runpod.pods import Pace
from tests.emulators.runpod.proxy import NotThere, relay

TITLES = {
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 410: "Gone", 413: "Payload Too Large",
    422: "Unprocessable Entity", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
}  # fmt: skip


class RunpodEmulator:
    """`images` says what runs in a pod; `per_minute` is 60 at Runpod, and more than a test asks here."""

    def __init__(
        self,
        folder: Path,
        *,
        images: Mapping[str, Image] | None = None,
        port: int = 0,
        pace: Pace | None = None,
        credit: float = 100.0,
        per_minute: int = 100_000,
        proxy_seconds: float = 100.0,
    ) -> None:
        self.account = Account(
            folder, images=images or {}, pace=pace or Pace(), credit=credit, base_url=lambda: self.url
        )
        self.per_minute = per_minute
        self.proxy_seconds = proxy_seconds
        self.requests: list[tuple[str, str, Mapping[str, str], bytes]] = []
        """Method, path with query, headers, body: of everything but the control."""
        self.over = Event()
        self._asked: dict[str, deque[float]] = {}
        self._lock = Lock()
        self._server = _Server(self, port)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def faults(self) -> Any:
        return self.account.faults

    @property
    def clock(self) -> Any:
        return self.account.clock

    def environment(self) -> dict[str, str]:
        """What an app needs to take this for Runpod."""
        return {
            "RUNPOD_API_BASE_URL": self.url,
            "TUNEWRIGHT_RUNPOD_PROXY": f"{self.url}/__proxy/{{pod}}/{{port}}",
            "RUNPOD_API_KEY": self.account.key,
        }

    def paths(self) -> list[str]:
        """ "GET /v2/pods" of each request, without the query."""
        return [f"{method} {path.partition('?')[0]}" for method, path, _, _ in self.requests]

    def seconds_to_wait(self, key: str) -> int:
        """0, or how long the window of a minute is still full."""
        now = time.monotonic()
        with self._lock:
            asked = self._asked.setdefault(key, deque())
            while asked and asked[0] <= now - 60:
                asked.popleft()
            if len(asked) >= self.per_minute:
                return int(60 - (now - asked[0])) + 1
            asked.append(now)
        return 0

    def start(self) -> "RunpodEmulator":
        self._thread.start()
        return self

    def close(self) -> None:
        """Twice is once."""
        if self.over.is_set():
            return
        self.over.set()
        self.account.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> "RunpodEmulator":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, emulator: RunpodEmulator, port: int) -> None:
        self.emulator = emulator
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Without the look-up of this computer's name that http.server makes: it may take a minute."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, *_: object) -> None:
        """A client that went away is what some tests are about; everything else is a bug here."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._body = self._read()
        parts = urlsplit(self.path)
        path = parts.path
        key = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if path == "/__control":
            self._json(*control.answer(self.server.emulator, self.command, self._body))
            return
        emulator = self.server.emulator
        emulator.requests.append((self.command, self.path, dict(self.headers.items()), self._body))
        by = "pod" if any(pod.key == key for pod in emulator.account.living) else "account"
        if emulator.account.faults.offline and by == "account":
            self._reset()
            return
        if path.startswith("/__proxy/"):
            self._proxy(path, parts.query)
            return
        fault = emulator.account.faults.next(self.command, path, by)
        if fault and not fault.though_done:
            self._misbehave(fault)
        elif fault:
            self._dispatch(path, dict(parse_qsl(parts.query)), key, quiet=True)
            self._misbehave(fault)
        else:
            self._dispatch(path, dict(parse_qsl(parts.query)), key)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def _dispatch(self, path: str, query: dict[str, str], key: str, *, quiet: bool = False) -> None:
        try:
            status, body, known_as = self._answered(path, query, key)
        except Refused as refused:
            status, body, known_as = refused.status, _problem(refused), ""
        except _Sent:
            return
        if known_as and (wrong := contract.wrong_with_reply(known_as, self.command, status, _plain(body))):
            status, body = 500, _problem(Refused(500, f"the emulator's own fault: {wrong}"))
        if not quiet:
            self._json(status, body)

    def _answered(self, path: str, query: dict[str, str], key: str) -> tuple[int, Any, str]:
        account = self.server.emulator.account
        if path == "/graphql":
            return (*graphql.answer(account, self._loaded(), key), "")
        if path.startswith("/v1/"):
            raise Refused(410, "API v1 has been retired")
        self._let_in(path, key)
        if path.startswith("/v2/pods/") and path.endswith("/logs") and self.command == "GET":
            self._stream_log(path.split("/")[3], query, key)
            raise _Sent
        asked = v2.Asked(self.command, unquote(path), query, self._loaded() if self._body else None, key)
        return v2.answer(account, asked)

    def _let_in(self, path: str, key: str) -> None:
        """What stands before the interface: who it lets pass, and how often."""
        agent = self.headers.get("User-Agent", "")
        if not agent or agent.lower().startswith(("python", "curl", "java", "go-http")):
            self._send(403, b"error code: 1010", "text/plain; charset=UTF-8")
            raise _Sent
        if len(self._body) > v2.LONGEST_BODY:
            raise Refused(413, "request body too large")
        if seconds := self.server.emulator.seconds_to_wait(key):
            problem = _problem(Refused(429, "rate limit exceeded for the minute window"))
            self._json(429, problem, {"Retry-After": str(seconds)})
            raise _Sent

    def _loaded(self) -> Any:
        try:
            return json.loads(self._body)
        except ValueError:
            raise Refused(400, "request body is not valid JSON") from None

    def _stream_log(self, pod_id: str, query: dict[str, str], key: str) -> None:
        account = self.server.emulator.account
        own = v2.authorised(account, key)
        if own is not None and own.id != pod_id:
            raise Refused(403, "access denied")
        pod = account.pod(pod_id)
        known = self._cursor(pod.log.lines, query)
        wanted, left, is_open = query.get("source"), account.faults.log_lines, False
        while not self.server.emulator.over.is_set() and not pod.log.is_closed:
            for line in pod.log.wait(known, 0.2) if not account.faults.log_is_silent else self._nothing():
                known = line.number
                if wanted not in (None, line.source):
                    continue
                if not is_open:
                    is_open = self._begin_stream()
                told = {"ts": line.ts, "source": line.source, "line": line.line}
                self._chunk(f"id: {line.id}\ndata: {json.dumps(told)}\n\n".encode())
                if left is not None and (left := left - 1) <= 0:
                    self._reset()
                    return
            if account.faults.offline:
                self._reset()
                return
        if is_open:
            self._chunk(b"")
        else:
            raise Refused(404, "pod not found")

    def _nothing(self) -> list[Any]:
        self.server.emulator.over.wait(0.05)
        return []

    def _cursor(self, lines: list[Any], query: dict[str, str]) -> int:
        """How many lines the client has already, or does not want."""
        if last := self.headers.get("Last-Event-ID"):
            if self.server.emulator.account.faults.log_forgets:
                raise Refused(400, "unknown cursor")
            return next((line.number for line in reversed(lines) if line.id <= last), 0)
        if since := query.get("since"):
            return next((line.number - 1 for line in lines if line.ts >= since), len(lines))
        wanted = [line for line in lines if query.get("source") in (None, line.source)]
        tail = int(query.get("tail", 100))
        return wanted[-tail].number - 1 if tail and len(wanted) > tail else 0 if tail else len(lines)

    def _begin_stream(self) -> bool:
        self.send_response(200)
        for name, value in (("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache")):
            self.send_header(name, value)
        self.send_header("X-Accel-Buffering", "no")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        return True

    def _proxy(self, path: str, query: str) -> None:
        _, _, pod_id, port, *rest = path.split("/", 4)
        target = "/" + (rest[0] if rest else "") + (f"?{query}" if query else "")
        emulator = self.server.emulator
        try:
            with relay(
                emulator.account, pod_id, int(port), self.command, target, dict(self.headers.items()),
                self._body, emulator.proxy_seconds,
            ) as answer:  # fmt: skip
                self._pass_on(answer)
        except NotThere as page:
            self._send(page.status, f"<html><body>{page.status}</body></html>".encode(), "text/html")

    def _pass_on(self, answer: Any) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in answer.body:
                self._chunk(piece[: len(piece) // 2] if answer.is_cut else piece)
                if answer.is_cut or self.server.emulator.account.faults.offline:
                    self._reset()
                    return
        except OSError:  # the pod ended, or took too long in the middle
            self._reset()
            return
        self._chunk(b"")

    def _misbehave(self, fault: Fault) -> None:
        kind, _, number = fault.what.partition(" ")
        if kind == "html":
            self._send(int(number), b"<html><body>cloudflare</body></html>", "text/html")
        elif kind == "reset":
            self._reset()
        elif kind == "hang":
            self.connection.settimeout(0.1)
            while not self.server.emulator.over.is_set() and self._is_connected():
                continue
            self.close_connection = True
        else:
            detail = {
                402: "insufficient balance",
                403: "access denied",
                429: "rate limit exceeded for the minute window",
            }
            problem = _problem(Refused(int(kind), detail.get(int(kind), "emulated fault")))
            self._json(int(kind), problem, {"Retry-After": str(fault.retry_after)} if kind == "429" else {})

    def _is_connected(self) -> bool:
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK))
        except TimeoutError:
            return True
        except OSError:
            return False

    def _json(self, status: int, body: Any, more: Mapping[str, str] | None = None) -> None:
        kind = "application/json" if status < 400 else "application/problem+json"
        if self.path.startswith("/graphql"):
            kind = "application/json"
        per = self.server.emulator.per_minute
        limits = {"RateLimit-Policy": f'"minute";q={per};w=60', "RateLimit": f'"minute";r={per};t=60'}
        self._send(
            status, b"" if body is None else json.dumps(body).encode(), kind, limits | dict(more or {})
        )

    def _send(self, status: int, body: bytes, kind: str, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chunk(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def _read(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _reset(self) -> None:
        """SO_LINGER of 0 s makes the close a reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class _Sent(Exception):
    """The reply has gone out already."""


def _problem(refused: Refused) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "title": TITLES.get(refused.status, "Error"),
        "status": refused.status,
        "detail": refused.detail,
    }
    return problem | ({"errors": refused.errors} if refused.errors else {})


def _plain(body: Any) -> Any:
    """As the client will read it."""
    return json.loads(json.dumps(body))
