"""The OpenAI-compatible endpoint: plain HTTP on the loopback interface, a thread a request."""

import json
import logging
import re
import selectors
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from app.domain.chat import AnswerFacts
from app.domain.errors import BusyError, NotTakenError, StudioError
from app.domain.local_api import HOST, ApiAnswer, ApiBackend, ApiError, Asked, read_request

log = logging.getLogger(__name__)

_LARGEST_BODY: Final = 16 * 2**20
_DIGITS_OF_A_LENGTH: Final = 12
_PATIENCE_SECONDS: Final = 30
"""For a sender that has connected and says nothing."""
_LOOKS_EVERY_SECONDS: Final = 0.1
_FINISH: Final = {"length": "length", "context": "length"}
"""The reasons OpenAI knows by another name than "stop"."""
_INTERNAL: Final = "Something went wrong inside Tunewright; its log says more."


class LoopbackApi:
    """Implements `ApiServer`."""

    def __init__(self) -> None:
        self._server: _Server | None = None

    def start(self, backend: Callable[[int], ApiBackend], port: int | None) -> ApiBackend:
        if self._server is not None:
            raise StudioError("The local API is on already.", "Switch it off first.")
        try:
            self._server = _Server((HOST, port or 0), _Handler)
        except (OSError, OverflowError) as error:
            raise StudioError(
                f"Port {port} cannot be used: another program has it, or it is not allowed.",
                "Choose another one, or leave it empty to take a free one.",
            ) from error
        self._server.backend = backend(self._server.server_port)
        threading.Thread(target=self._server.serve_forever, name="local-api", daemon=True).start()
        return self._server.backend

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.cut_off()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = sys.platform != "win32"  # there, another program could take the same port
    backend: ApiBackend

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without looking up the name of this computer, which may ask the network and take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_off(self) -> None:
        """End the requests under way."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.info("a request to the local API broke off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE_SECONDS
    server_version = "Tunewright"
    sys_version = ""

    def do_GET(self) -> None:
        self._handle({"/v1/models": self._models})

    def do_POST(self) -> None:
        self._handle({"/v1/chat/completions": self._complete})

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line of the server's may hold what was asked."""

    def _handle(self, places: dict[str, Callable[[], None]]) -> None:
        try:
            self._admit()
            place = places.get(self.path.partition("?")[0].rstrip("/"))
            if place is None:
                raise ApiError(404, "not_found", f"There is nothing at {self.command} {self.path[:200]}.")
            place()
        except ApiError as error:
            self._refuse(error)
        except BusyError as error:
            self._refuse(ApiError(503, "busy", str(error)))
        except NotTakenError as error:
            self._refuse(ApiError(400, "invalid_request", str(error)))
        except StudioError as error:
            self._refuse(ApiError(500, "engine", str(error)))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:
            log.exception("a request to the local API failed")
            self._refuse(ApiError(500, "internal", _INTERNAL))

    def _admit(self) -> None:
        """Raises ApiError for who has no token, and for pages of the web that were led here by a name."""
        port = self.server.server_port
        if self.headers.get("Host", "") not in (f"{HOST}:{port}", f"localhost:{port}"):
            raise ApiError(403, "host", "This address is for programs of this computer only.")
        if not self.server.backend.served.admits(self.headers.get("Authorization", "")):
            raise ApiError(401, "invalid_api_key", "The token is missing or wrong; Tunewright shows it.")

    def _models(self) -> None:
        model = {"id": self.server.backend.served.model, "object": "model", "created": 0, "owned_by": "you"}
        self._reply(200, {"object": "list", "data": [model]})

    def _complete(self) -> None:
        backend = self.server.backend
        asked = read_request(self._body(), backend.served.model, backend.defaults)
        facts: list[AnswerFacts] = []
        head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": backend.served.model,
        }
        answer = backend.answer(asked, facts.append)
        with self._cancelling(answer), closing(_closable(answer.pieces())) as pieces:
            if asked.is_streamed:
                self._stream(head, pieces, facts, asked)
            else:
                message = {"role": "assistant", "content": "".join(pieces)}
                _require_end(facts)
                choice = {"index": 0, "message": message, "finish_reason": _reason(facts), "logprobs": None}
                body = {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(facts)}
                self._reply(200, body)

    @contextmanager
    def _cancelling(self, answer: ApiAnswer) -> Iterator[None]:
        """Within this context it is cancelled once who asked for it hangs up. Before the first piece, which
        may be long in coming, nothing is written to them that would fail."""
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(_LOOKS_EVERY_SECONDS):
                if _has_hung_up(self.connection):
                    answer.cancel()
                    return

        watching = threading.Thread(target=watch, name="local-api-listener", daemon=True)
        watching.start()
        try:
            yield
        finally:
            is_over.set()
            watching.join()

    def _stream(
        self, head: dict[str, Any], pieces: Iterator[str], facts: list[AnswerFacts], asked: Asked
    ) -> None:
        """The first piece is waited for before anything is said: what fails until then has its status."""
        first = next(pieces, None)
        if first is None:
            _require_end(facts)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

        def say(choices: list[dict[str, Any]], **more: Any) -> None:
            event = {**head, "object": "chat.completion.chunk", "choices": choices, **more}
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")

        def choice(delta: dict[str, str], reason: str | None = None) -> list[dict[str, Any]]:
            return [{"index": 0, "delta": delta, "finish_reason": reason}]

        try:
            say(choice({"role": "assistant", "content": first or ""}))
            for piece in pieces:
                say(choice({"content": piece}))
            _require_end(facts)
            say(choice({}, _reason(facts)))
            if asked.wants_usage:
                say([], usage=_usage(facts))
        except StudioError as error:  # in the middle of an answer there is no status any more
            self._break_off(str(error))
        except (ConnectionError, TimeoutError):
            raise
        except Exception:  # whoever reads a stream would take a second head for a part of it
            log.exception("an answer of the local API broke off")
            self._break_off(_INTERNAL)
        self.wfile.write(b"data: [DONE]\n\n")

    def _break_off(self, why: str) -> None:
        self.wfile.write(b"data: " + json.dumps({"error": {"message": why}}).encode() + b"\n\n")

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]+", length):
            raise ApiError(411, "invalid_request", "The request does not say how long it is.")
        if len(length) > _DIGITS_OF_A_LENGTH or int(length) > _LARGEST_BODY:
            raise ApiError(413, "invalid_request", "The request is too large.")
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise ApiError(400, "invalid_request", "The request is no JSON.") from error

    def _refuse(self, error: ApiError) -> None:
        said = {"message": error.message, "type": "invalid_request_error", "code": error.code, "param": None}
        with suppress(OSError):
            self._reply(error.status, {"error": said})

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)


def _has_hung_up(connection: socket.socket) -> bool:
    with suppress(OSError, ValueError), selectors.DefaultSelector() as waiting:
        waiting.register(connection, selectors.EVENT_READ)
        return bool(waiting.select(0)) and not connection.recv(1, socket.MSG_PEEK)
    return True


def _closable(pieces: Iterator[str]) -> Any:
    """Generators can be closed, which stops what they do; a plain iterator has nothing to stop."""
    return pieces if hasattr(pieces, "close") else (piece for piece in pieces)


def _require_end(facts: list[AnswerFacts]) -> None:
    """Raises ApiError for an answer that was stopped: as a whole one nobody could tell that it is not."""
    if not facts or facts[0].finish_reason == "cancelled":
        raise ApiError(503, "stopped", "The answer was stopped in Tunewright. Ask again.")


def _reason(facts: list[AnswerFacts]) -> str:
    return _FINISH.get(facts[0].finish_reason, "stop")


def _usage(facts: list[AnswerFacts]) -> dict[str, int]:
    prompt, completion = facts[0].prompt_tokens, facts[0].tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
