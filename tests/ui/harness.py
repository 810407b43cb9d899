"""Mount a Flet component without a window, click on it, and read what it shows.

Real Flet rendering, diffing and event dispatch, and messages are really encoded (which finds properties
that cannot be sent); only the Flutter client at the other end is played by this file. A session crash
fails the test. The single file that touches Flet internals: if an upgrade breaks UI tests, look here first.
"""

import asyncio
import dataclasses
import inspect
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import flet as ft
import msgpack
from flet.controls.base_control import BaseControl
from flet.controls.context import _context_page, context
from flet.messaging.connection import Connection
from flet.messaging.protocol import (
    Message,
    MessageAction,
    RegisterClientResponseBody,
    configure_encode_object_for_msgpack,
    decode_ext_from_msgpack,
)
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub

PATIENCE_SECONDS = 10.0
CLICKABLE = (
    ft.Button,
    ft.OutlinedButton,
    ft.TextButton,
    ft.IconButton,
    ft.MenuItemButton,
    ft.PopupMenuItem,
    ft.ListTile,
)


class ClientStandIn(Connection):
    """The other end of the wire: keeps what was sent, and answers calls of client-side methods.

    `answers` maps a method ("pick_files", "set") to a function of its arguments and, if it takes a second
    one, of the control's id.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.executor = ThreadPoolExecutor(4)
        self.pubsubhub = PubSubHub(loop=self.loop, executor=self.executor)
        self.page_url = "test://"
        self.answers: dict[str, Callable[..., Any]] = {}
        self.calls: list[tuple[str, dict]] = []
        self.crashes: list[str] = []
        self.session: Session | None = None

    def send_message(self, message: Message) -> None:
        raw = msgpack.packb(
            [message.action, message.body], default=configure_encode_object_for_msgpack(BaseControl)
        )
        _, body = msgpack.unpackb(raw, ext_hook=decode_ext_from_msgpack, strict_map_key=False)
        if message.action is MessageAction.SESSION_CRASHED:
            self.crashes.append(body["message"])
        elif message.action is MessageAction.INVOKE_METHOD:
            self._answer(body)

    def get_upload_url(self, file_name: str, expires: int) -> str:
        return f"/upload/{file_name}"

    def _answer(self, call: dict) -> None:
        arguments = call.get("args") or {}
        self.calls.append((call["name"], arguments))
        respond = self.answers.get(call["name"], _nothing)
        wants_control = len(inspect.signature(respond).parameters) > 1
        answer = respond(arguments, call["control_id"]) if wants_control else respond(arguments)
        self.loop.call_soon(
            self.session.handle_invoke_method_results, call["control_id"], call["call_id"], answer, None
        )
        if call["name"] == "focus":  # what is drawn tells that it has it
            self.loop.create_task(self.session.dispatch_event(call["control_id"], "focus", None))


class Screen:
    """A mounted component, seen as a person sees it: what is invisible is not there."""

    def __init__(self, session: Session, client: ClientStandIn) -> None:
        self._session = session
        self.client = client
        self.page = session.page
        self._started: set[asyncio.Task] = set()

    def controls(self, kind: type = BaseControl) -> Iterator[Any]:
        """Every control of this kind now on the screen, dialogs included, depth first."""
        seen: set[int] = set()
        for root in (self.page.views, self.page._dialogs):
            yield from (c for c in _walk(root, seen) if isinstance(c, kind))

    def texts(self) -> list[str]:
        """Everything that can be read, in order; spans are part of their text."""
        return [text for c in self.controls(ft.Text) if (text := _text_of(c))]

    def text(self) -> str:
        return "\n".join(self.texts())

    def find(self, kind: type, label: str) -> Any:
        """The one control of this type with this label; the failure lists the labels there are."""
        found = [(_label(control), control) for control in self.controls(kind)]
        matches = [control for its_label, control in found if its_label == label]
        assert len(matches) == 1, f"{len(matches)} x {label!r} among {[its for its, _ in found]}"
        return matches[0]

    def identified(self, identifier: str) -> list[str]:
        """The texts inside the piece of screen with this identifier; empty if it is not there."""
        found = [s for s in self.controls(ft.Semantics) if s.identifier == identifier]
        return [
            text for s in found for c in _walk(s, set()) if isinstance(c, ft.Text) and (text := _text_of(c))
        ]

    def button(self, label: str) -> Any:
        """The one thing to click with this text or, for icons, this tooltip."""
        return self.find(CLICKABLE, label)

    async def _ready(self, kind: type, label: str) -> Any:
        """The one enabled control with this label, once there is one."""
        try:
            return await self.wait_for(lambda: self._usable(kind, label))
        except AssertionError as error:
            control = self.find(kind, label)  # says which labels there are instead
            raise AssertionError(f"{label!r} stays disabled: {control.disabled}") from error

    def _usable(self, kind: type, label: str) -> Any:
        found = [c for c in self.controls(kind) if _label(c) == label]
        return found[0] if len(found) == 1 and not getattr(found[0], "disabled", False) else None

    def has_button(self, label: str) -> bool:
        return any(_label(control) == label for control in self.controls(CLICKABLE))

    async def click(self, target: str | BaseControl) -> None:
        """Click what has this name, as soon as it is there and enabled."""
        button = await self._ready(CLICKABLE, target) if isinstance(target, str) else target
        await self.fire(button, "click")

    def start(self, doing: Coroutine) -> None:
        """Begin something that takes a while ("an import") and go on: Flet too runs each event on its own."""
        task = asyncio.create_task(doing)
        self._started.add(task)

    async def type(self, label: str, text: str) -> None:
        """Replace what is in the text field with this label."""
        await self.set_value(await self._ready(ft.TextField, label), text)

    async def choose(self, label: str, key: str) -> None:
        """Select an option of a dropdown by its key, as soon as it is offered."""

        def offering() -> Any:
            field = self._usable(ft.Dropdown, label)
            return field if field is not None and any(o.key == key for o in field.options) else None

        await self.set_value(await self.wait_for(offering), key, event="select")

    async def choose_at_once(self, choices: dict[str, str]) -> None:
        """Keys by label, all chosen before the window draws what the first one changed: as under load."""
        fields = {self.find(ft.Dropdown, label): key for label, key in choices.items()}
        for field, key in fields.items():
            self._session.apply_patch(field._i, {"value": key})
        await asyncio.gather(
            *(self._session.dispatch_event(field._i, "select", key) for field, key in fields.items())
        )
        await self.settle()

    def put_in(self, control: BaseControl, value: Any) -> None:
        """What is in it at the client, while the event of that is still on its way."""
        self._session.apply_patch(control._i, {"value": value})

    async def set_value(self, control: BaseControl, value: Any, *, event: str = "change") -> None:
        """What the client does: first the property, then the event."""
        self.put_in(control, value)
        await self.fire(control, event, value)

    async def fire(self, control: BaseControl, event: str, data: Any = None) -> None:
        """Send an event of a control as the client would. A disabled control sends none: that fails."""
        assert not getattr(control, "disabled", False), f"{_label(control)!r} is disabled"
        assert getattr(control, f"on_{event}", None) is not None, f"{control} has no on_{event}"
        # A task of its own, as in Flet: the page it binds must not leak into the test's context.
        await asyncio.create_task(self._session.dispatch_event(control._i, event, data))
        await self.settle()

    async def resize(self, width: int, height: int = 800) -> None:
        self._session.apply_page_patch({"width": width, "height": height})
        await self.fire(self.page, "resize", {"width": width, "height": height})

    async def press(self, key: str, *, ctrl: bool = False) -> None:
        data = {"key": key, "shift": False, "ctrl": ctrl, "alt": False, "meta": False}
        await self.fire(self.page, "keyboard_event", data)

    async def settle(self) -> None:
        """Until everything that was to be drawn is drawn. What comes from a thread is for `wait_for`."""
        quiet = 0  # rounds of the event loop; an effect that was just started needs some to ask for a redraw
        end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while quiet < 10:
            self._assert_it_still_draws()
            assert asyncio.get_running_loop().time() < end, f"it draws without end: {self._under_way()}"
            await asyncio.sleep(0)
            quiet = 0 if self._is_drawing() else quiet + 1
        for task in [task for task in self._started if task.done()]:
            self._started.discard(task)
            task.result()
        self._assert_it_still_draws()

    def _assert_it_still_draws(self) -> None:
        """What fails in a component's own drawing ends Flet's drawing for good, and tells nobody."""
        assert not self.client.crashes, self.client.crashes[0]
        drawing = self._session._Session__updates_task
        if drawing is not None and drawing.done() and not drawing.cancelled() and drawing.exception():
            raise AssertionError("the window draws no more") from drawing.exception()

    def _under_way(self) -> list[str]:
        session = self._session
        return [
            repr(getattr(waiting, "fn", waiting))[:200]
            for waiting in (*session._Session__pending_updates, *session._Session__pending_effects)
        ]

    def _is_drawing(self) -> bool:
        session = self._session
        return bool(session._Session__pending_updates or session._Session__pending_effects)

    async def wait_for(self, condition: Callable[[], Any]) -> Any:
        """Until `condition` holds; the failure says what is on the screen instead."""
        end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not (value := condition()):
            assert asyncio.get_running_loop().time() < end, f"waited in vain; on screen: {self.texts()}"
            await asyncio.sleep(0.01)
            await self.settle()
        return value

    async def wait_for_text(self, part: str) -> None:
        """Until some text on the screen contains `part`."""
        await self.wait_for(lambda: part in self.text())


@asynccontextmanager
async def mounted(component, *args, width: int = 1200, height: int = 800, web: bool = False, **kwargs):
    """Show one component on a page of its own."""
    async with opened(
        lambda page: page.render(component, *args, **kwargs), width=width, height=height, web=web
    ) as screen:
        yield screen


@asynccontextmanager
async def opened(main, *, width: int = 1200, height: int = 800, web: bool = False):
    """Open a page with an app's own `main(page)`, sync or async."""
    client = ClientStandIn()
    session = client.session = Session(client)
    token = _context_page.set(session.page)
    session.apply_page_patch(
        {
            "platform": "linux",
            "width": width,
            "height": height,
            "route": "/",
            "web": web,
            "platform_brightness": "light",
        }
    )
    # Encoding the first patch is what makes Flet remember what the client knows.
    patch = session.get_page_patch()
    body = RegisterClientResponseBody(session_id=session.id, page_patch=patch, error="")
    client.send_message(Message(MessageAction.REGISTER_CLIENT, body))
    context.reset_auto_update()
    screen = Screen(session, client)
    try:
        result = main(session.page)
        if asyncio.iscoroutine(result):
            await result
        await session.after_event(session.page)
        await screen.settle()
        yield screen
        await screen.settle()
    finally:
        session.close()
        await asyncio.sleep(0)
        client.executor.shutdown(wait=False)
        _context_page.reset(token)


def _nothing(_: dict) -> None:
    return None


def _label(control: BaseControl) -> str | None:
    """What a person calls a control: its label, its text, its tooltip."""
    for name in ("label", "content", "title", "tooltip"):
        value = getattr(control, name, None)
        value = _text_of(value) if isinstance(value, ft.Text) else value
        if isinstance(value, str) and value:
            return value
    return None


def _text_of(text: ft.Text) -> str:
    return (text.value or "") + "".join(span.text or "" for span in text.spans or [])


def _walk(node: Any, seen: set[int]) -> Iterator[BaseControl]:
    if isinstance(node, list | tuple):
        for child in node:
            yield from _walk(child, seen)
    elif isinstance(node, dict):
        yield from _walk(list(node.values()), seen)
    elif isinstance(node, BaseControl):
        if id(node) in seen or not getattr(node, "visible", True) or getattr(node, "open", True) is False:
            return
        seen.add(id(node))
        yield node
        names = [
            f.name for f in dataclasses.fields(node) if not f.metadata.get("skip") and f.name != "_parent"
        ]
        for name in [*names, "_b"]:  # `_b` is what a component rendered
            yield from _walk(getattr(node, name, None), seen)
