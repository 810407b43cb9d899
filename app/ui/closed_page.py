"""A page that is closed while something is sent to it: its window is told, and what is on its way dropped.

Flet 1.0.5 fails both ways. What could not be sent ends the connection before the window is told that it is
closed: it is drawn for nobody for as long as the app runs, and all of that is kept. And between the end of
the connection and the word of it, whatever is drawn fails. Its connection to the desktop window does neither.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final

from flet_web.fastapi.flet_app import FletApp  # type: ignore[import-untyped]

_QUEUE: Final = "_FletApp__send_queue"
_SOCKET: Final = "_FletApp__websocket"
_LOOP: Final = "_FletApp__send_loop"


def let_go_of_closed_pages() -> None:
    """From now on, for all windows in browsers."""
    loop = getattr(FletApp, _LOOP)
    if not hasattr(loop, "__wrapped__"):
        setattr(FletApp, _LOOP, _ends_with_its_page(loop))
        FletApp.send_message = _unless_closed(FletApp.send_message)


def _ends_with_its_page(send_all: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """Where sending fails, the rest is thrown away until the receiving side has seen that nobody is there."""

    @functools.wraps(send_all)
    async def guarded(connection: Any) -> None:
        try:
            await send_all(connection)
        except Exception:  # whatever the server raises for a browser that is gone
            while await getattr(connection, _QUEUE).get() is not None:
                pass
            setattr(connection, _SOCKET, None)
            setattr(connection, _QUEUE, None)

    return guarded


def _unless_closed(send: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(send)
    def guarded(connection: Any, message: Any) -> None:
        if getattr(connection, _QUEUE, message) is not None:
            send(connection, message)

    return guarded
