"""Pages of the web as documents: a list of addresses, a sitemap, or a crawl of one host. Obeys robots.txt."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final
from urllib.parse import urlsplit

from app.adapters.scrapers.addresses import place_of
from app.adapters.scrapers.page_text import links_of, passages, read_page
from app.adapters.scrapers.rows import document
from app.adapters.scrapers.sitemaps import pages_of
from app.domain.queries import Field, Query, WrongQueryError, is_on, lines_in, number_in, text_in
from app.domain.scraping import (
    Batch,
    BrokenAnswerError,
    Cursor,
    ForbiddenByRobotsError,
    UnreachableError,
    Web,
    WebAnswer,
)
from trainer_image.rows import Row

_UNREACHABLE_IN_A_ROW: Final = 3
"""So many hosts in a row: it is the network that is gone, and no host is given up for it."""
_LARGEST_PAGE_BYTES: Final = 5 * 1024**2
"""To read one takes the better part of a second, in which no cancel is heard."""
_SHORTEST_PASSAGE: Final = 80
"""A shorter text is a caption or an error message."""

_FIELDS: Final = (
    Field("urls", "Addresses", "One a line, like https://example.org/guide.", "lines", (), is_required=True),
    Field("sitemap", "They are sitemaps", "Or sites that have one: all pages listed there.", "flag", False),
    Field("crawl_depth", "Follow links", "How far from each address, on its own host; 0 follows none.",
          "number", 0, most=10),
    Field("crawl_prefix", "Only links that begin with", "With links: leave the rest of the host out."),
    Field("pages", "Most pages", "No more are asked for.", "number", 200, least=1, most=5000),
    Field("passage", "Longest passage", "In characters; a page becomes as many rows as it takes.",
          "number", 2000, least=200, most=100_000),
)  # fmt: skip


@dataclass
class _State:
    """What is still to be done, each address with its distance from the start; the cursor is this as JSON."""

    queue: list[tuple[str, int]] = field(default_factory=list)
    later: list[tuple[str, int]] = field(default_factory=list)
    """Their hosts could not be reached; tried once more at the end."""
    known: list[str] = field(default_factory=list)
    """Everything a crawl ever queued."""
    taken: int = 0


class WebPages:
    """Scraper."""

    kind = "web"
    label = "Web pages"
    about = (
        "The main text of pages, as documents. Whether a text may be used is for its owner to say: each row"
        " keeps its address, and the licence if the page names one."
    )
    fields: Sequence[Field] = _FIELDS

    def asks(self, query: Query) -> Sequence[str]:
        return tuple(dict.fromkeys(_place(url) for url in lines_in(query, "urls")))

    def title(self, query: Query) -> str:
        first, *others = lines_in(query, "urls")
        parts = urlsplit(first)
        name = f"{parts.netloc}{parts.path}".rstrip("/")
        return f"{name} and {len(others)} more" if others else name

    def scrape(self, query: Query, cursor: Cursor, web: Web) -> Iterator[Batch]:
        if cursor:
            state = _State(**cursor)
        else:
            state = _first_state(query, web)
            yield _batch(state, seen=0)
        unreachable = 0
        while state.queue or state.later:
            is_second_try = not state.queue
            url, depth = (state.later if is_second_try else state.queue).pop(0)
            try:
                rows, reason = _take(state, url, depth, query, web)
                unreachable = 0
            except UnreachableError as error:
                unreachable += 1
                if unreachable >= _UNREACHABLE_IN_A_ROW or len(self.asks(query)) == 1:
                    raise
                if not is_second_try:
                    state.later.append((url, depth))
                    continue
                rows, reason = [], error.message.rstrip(".")
            state.taken += 1
            yield _batch(state, rows=rows, seen=1, reason=reason)


def _first_state(query: Query, web: Web) -> _State:
    most, urls = number_in(query, "pages"), lines_in(query, "urls")
    if not is_on(query, "sitemap"):
        return _State([(url, 0) for url in dict.fromkeys(urls)][:most], known=list(dict.fromkeys(urls)))
    found: dict[str, None] = {}
    for url in urls:
        places = {_without_www(_place(url))}
        for page in pages_of(url, web, most):
            if _is_address(page) and _without_www(_place(page)) in places:
                found.setdefault(page)
    pages = list(found)[:most]
    return _State([(page, 0) for page in pages], known=pages if _is_crawl(query) else [])


def _take(state: _State, url: str, depth: int, query: Query, web: Web) -> tuple[list[Row], str]:
    """The page's rows, or why there are none; its links are queued. Raises UnreachableError."""
    try:
        answer = web.get(url, obeys_robots=True)
    except ForbiddenByRobotsError:
        return [], "robots.txt asks programs to stay away"
    except BrokenAnswerError as error:
        return [], error.message.rstrip(".")
    if answer.status != 200:
        return [], f"the site answered with code {answer.status}"
    if _is_crawl(query) and _place(answer.url) != _place(url):
        return [], "led to another host"
    _follow(state, answer, depth, query)
    return _read(answer, query)


def _read(answer: WebAnswer, query: Query) -> tuple[list[Row], str]:
    if len(answer.body) > _LARGEST_PAGE_BYTES:
        return [], "larger than a page (5 MB)"
    page = read_page(answer)
    if page is None or len(page.text) < _SHORTEST_PASSAGE:
        return [], "no text of its own"
    texts = list(passages(page.text, number_in(query, "passage")))
    rows = [
        document(
            text,
            url=answer.url,
            title=page.title,
            author=page.author,
            license=page.license,
            created=page.date,
            passage=number if len(texts) > 1 else None,
        )
        for number, text in enumerate(texts, start=1)
    ]
    return rows, ""


def _follow(state: _State, answer: WebAnswer, depth: int, query: Query) -> None:
    """Queue what the page links to on its own host, as far and as much as was asked for."""
    if depth >= number_in(query, "crawl_depth"):
        return
    known, prefix, place = set(state.known), text_in(query, "crawl_prefix"), _place(answer.url)
    room = number_in(query, "pages") - len(known)
    new = [
        url
        for url in links_of(answer)
        if url not in known and _is_address(url) and _place(url) == place and url.startswith(prefix)
    ][: max(0, room)]
    state.queue += [(url, depth + 1) for url in new]
    state.known += new


def _batch(state: _State, *, rows: Sequence[Row] = (), seen: int, reason: str = "") -> Batch:
    left = len(state.queue) + len(state.later)
    skipped = {reason: 1} if reason else {}
    return Batch(tuple(rows), asdict(state), seen, state.taken + left, skipped, is_last=left == 0)


def _is_crawl(query: Query) -> bool:
    return number_in(query, "crawl_depth") > 0


def _is_address(url: str) -> bool:
    try:
        place_of(url)
    except ValueError:
        return False
    return True


def _place(url: str) -> str:
    """Raises WrongQueryError for what is no address of the web."""
    try:
        if "@" in urlsplit(url).netloc:
            raise WrongQueryError(
                f"The address of {urlsplit(url).hostname} holds a name or a password.", "Leave it out."
            )
        return place_of(url)
    except ValueError as error:
        raise WrongQueryError(f"'{url}' is no address of the web.", "It begins with https://") from error


def _without_www(place: str) -> str:
    return place.removeprefix("www.")
