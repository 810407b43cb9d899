"""A small site on loopback: pages with menus around a text, robots.txt, sitemaps, redirects, a picture."""

import gzip

from tests.emulators.server import Emulator, Reply, Request

PAGES = 6
LICENCE = "https://creativecommons.org/licenses/by/4.0/"
SENTENCE = "The harbour of {n} is deep and wide, and ships come in at every tide of the year. "


class Website(Emulator):
    """Page n links to page n+1 and n+2, to a picture, and to other hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.robots: str | None = None
        self.elsewhere = "https://elsewhere.example/"
        self.redirects: dict[str, str] = {}

    def page(self, n: int) -> str:
        return f"{self.url}/page/{n}"

    def answer(self, request: Request) -> Reply:
        if (target := self.redirects.get(request.path)) is not None:
            return Reply("", 302, {"Location": target})
        if request.path == "/robots.txt":
            return Reply("", 404) if self.robots is None else Reply(self.robots)
        if request.path == "/sitemap.xml":
            return _xml(_index([f"{self.url}/sitemap-a.xml.gz", f"{self.url}/sitemap-b.xml"]))
        if request.path == "/sitemap-a.xml.gz":
            pages = [self.page(n) for n in (0, 1, 2)]
            return Reply(gzip.compress(_urls(pages).encode()), headers={"Content-Type": "application/gzip"})
        if request.path == "/sitemap-b.xml":
            return _xml(_urls([self.page(3), self.elsewhere]))
        if request.path == "/picture.png":
            return Reply(b"\x89PNG", headers={"Content-Type": "image/png"})
        number = request.path.removeprefix("/page/")
        if number.isdigit() and int(number) < PAGES:
            return Reply(self._page(int(number)), headers={"Content-Type": "text/html; charset=utf-8"})
        return Reply("nothing here", 404)

    def _page(self, n: int) -> str:
        links = "".join(f'<li><a href="/page/{m}#top">Page {m}</a></li>' for m in (n + 1, n + 2))
        return f"""<!doctype html><html lang="en"><head><title>Harbour {n}</title>
<meta name="author" content="Ada Mole">
</head><body><nav><ul>{links}
<li><a href="/picture.png">Picture</a></li>
<li><a href="{self.elsewhere}">Elsewhere</a></li>
<li><a rel="nofollow" href="/page/5">Login</a></li></ul></nav>
<main><article><h1>Harbour {n}</h1>
<p>{SENTENCE.format(n=n) * 4}</p>
<p>{SENTENCE.format(n=-n) * 4}</p></article></main>
<footer>Menus and imprint. <a rel="license" href="{LICENCE}">CC BY 4.0</a></footer>
</body></html>"""


def _xml(text: str) -> Reply:
    return Reply(text, headers={"Content-Type": "application/xml"})


def _index(addresses: list[str]) -> str:
    entries = "".join(f"<sitemap><loc>{a}</loc></sitemap>" for a in addresses)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</sitemapindex>'


def _urls(addresses: list[str]) -> str:
    entries = "".join(f"<url><loc>{a}</loc><lastmod>2024-01-01</lastmod></url>" for a in addresses)
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{head}<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
