"""Which computer an address leads to, and whether a program may ask it.

What a page links or redirects to must never reach this computer or its network (server-side request forgery):
names are looked up here, private addresses are refused unless the person named that host, and the connection
goes to the very address that was looked at, so that a second look-up cannot give another one.
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from app.adapters.scrapers.patience import PassingError
from app.domain.scraping import BrokenAnswerError

_USUAL_PORTS: Final = {"http": 80, "https": 443}
_LOCAL_NAMES: Final = (".localhost", ".local", ".internal", ".lan", ".home", ".home.arpa")
LOOK_UP_SECONDS: Final = 15.0
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def place_of(url: str) -> str:
    """The host, with its port if it is not the usual one: "localhost:8000". Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in _USUAL_PORTS or not parts.hostname:
        raise ValueError(f"no address of the web: {url!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port or _USUAL_PORTS[parts.scheme]
    return host if port == _USUAL_PORTS[parts.scheme] else f"{host}:{port}"


def port_of(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or _USUAL_PORTS[parts.scheme]


async def look_up(url: str, named: Collection[str]) -> list[str]:
    """The IP addresses of the host, IPv4 first. Raises PassingError, and BrokenAnswerError for a private one
    that is not among the places the person `named`."""
    host = urlsplit(url).hostname or ""
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            addresses = await _resolved(host, port_of(url))
    except TimeoutError as error:
        raise PassingError(
            "cannot be looked up: the name server does not answer", is_connection=True
        ) from error
    except (OSError, UnicodeError) as error:
        raise PassingError("is a name that cannot be found", is_connection=True) from error
    if place_of(url) not in named:
        refuse_private(host, addresses)
    return sorted(addresses, key=lambda address: ":" in address)


async def _resolved(host: str, port: int) -> list[str]:
    """On a daemon thread: a name server that never answers must keep neither a cancel nor the end of the
    program waiting, as a thread of an executor would."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: Exception | None) -> None:
        if found.done():
            return
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(error)

    def ask() -> None:
        addresses: list[str] = []
        problem: Exception | None = None
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except (OSError, UnicodeError) as error:
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, addresses, problem)

    threading.Thread(target=ask, name=f"look-up-{host}", daemon=True).start()
    return await found


def refuse_by_name(url: str, named: Collection[str]) -> None:
    """For a request through a proxy, which looks names up itself: raises BrokenAnswerError for a private
    address, and for a name that means this computer or its network."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if place_of(url) in named:
        return
    try:
        refuse_private(host, [host])
    except ValueError:  # a name
        is_local = "." not in host or host.endswith(_LOCAL_NAMES)
        refuse_private(host, ["127.0.0.1"] if is_local else [])


def refuse_private(host: str, addresses: Collection[str]) -> None:
    """Raises BrokenAnswerError if any of them is not on the public internet."""
    if any(not is_public(ipaddress.ip_address(address.partition("%")[0])) for address in addresses):
        raise BrokenAnswerError(
            f"{host} is on this computer or in its own network, and was not asked for by name.",
            "Give its address yourself if that is meant.",
        )


def is_public(address: Address) -> bool:
    """Also for an IPv4 address inside an IPv6 one, by any of the ways there are."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast
