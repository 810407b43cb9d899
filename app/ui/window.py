"""Start the app: in a desktop window where there can be one, else in the browser on this computer only."""

import asyncio
import contextlib
import importlib
import logging
import os
import secrets
import socket
import sys
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import flet as ft

from app.domain.errors import StudioError
from app.paths import Paths
from app.ui.loopback import only_this_computer, telling
from app.ui.opening import Opening
from app.ui.still import still_without_a_graphics_card

if TYPE_CHECKING:
    import uvicorn

    from app.services.everything import Services

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
_DOWNLOAD_SILENCE_SECONDS: Final = 10
_OVERRIDES: Final = ("FLET_SERVER_IP", "FLET_SERVER_PORT", "FLET_FORCE_WEB_SERVER", "FLET_WEB_APP_PATH")
"""Variables with which Flet would listen elsewhere than it is told; this app never listens off loopback."""

_SWITCH_SECONDS: Final = 0.001
"""After which a thread at work lets the others on. With Python's 0.005 a click during an import waits for it
some times over: answers then take 81 ms at the 95th percentile, with this 73."""

_PAGE_FIRST_SECONDS: Final = 0.5
"""So long a browser may take to ask for the page before the rest is made ready for it."""

NO_DISPLAY: Final = "No display here: serving to the browser instead."
NO_CLIENT: Final = "The desktop window could not be fetched (no network): opening in your browser instead."
NO_WINDOW: Final = "The desktop window did not open: opening in your browser instead."


def run_window(
    build: "Callable[[], Services]", paths: Paths, *, web: bool, port: int | None, open_browser: bool = True
) -> None:
    """Show the app and return when it is closed.

    Args:
        build: Makes the services; called once, off the event loop, after the page is served.
        web: Go straight to the browser.
        port: For the browser; None takes a free one. Raises StudioError if it is taken.
    """
    for name in _OVERRIDES:
        os.environ.pop(name, None)
    sys.setswitchinterval(_SWITCH_SECONDS)
    # Signs upload addresses; new at every start, so that none outlives the app.
    os.environ["FLET_SECRET_KEY"] = secrets.token_urlsafe(32)
    opening = Opening(build)
    with contextlib.closing(opening):
        reason = "" if web else _run_desktop(opening, paths)
        if reason is None:
            return
        if reason:
            _say(reason)
        with contextlib.closing(claim_port(port)) as listener, contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(opening, paths, listener, open_browser=open_browser))


def _run_desktop(opening: Opening, paths: Paths) -> str | None:
    """Show the window until it is closed; or the sentence that says why there is none."""
    if not has_display():
        return NO_DISPLAY
    if not _has_client():
        return NO_CLIENT
    try:
        ft.run(
            lambda page: _show(page, opening, paths),
            host=HOST,
            view=ft.AppView.FLET_APP,
            assets_dir=str(paths.assets),
            upload_dir=str(paths.uploads),
            no_cdn=True,
        )
    except OSError as error:
        log.warning("The desktop client could not be started: %s", error)
    # A client that lacks a system library ends before it ever connects.
    return None if opening.was_shown else NO_WINDOW


def has_display() -> bool:
    """Flet itself looks at DISPLAY only: without it the client would not be started on Linux."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY"))


def _has_client() -> bool:
    """Whether the desktop client is here, fetching it once (some 30 MB) if it is not."""
    import tarfile  # noqa: PLC0415 - nothing of this is needed in the browser
    import zipfile  # noqa: PLC0415

    import flet_desktop  # type: ignore[import-untyped]  # noqa: PLC0415

    view = os.environ.get("FLET_VIEW_PATH")
    if view and os.path.isdir(view):
        return True
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_DOWNLOAD_SILENCE_SECONDS)  # Flet 1.0.5 downloads without a timeout
    try:
        flet_desktop.ensure_client_cached()
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        log.warning("The desktop client could not be fetched: %s", error)
        return False
    finally:
        socket.setdefaulttimeout(before)
    return True


def claim_port(port: int | None) -> socket.socket:
    """A socket that is bound before the server starts, so that nobody else can take the port in between."""
    # asyncio sets TCP_NODELAY only where the protocol is named; without, the second message of an answer
    # waits until the browser acknowledges the first: 40 ms.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    # As servers do: a port left in TIME_WAIT by an earlier start is free.
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port or 0))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise StudioError(
            f"Port {port} cannot be used: another program has it, or it is not allowed.",
            "Choose another with --port, or leave it out to take a free one.",
        ) from error
    return listener


async def _serve(opening: Opening, paths: Paths, listener: socket.socket, *, open_browser: bool) -> None:
    import uvicorn  # noqa: PLC0415 - not needed in the desktop window

    from app.ui.closed_page import let_go_of_closed_pages  # noqa: PLC0415 - neither

    site = ft.run(
        lambda page: _show(page, opening, paths),
        assets_dir=str(paths.assets),
        upload_dir=str(paths.uploads),
        no_cdn=True,
        export_asgi_app=True,
    )
    let_go_of_closed_pages()
    port = listener.getsockname()[1]
    was_answered = asyncio.Event()
    guarded = only_this_computer(still_without_a_graphics_card(site), port)
    told = telling(guarded, was_answered)
    server = uvicorn.Server(uvicorn.Config(told, log_level="error", ws="websockets-sansio"))
    announcement = asyncio.create_task(
        _announce(server, opening, port, was_answered, open_browser=open_browser)
    )
    try:
        await server.serve(sockets=[listener])
    finally:
        announcement.cancel()
        await asyncio.to_thread(opening.close)  # before the loop waits for what waits for a pod


async def _announce(
    server: "uvicorn.Server",
    opening: Opening,
    port: int,
    was_answered: asyncio.Event,
    *,
    open_browser: bool,
) -> None:
    """As soon as the page is served: say where, show it, and open the store meanwhile."""
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event to wait for
        await asyncio.sleep(0.01)
    url = f"http://{HOST}:{port}/"
    _say(f"Tunewright is at {url} (Ctrl+C ends it).")
    if open_browser:
        await asyncio.to_thread(webbrowser.open, url)
    with contextlib.suppress(TimeoutError):  # two at once would hold each other up
        await asyncio.wait_for(was_answered.wait(), _PAGE_FIRST_SECONDS)
    await asyncio.to_thread(importlib.import_module, "app.ui.opening_page")  # before the browser asks for it
    with contextlib.suppress(Exception):  # the page shows what went wrong and offers another try
        await asyncio.to_thread(opening.services)


def _show(page: ft.Page, opening: Opening, paths: Paths) -> None:
    from app.ui.drawing import guard_drawing  # noqa: PLC0415 - the controls take longer than the server
    from app.ui.opening_page import OpeningPage  # noqa: PLC0415
    from app.ui.theme import dress  # noqa: PLC0415

    opening.was_shown = True
    opening.watch_the_end()
    page.title = "Tunewright"
    page.padding = 0
    page.spacing = 0
    dress(page)
    guard_drawing(page, paths.logs)
    page.render(OpeningPage, opening, paths)


def _say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201 - the one thing said in a terminal
