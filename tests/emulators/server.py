"""A site on loopback whose faults can be switched on: what every emulator of this folder is made of."""

import json
import socket
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from gzip import compress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class Fault(Enum):
    """What the next request gets instead of its answer."""

    TOO_MANY = "429 with Retry-After in seconds"
    TOO_MANY_UNTIL = "429 with Retry-After as a date"
    BROKEN = "500"
    CUT_JSON = "200, but the JSON ends in the middle"
    CUT_BODY = "the connection ends before the announced length"
    RESET = "the connection is reset"
    SILENT = "nothing at all, until the emulator is told to go on"
    DRIP = "a byte now and then, without end"
    LOOP = "a redirect to itself"
    HUGE = "more bytes than anybody wants"


@dataclass
class Reply:
    body: Any = b""
    """Bytes, text, or what becomes JSON."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


@dataclass(frozen=True)
class Request:
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def target(self) -> str:
        return self.path + ("?" + "&".join(f"{k}={v}" for k, v in self.params.items()) if self.params else "")


class Emulator(ThreadingHTTPServer):
    """Answers by `answer`, unless a fault is next. Notes what it was asked."""

    daemon_threads = True
    gzips = False
    retry_after = "7"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.faults: deque[Fault | None] = deque()
        """For the next requests, one each; None lets one pass."""
        self.always: Fault | None = None
        """For every request once `faults` are used up."""
        self.go_on = Event()
        self.is_gone = False
        """Also connections that are open are of no use any more."""
        self.asked = Event()
        """Set by a request that waits for `go_on`."""

    def server_bind(self) -> None:
        """Without the look-up of this computer's name that http.server makes: it may take a minute."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def vanish(self) -> None:
        """Like a lost network: nobody answers."""
        self.is_gone = True
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Emulator
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        """Headers only, as `_send` sees to."""
        self.do_GET()

    def do_GET(self) -> None:
        if self.server.is_gone:
            self._reset()
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(parts.path, query, {k.lower(): v for k, v in self.headers.items()})
        self.server.requests.append(request)
        fault = self.server.faults.popleft() if self.server.faults else self.server.always
        if fault is None:
            self._send(self.server.answer(request))
        else:
            self._misbehave(fault, request)

    def _misbehave(self, fault: Fault, request: Request) -> None:
        match fault:
            case Fault.TOO_MANY | Fault.TOO_MANY_UNTIL:
                self._send(Reply("slow down", 429, {"Retry-After": self.server.retry_after}))
            case Fault.BROKEN:
                self._send(Reply("oops", 500))
            case Fault.CUT_JSON:
                self._send(Reply(self.server.answer(request).bytes()[:-9]))
            case Fault.CUT_BODY:
                self._send(self.server.answer(request), announced=100_000)
                self._reset()
            case Fault.RESET:
                self._reset()
            case Fault.SILENT:
                self.server.asked.set()
                self.server.go_on.wait(60)
                self._send(self.server.answer(request))
            case Fault.DRIP:
                self._drip()
            case Fault.LOOP:
                self._send(Reply("", 302, {"Location": request.target}))
            case Fault.HUGE:
                self._send(Reply(b" " * 3_000_000))

    def _send(self, reply: Reply, *, announced: int = 0) -> None:
        body = reply.bytes()
        headers = dict(reply.headers)
        if self.server.gzips:
            body, headers["Content-Encoding"] = compress(body), "gzip"
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(announced or len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        while not self.server.go_on.wait(0.01):  # until the client has gone, which raises
            self.wfile.write(b" ")

    def _reset(self) -> None:
        """SO_LINGER of 0 s makes the close a reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(emulator: Any) -> Iterator[Any]:
    with serving(emulator):
        try:
            yield emulator
        finally:
            emulator.go_on.set()


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """By a thread; closed afterwards."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
