"""Requests as nobody should send them: each is answered or cut off, and the pod goes on."""

import json
import socket
from contextlib import closing

from tests.pod.conftest import TOKEN, Pod

KNOWN = f"Authorization: Bearer {TOKEN}\r\n"
PART = "/v1/files/data/x?offset=0&total=1000&sha256=0&part_sha256=0"


def answer(pod: Pod, request: str, body: bytes = b"") -> str:
    """What comes back until the pod closes the connection, or one answer is whole."""
    with closing(socket.create_connection(("127.0.0.1", pod.port), timeout=60)) as connection:
        connection.sendall(request.encode() + b"\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while block := connection.recv(65536):
            received += block
    return received.decode(errors="replace")


def test_what_is_no_request_of_the_wire_is_refused_in_words(pod: Pod) -> None:
    pod.start()
    pod.wait_for("ended")
    result = (pod.run_dir / "result.json").stat().st_size
    refused = {
        f"GET /v1/events?after=-1 HTTP/1.1\r\n{KNOWN}": 422,
        f"GET /v1/events?after=1e3&wait=nan HTTP/1.1\r\n{KNOWN}": 422,
        f"GET /v1/outputs/result.json HTTP/1.1\r\n{KNOWN}Range: bytes=-5\r\n": 416,
        f"GET /v1/outputs/result.json HTTP/1.1\r\n{KNOWN}Range: bytes={result}-\r\n": 416,
        f"GET /v1/outputs/output HTTP/1.1\r\n{KNOWN}": 404,
        f"GET /v1/outputs/nothing HTTP/1.1\r\n{KNOWN}": 404,
        f"PUT {PART} HTTP/1.1\r\n{KNOWN}Transfer-Encoding: chunked\r\n": 411,
        f"PUT {PART} HTTP/1.1\r\n{KNOWN}Content-Length: 999999999\r\n": 413,
        f"PUT /v1/files/data/x?offset=0 HTTP/1.1\r\n{KNOWN}": 422,
        f"POST /v1/start HTTP/1.1\r\n{KNOWN}Content-Length: 2\r\n\r\n[]": 422,
        f"POST /v1/lease HTTP/1.1\r\n{KNOWN}Content-Length: 18\r\n\r\n" + '{"seconds": "long"': 422,
        f"POST /v1/health HTTP/1.1\r\n{KNOWN}": 404,
        f"DELETE /v1/health HTTP/1.1\r\n{KNOWN}": 501,
        "GET /v1/health HTTP/1.1\r\nAuthorization: Basic abc\r\n": 401,
    }

    for request, status in refused.items():
        assert answer(pod, request).startswith(f"HTTP/1.1 {status} "), request
    bodies = [{"attempt": "1"}, {"attempt": 1}, {"attempt": True, "config": {"a": 1}}, {"attempt": 0}]
    bodies += [{"attempt": 9, "config": {"a": 1}, "secrets": {"A B": "x"}}]
    bodies += [{"attempt": 9, "config": {"a": 1}, "resume_from": "--extend"}]
    for body in bodies:
        text = json.dumps(body)
        request = f"POST /v1/start HTTP/1.1\r\n{KNOWN}Content-Length: {len(text)}\r\n\r\n{text}"
        assert answer(pod, request).startswith("HTTP/1.1 422 "), body
    assert len(pod.launches()) == 1
    assert "A request failed" not in pod.said()


def test_cut_bodies_and_silent_strangers_hinder_nobody(pod: Pod) -> None:
    silent = [socket.create_connection(("127.0.0.1", pod.port)) for _ in range(40)]

    for _ in range(20):
        assert answer(pod, f"PUT {PART} HTTP/1.1\r\n{KNOWN}Content-Length: 1000\r\n", b"x" * 500) == ""

    assert pod.health().phase == "waiting"
    assert list((pod.run_dir / ".pod").glob("uploads/*")) == []
    for connection in silent:
        connection.close()
