"""Stories and the comments on them: lists and items by the official API, search by Algolia's.

Shapes: github.com/HackerNews/API (v0 item; `kids` are in ranked order) and hn.algolia.com/api.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.adapters.scrapers.addresses import place_of
from app.adapters.scrapers.html_text import to_markdown
from app.adapters.scrapers.rows import moment, pair
from app.domain.queries import Field, Query, WrongQueryError, is_on, number_in, text_in
from app.domain.scraping import Batch, Cursor, ScrapeError, Web
from trainer_image.rows import Row

ITEMS: Final = "https://hacker-news.firebaseio.com/v0"
SEARCH: Final = "https://hn.algolia.com/api/v1"
PAGE: Final = "https://news.ycombinator.com/item?id="
_FOUND_AT_ONCE: Final = 50
_MOST_FOUND: Final = 1000
"""Algolia shows no more of any search."""

_FIELDS: Final = (
    Field("list", "Stories", "Ask HN has questions; the others have links and what was said about them.",
          "choice", "ask", ("ask", "top", "best", "new", "show")),
    Field("query", "Words", "Search all stories of that kind for these words, instead of today's list."),
    Field("item", "One story", "Its address or number, instead of a list."),
    Field("answers", "Answers of a story", "How many of its best comments.", "number", 3, least=1, most=1000),
    Field("min_score", "Least points", "Of the story; comments have none.", "number", 0),
    Field("replies", "Also replies", "A comment and the best reply to it make a row too.", "flag", False),
)  # fmt: skip
_TAGS: Final = {"ask": "ask_hn", "show": "show_hn"}

Item = Mapping[str, Any]


class HackerNews:
    """Scraper."""

    kind = "hackernews"
    label = "Hacker News"
    about = (
        "A story and a comment on it. Hacker News names no licence: those who wrote a text keep their rights."
    )
    fields: Sequence[Field] = _FIELDS

    def __init__(self, items: str = ITEMS, search: str = SEARCH) -> None:
        self._items = items
        self._search = search

    def asks(self, query: Query) -> Sequence[str]:
        if text_in(query, "item") and text_in(query, "query"):
            raise WrongQueryError("Give one story or words to search for.", "One of the two, not both.")
        if item := text_in(query, "item"):
            _item_id(item)
        places = [place_of(self._items)]
        return [*places, place_of(self._search)] if text_in(query, "query") else places

    def title(self, query: Query) -> str:
        if item := text_in(query, "item"):
            return f"story {_item_id(item)}"
        return " ".join(
            filter(None, ["Ask HN" if _is_ask(query) else text_in(query, "list"), text_in(query, "query")])
        )

    def scrape(self, query: Query, cursor: Cursor, web: Web) -> Iterator[Batch]:
        asked = _Asked(web, self._items, self._search)
        state = dict(cursor) or {"queue": [], "page": 0, "done": False}
        while state["queue"] or not state["done"]:
            total = None
            if not state["queue"]:
                state, total = _next_stories(asked, query, state)
                if not state["queue"]:
                    yield Batch((), state, total=total, is_last=state["done"])
                    continue
            story, queue = state["queue"][0], state["queue"][1:]
            state = {**state, "queue": queue}
            rows, skipped = _rows(asked, query, story)
            is_last = state["done"] and not queue
            yield Batch(tuple(rows), state, seen=1, total=total, skipped=skipped, is_last=is_last)


class _Asked:
    def __init__(self, web: Web, items: str, search: str) -> None:
        self._web = web
        self._items = items
        self._search = search

    def listed(self, name: str) -> list[int]:
        return [int(number) for number in self._get(f"{self._items}/{name}stories.json", {})]

    def item(self, number: int) -> Item | None:
        """None for one that is gone."""
        found = self._get(f"{self._items}/item/{number}.json", {})
        return found if isinstance(found, Mapping) else None

    def found(self, words: str, tag: str, points: int, page: int) -> tuple[list[int], int, bool]:
        """The stories on a page of the search, how many there are in all, and whether it is the last page."""
        params = {"query": words, "tags": tag, "page": str(page), "hitsPerPage": str(_FOUND_AT_ONCE)}
        filters = f"num_comments>0,points>={points}"
        answer = self._get(f"{self._search}/search", {**params, "numericFilters": filters})
        numbers = [int(hit["objectID"]) for hit in answer["hits"]]
        return numbers, min(_MOST_FOUND, int(answer["nbHits"])), page + 1 >= int(answer["nbPages"])

    def _get(self, url: str, params: Mapping[str, str]) -> Any:
        status, found = self._web.get_json(url, params=params)
        if status != 200:
            raise ScrapeError(f"{place_of(url)} refused (code {status}).", "Resume later.")
        return found


def _next_stories(asked: _Asked, query: Query, state: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
    """The state with a queue of stories, and how many there are in all."""
    if item := text_in(query, "item"):
        return {"queue": [_item_id(item)], "page": 0, "done": True}, 1
    words = text_in(query, "query")
    if not words:
        numbers = asked.listed(text_in(query, "list"))
        return {"queue": numbers, "page": 0, "done": True}, len(numbers)
    tag = _TAGS.get(text_in(query, "list"), "story")
    page = int(state["page"])
    numbers, total, is_last = asked.found(words, tag, number_in(query, "min_score"), page)
    return {"queue": numbers, "page": page + 1, "done": is_last}, total


def _rows(asked: _Asked, query: Query, number: int) -> tuple[list[Row], Mapping[str, int]]:
    story = asked.item(number)
    if story is None or _is_gone(story):
        return [], {"deleted or dead": 1}
    if int(story.get("score") or 0) < number_in(query, "min_score"):
        return [], {f"points below {number_in(query, 'min_score')}": 1}
    rows: list[Row] = []
    skipped = Counter[str]()
    wanted = number_in(query, "answers")
    for comment in _comments(asked, story, skipped):
        row = _row(_asked_in(story), comment, story)
        if row is None:
            skipped["empty"] += 1
            continue
        rows.append(row)
        if is_on(query, "replies") and (reply := _reply(asked, comment, story)):
            rows.append(reply)
        if (wanted := wanted - 1) == 0:
            break
    return rows, dict(skipped)


def _comments(asked: _Asked, parent: Item, skipped: Counter[str]) -> Iterator[Item]:
    """Asked for one by one, as they are used."""
    for number in parent.get("kids", []):
        comment = asked.item(int(number))
        if comment is None or _is_gone(comment):
            skipped["deleted or dead"] += 1
        else:
            yield comment


def _reply(asked: _Asked, comment: Item, story: Item) -> Row | None:
    best = next(_comments(asked, comment, Counter()), None)
    return _row(to_markdown(str(comment.get("text", ""))), best, story) if best else None


def _row(question: str, comment: Item, story: Item) -> Row | None:
    return pair(
        question,
        to_markdown(str(comment.get("text", ""))),
        url=f"{PAGE}{comment['id']}",
        author=comment.get("by"),
        created=moment(comment.get("time")),
        question_url=f"{PAGE}{story['id']}",
        question_author=story.get("by"),
        question_score=story.get("score"),
    )


def _asked_in(story: Item) -> str:
    """Title, link and text; the prefix that only names the list is left out."""
    title = html.unescape(str(story.get("title", ""))).removeprefix("Ask HN: ")
    parts = [title, str(story.get("url") or ""), to_markdown(str(story.get("text") or ""))]
    return "\n\n".join(filter(None, parts))


def _is_gone(item: Item) -> bool:
    return bool(item.get("deleted") or item.get("dead"))


def _is_ask(query: Query) -> bool:
    return text_in(query, "list") == "ask"


def _item_id(item: str) -> int:
    """Raises WrongQueryError."""
    found = re.search(r"[?&]id=(\d{1,12})", item) or re.fullmatch(r"(\d{1,12})", item)
    if not found:
        raise WrongQueryError(f"'{item}' is no story.", "Give its address, with id= in it, or its number.")
    return int(found.group(1))
