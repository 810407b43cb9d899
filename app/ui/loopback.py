"""Answer only pages that this app itself served, and let these pages talk to nobody else.

Any web site a person visits may try to reach 127.0.0.1 from their browser, by a plain request, by a
WebSocket (which no same-origin rule stops), or by a host name that resolves to it. Flet 1.0.5 checks neither.
Its client also asks a CDN for an animation library this app does not use, in spite of `no_cdn`: the content
security policy stops that.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Site = Callable[[Scope, Receive, Send], Awaitable[None]]


_POLICY = b"default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; frame-ancestors 'none'"


def only_this_computer(site: Site, port: int) -> Site:
    """Refuse what was asked for under another host name, or by a page of another origin."""
    hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}
    origins = {b"http://" + host for host in hosts}

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        is_ours = headers.get(b"host") in hosts and headers.get(b"origin", next(iter(origins))) in origins

        async def with_policy(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                kept = [*message.get("headers", ()), (b"content-security-policy", _POLICY)]
                message = {**message, "headers": kept}
            await send(message)

        if scope["type"] == "lifespan" or is_ours:
            await site(scope, receive, with_policy)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"Refused: not a page of this app."})

    return guarded


def telling(site: Site, was_answered: asyncio.Event) -> Site:
    """The same site; `was_answered` is set as soon as it has answered a request."""

    async def telling_site(scope: Scope, receive: Receive, send: Send) -> None:
        await site(scope, receive, send)
        if scope["type"] == "http":
            was_answered.set()

    return telling_site
