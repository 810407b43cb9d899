import pytest

from app.ui.still import still_without_a_graphics_card

PAGE = b"<!DOCTYPE html><html><head><title>x</title></head></html>"


async def test_a_page_finds_out_what_draws_it_before_it_does_anything_else():
    start, body = await answer("text/html; charset=utf-8", PAGE)

    assert body["body"].startswith(b"<!DOCTYPE html><html><head><script>")
    assert body["body"].endswith(b"<title>x</title></head></html>")
    assert b"content-length" not in dict(start["headers"])


@pytest.mark.parametrize("kind", ["text/javascript", "application/wasm"])
async def test_whatever_else_is_served_stays_as_it_is(kind: str):
    start, body = await answer(kind, PAGE)

    assert body["body"] == PAGE
    assert dict(start["headers"])[b"content-length"] == str(len(PAGE)).encode()


async def answer(kind: str, body: bytes) -> list[dict]:
    """What is sent for a file of this kind."""

    async def site(_scope, _receive, send):
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def receive():
        raise AssertionError("nothing to receive")

    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    await still_without_a_graphics_card(site)({"type": "http"}, receive, send)
    return sent
