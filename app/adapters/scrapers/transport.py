"""One HTTP request: to the address that was looked at, limited in size and time; what went wrong in words."""

import asyncio
import ssl
from collections.abc import Collection, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from app.adapters.scrapers.addresses import look_up, place_of, refuse_by_name
from app.adapters.scrapers.patience import PassingError
from app.adapters.scrapers.robots import PROGRAM
from app.domain.scraping import BrokenAnswerError, ScrapeError, WebAnswer

if TYPE_CHECKING:
    import httpx

_CONNECT_SECONDS: Final = 10.0
_TIMES_WHOLE: Final = 4
"""A whole answer may take so many times as long as the silence before a piece of it."""


def user_agent() -> str:
    """Who asks: the program, and what for."""
    return (
        f"{PROGRAM}/{version('tunewright')} (desktop app; a person collects text to fine-tune a language"
        " model; obeys robots.txt and Retry-After)"
    )


class Transport:
    """Keeps the connection to the last host open; asks are one after the other."""

    def __init__(self, named: Collection[str], *, proxy: str, most_bytes: int, answer_seconds: float) -> None:
        self._named = frozenset(named)
        self._proxy = proxy
        self._most_bytes = most_bytes
        self._answer_seconds = answer_seconds
        self._client: httpx.AsyncClient | None = None
        self._client_of = ""
        self._certificates: ssl.SSLContext | None = None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client, self._client_of = None, ""

    async def send(
        self, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> WebAnswer:
        """Redirects are not followed. Raises PassingError, BrokenAnswerError."""
        proxy = self._proxy_for(url)
        if proxy:
            refuse_by_name(url, self._named)
            return await self._attempt(url, "", params, headers, proxy)
        *others, last = await look_up(url, self._named)
        for address in others:
            try:
                return await self._attempt(url, address, params, headers, "")
            except PassingError as error:
                if not error.is_connection:
                    raise
        return await self._attempt(url, last, params, headers, "")

    def _proxy_for(self, url: str) -> str:
        """The setting's, else the environment's for that host."""
        if self._proxy:
            return self._proxy
        parts = urlsplit(url)
        proxy = getproxies().get(parts.scheme, "")
        return "" if not proxy or proxy_bypass(parts.netloc) else proxy

    async def _attempt(
        self,
        url: str,
        address: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        proxy: str,
    ) -> WebAnswer:
        """To `address`, or by name where it is empty."""
        import httpx  # noqa: PLC0415

        client = await self._client_for(url, proxy)
        wanted = httpx.URL(url, params={**httpx.URL(url).params, **params} if params else None)
        sent = {**(headers or {}), "Host": place_of(url)}
        host = urlsplit(url).hostname or ""
        target = wanted.copy_with(host=address) if address else wanted
        try:
            request = client.stream("GET", target, headers=sent, extensions={"sni_hostname": host})
            async with asyncio.timeout(self._answer_seconds * _TIMES_WHOLE), request as response:
                body = await self._body(response, place_of(url))
                names = {name.lower(): value for name, value in response.headers.items()}
                return WebAnswer(str(wanted), response.status_code, names, body)
        except httpx.ProxyError as error:
            raise ScrapeError(f"The proxy refused: {error}.", "Check the proxy in Settings.") from error
        except httpx.InvalidURL as error:  # httpx reads where a redirect leads, followed or not
            raise BrokenAnswerError(
                f"{place_of(url)} leads to something that is no address of the web.", "Give another address."
            ) from error
        except httpx.ConnectError as error:
            raise PassingError(_connecting(error), is_connection=True) from error
        except httpx.ConnectTimeout as error:
            raise PassingError("does not answer", is_connection=True) from error
        except httpx.TimeoutException as error:
            raise PassingError(f"sent nothing for {self._answer_seconds:g} s") from error
        except TimeoutError as error:
            raise PassingError("sends too slowly") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise PassingError("broke the connection off") from error

    async def _body(self, response: "httpx.Response", place: str) -> bytes:
        pieces, length = [], 0
        async for piece in response.aiter_bytes():
            pieces.append(piece)
            if (length := length + len(piece)) > self._most_bytes:
                raise BrokenAnswerError(
                    f"{place} sent more than {self._most_bytes / 1024**2:.0f} MB for one address.",
                    "Choose smaller pages.",
                )
        return b"".join(pieces)

    async def _client_for(self, url: str, proxy: str) -> "httpx.AsyncClient":
        import httpx  # noqa: PLC0415

        scheme = urlsplit(url).scheme
        place = f"{scheme}://{place_of(url)}"
        if self._client is not None and self._client_of == place:
            return self._client
        await self.close()
        if scheme == "https" and self._certificates is None:
            self._certificates = httpx.create_ssl_context()
        limits = httpx.Timeout(self._answer_seconds, connect=_CONNECT_SECONDS)
        try:
            self._client = httpx.AsyncClient(
                timeout=limits,
                proxy=proxy or None,
                trust_env=False,
                verify=self._certificates or _trusting_nobody(),
                headers={"User-Agent": user_agent()},
            )
        except (ValueError, ImportError) as error:
            raise ScrapeError(
                f"The proxy {proxy} cannot be used.", "Give one like http://host:3128 in Settings."
            ) from error
        self._client_of = place
        return self._client


def _trusting_nobody() -> ssl.SSLContext:
    """For plain HTTP: the real certificates take a tenth of a second to read."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _connecting(error: Exception) -> str:
    """A certificate that is wrong is not a network that is gone."""
    if "CERTIFICATE" in str(error):
        return "shows a certificate that cannot be trusted"
    return "refuses connections"
