"""Pages that are closed in the middle of something, by a real server and a browser's side of the wire."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import flet as ft
import msgpack
import pytest
import uvicorn
import websockets

from app.ui.closed_page import let_go_of_closed_pages
from app.ui.drawing import guard_drawing

_PATIENCE_SECONDS = 20.0
_BROWSER = {
    "page_name": "",
    "session_id": None,
    "page": {"width": 1280, "height": 800, "route": "/", "web": True, "platform_brightness": "light"},
}
_REGISTER = b"\x00" + msgpack.packb([1, _BROWSER])


@ft.component
def Growing() -> ft.Control:
    """Like an answer that comes, and comes fast."""
    length, grow = ft.use_state(0)
    session = ft.context.page.session

    async def go_on() -> None:
        number = 0
        while session.connection is not None:
            grow(number := number + 1)
            await asyncio.sleep(0.001)

    ft.use_effect(go_on, dependencies=[], cleanup=lambda: None)
    return ft.Text(f"{length}" + 1000 * "x")


@asynccontextmanager
async def served(logs, pages: list[ft.Page]) -> AsyncIterator[str]:
    """The address of windows that are never still; each one's page is noted."""

    def show(page: ft.Page) -> None:
        pages.append(page)
        guard_drawing(page, logs)
        page.render(Growing)

    listener = socket.create_server(("127.0.0.1", 0))
    site = ft.run(show, export_asgi_app=True, no_cdn=True)
    server = uvicorn.Server(uvicorn.Config(site, log_level="error", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, _PATIENCE_SECONDS)


@pytest.mark.parametrize("how", ["closed", "torn off"])
async def test_a_page_that_is_closed_while_it_is_drawn_is_let_go_of_without_a_word(how, tmp_path, caplog):
    let_go_of_closed_pages()
    pages: list[ft.Page] = []
    async with served(tmp_path, pages) as address:
        for _ in range(8):  # by chance one way or the other, and sometimes neither
            browser = await websockets.connect(address, max_size=None)
            await browser.send(_REGISTER)
            for _ in range(5):
                await asyncio.wait_for(browser.recv(), _PATIENCE_SECONDS)
            if how == "closed":
                await browser.close()
            else:
                browser.transport.abort()

        async with asyncio.timeout(_PATIENCE_SECONDS):
            while any(page.session.connection is not None for page in pages):
                await asyncio.sleep(0.01)
        assert len(pages) == 8
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
