"""A Hub on the loopback interface that takes datasets: the words `huggingface_hub` 1.33 says to publish one.

Paths, status codes and bodies as its documentation and source have them: create and delete a repository,
whether a file is to be sent at once ("regular"), and the commit, a JSON object a line.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.emulators.server import serving


class DatasetHub(ThreadingHTTPServer):
    """`refuses` is the status every commit is answered with instead."""

    refuses: int | None = None
    keeps_what_is_deleted = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.repositories: dict[str, bool] = {}
        """Whether each is private."""
        self.files: dict[str, bytes] = {}
        self.tokens: set[str | None] = set()
        self.commits = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: DatasetHub

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/api/repos/create":
            self._create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            self._give({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            files = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]
            self._give({"files": files})
        elif "/commit/" in self.path:
            self._commit(body)
        else:
            self._give({"error": f"unknown {self.path}"}, 404)

    def do_DELETE(self) -> None:
        name = self._name(json.loads(self._body()))
        if self.server.keeps_what_is_deleted:
            self._give({"error": "not now"}, 500)
            return
        del self.server.repositories[name]
        self._give({})

    def do_GET(self) -> None:
        self._give({"id": "me/ferries", "sha": "0" * 40, "siblings": []})

    def _body(self) -> bytes:
        self.server.tokens.add(self.headers.get("Authorization"))
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _name(self, asked: dict[str, Any]) -> str:
        assert asked["type"] == "dataset"
        return "/".join(filter(None, (asked.get("organization"), asked["name"])))

    def _create(self, asked: dict[str, Any]) -> None:
        name = self._name(asked)
        answer = {"url": f"{self.server.address}/datasets/{name}", "id": name}
        if name in self.server.repositories:
            self._give({**answer, "error": "You already created this dataset repo"}, 409)
            return
        self.server.repositories[name] = asked.get("private") or asked.get("visibility") == "private"
        self._give(answer)

    def _commit(self, body: bytes) -> None:
        if self.server.refuses:
            self._give({"error": "no more space for you"}, self.server.refuses)
            return
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                self.server.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        self.server.commits += 1
        name = self.path.removeprefix("/api/datasets/").partition("/commit/")[0]
        address = f"{self.server.address}/datasets/{name}/commit/{'1' * 40}"
        self._give({"commitUrl": address, "commitOid": "1" * 40})

    def _give(self, answer: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def dataset_hub() -> Iterator[DatasetHub]:
    hub = DatasetHub()
    with serving(hub):
        yield hub
