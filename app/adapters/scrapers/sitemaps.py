"""Addresses out of sitemaps (sitemaps.org): an index, a list of pages, plain text; also gzipped."""

import zlib
from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin

from app.adapters.scrapers.robots import Robots
from app.domain.scraping import BrokenAnswerError, Web

MOST_FILES: Final = 50
_DEEPEST: Final = 3
_MOST_BYTES: Final = 50 * 1024 * 1024
"""The protocol's own limit, unpacked."""


def pages_of(address: str, web: Web, most: int) -> list[str]:
    """At most `most` addresses of pages, in order, once each. For an address that is no sitemap itself the
    site's robots.txt is asked where they are. Raises ScrapeError."""
    found: dict[str, None] = {}
    for url in _walk(_sitemaps_at(address, web), web):
        found.setdefault(url)
        if len(found) >= most:
            break
    return list(found)


def _sitemaps_at(address: str, web: Web) -> list[str]:
    if address.lower().endswith((".xml", ".xml.gz", ".txt")):
        return [address]
    robots = Robots(web.get(urljoin(address, "/robots.txt")))
    return robots.sitemaps or [urljoin(address, "/sitemap.xml")]


def _walk(first: list[str], web: Web) -> Iterator[str]:
    """Depth first, so that the order is that of the files."""
    waiting = [(url, 0) for url in reversed(first)]
    known = set(first)
    while waiting and len(known) <= MOST_FILES:
        url, depth = waiting.pop()
        answer = web.get(url, obeys_robots=True)
        if answer.status != 200:
            raise BrokenAnswerError(
                f"There is no sitemap at {url} (code {answer.status}).",
                "Give the address of the sitemap itself.",
            )
        pages, nested = _read(_unpacked(answer.body, url), answer.url)
        yield from pages
        new = [inner for inner in nested if depth < _DEEPEST and inner not in known]
        known.update(new)
        waiting += [(inner, depth + 1) for inner in reversed(new)]


def _unpacked(body: bytes, url: str) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    try:
        packed = zlib.decompressobj(wbits=31)
        text = packed.decompress(body, _MOST_BYTES)
    except zlib.error as error:
        raise BrokenAnswerError(f"The sitemap {url} is not whole.", "Try again later.") from error
    if packed.unconsumed_tail:
        raise BrokenAnswerError(f"The sitemap {url} is larger than 50 MB.", "Give one of its parts.")
    return text


def _read(text: bytes, url: str) -> tuple[list[str], list[str]]:
    """Its pages, and further sitemaps."""
    if not text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        lines = text.decode("utf-8", "replace").splitlines()
        return [line.strip() for line in lines if line.strip().startswith(("http://", "https://"))], []
    from lxml import etree  # noqa: PLC0415

    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    root = etree.fromstring(text, parser)
    if root is None or etree.QName(root).localname not in ("urlset", "sitemapindex"):
        raise BrokenAnswerError(f"{url} is no sitemap.", "Give the address of the sitemap itself.")
    places = [urljoin(url, (place.text or "").strip()) for place in root.iterfind("{*}*/{*}loc")]
    return ([], places) if etree.QName(root).localname == "sitemapindex" else (places, [])
