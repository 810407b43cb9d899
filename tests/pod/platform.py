"""The three answers of the platform's API that decide whether a pod can end itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread


class Platform(ThreadingHTTPServer):
    """`answers` holds a status by what is asked: look, delete, terminate, stop. Notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = {"look": 200, "delete": 204, "terminate": 204, "stop": 200}
        self.cost = 0.5
        self.asked: list[str] = []
        self.agents: set[str] = set()

    def server_bind(self) -> None:
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "RUNPOD_API_BASE_URL": f"http://127.0.0.1:{self.server_port}",
            "RUNPOD_API_KEY": "key-of-pod-1",
            "STUDIO_RETRY_SECONDS": "0.2",
        }

    @property
    def ways(self) -> list[str]:
        return [what for what in self.asked if what != "look"]


class _Handler(BaseHTTPRequestHandler):
    server: Platform

    def do_GET(self) -> None:
        self._answer("look")

    def do_DELETE(self) -> None:
        self._answer("delete")

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["action"])

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, what: str) -> None:
        if self.headers["Authorization"] != "Bearer key-of-pod-1" or "/v2/pods/pod-1" not in self.path:
            self.send_error(403)
            return
        self.server.asked.append(what)
        self.server.agents.add(self.headers["User-Agent"])
        body = b"" if self.server.answers[what] == 204 else json.dumps({"cost": self.server.cost}).encode()
        self.send_response(self.server.answers[what])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def platform() -> Iterator[Platform]:
    server = Platform()
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
