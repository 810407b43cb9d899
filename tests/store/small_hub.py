"""A hub that refuses: the answers of huggingface.co for repositories one may not read, and for a search.

Status and headers as `huggingface_hub.errors` documents them; none needs a body.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.emulators.server import serving

ANSWERS: Final = {
    "owner/gated-anonymous": (
        401,
        "GatedRepo",
        "Access to dataset is restricted. You must log in.",
    ),
    "owner/gated": (403, "GatedRepo", "Access to dataset is restricted and you are not in the list."),
    "owner/missing": (404, "RepoNotFound", "Repository not found"),
    "owner/private": (401, "RepoNotFound", "Repository not found"),
    "owner/bad-token": (401, "", "Invalid credentials in Authorization header"),
    "owner/forbidden": (403, "", "Forbidden"),
}


class SmallHub(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens: set[str | None] = set()
        """What clients sent as Authorization."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: SmallHub

    def do_HEAD(self) -> None:
        named = [answer for repo, answer in ANSWERS.items() if f"/{repo}/" in f"{self.path}/"]
        if named:  # and not where the library counts its users
            self.server.tokens.add(self.headers.get("Authorization"))
        status, code, message = named[0] if named else (404, "RepoNotFound", "Repository not found")
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """A search answers with names; everything else with its refusal."""
        address = urlsplit(self.path)
        if address.path != "/api/datasets":
            self.do_HEAD()
            return
        self.server.tokens.add(self.headers.get("Authorization"))
        words = parse_qs(address.query)["search"][0]
        found = [{"id": repo, "_id": repo} for repo in ANSWERS if words in repo]
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def small_hub() -> Iterator[SmallHub]:
    hub = SmallHub()
    with serving(hub):
        yield hub
