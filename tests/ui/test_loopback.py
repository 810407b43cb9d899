import asyncio

import pytest

from app.ui.loopback import only_this_computer, telling

PORT = 8123


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost:8123"])
async def test_the_apps_own_pages_are_answered(host):
    sent = await ask("http", host=host, origin=f"http://{host}")

    assert sent[0]["status"] == 200


async def test_a_request_without_an_origin_is_a_person_typing_the_address():
    sent = await ask("http", host="127.0.0.1:8123", origin=None)

    assert sent[0]["status"] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999", "null"])
async def test_a_page_of_another_origin_gets_neither_an_answer_nor_a_socket(origin):
    answered = await ask("http", host="127.0.0.1:8123", origin=origin)
    connected = await ask("websocket", host="127.0.0.1:8123", origin=origin)

    assert answered[0]["status"] == 403
    assert connected == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("origin", [None, "http://evil.example:8123"])
async def test_a_host_name_that_merely_resolves_here_is_refused(origin):
    """A browser names no origin when it gets a page of the very host it asks."""
    sent = await ask("http", host="evil.example:8123", origin=origin)

    assert sent[0]["status"] == 403


async def test_pages_may_talk_to_nobody_else():
    sent = await ask("http", host="127.0.0.1:8123", origin=None)

    assert dict(sent[0]["headers"])[b"content-security-policy"].startswith(b"default-src 'self'")


async def ask(kind: str, *, host: str, origin: str | None) -> list[dict]:
    """What the guarded site sends for one request."""

    async def site(_scope, _receive, send):
        await send({"type": f"{kind}.response.start", "status": 200, "headers": []})

    async def receive():
        raise AssertionError("nothing to receive")

    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    await only_this_computer(site, PORT)({"type": kind, "headers": headers}, receive, send)
    return sent


async def test_the_first_answer_is_told_and_a_start_of_the_server_is_none():
    was_answered = asyncio.Event()

    async def site(_scope, _receive, _send):
        assert not was_answered.is_set()

    await telling(site, was_answered)({"type": "lifespan"}, None, None)
    assert not was_answered.is_set()

    await telling(site, was_answered)({"type": "http"}, None, None)
    assert was_answered.is_set()
