"""Posts and the comments on them, from Reddit's JSON listings.

Shapes: the reddit wiki's page JSON (Listing, t1, t3, more) and reddit.com/dev/api (morechildren). Without a
token the public addresses are asked, which Reddit may refuse; with one (REDDIT_ACCESS_TOKEN) its OAuth host.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.adapters.scrapers.addresses import place_of
from app.adapters.scrapers.rows import moment, pair
from app.domain.queries import Field, Query, WrongQueryError, is_on, number_in, text_in
from app.domain.scraping import Batch, Cursor, ScrapeError, Web
from trainer_image.rows import Row

SITE: Final = "https://www.reddit.com"
OAUTH_SITE: Final = "https://oauth.reddit.com"
TOKEN_VARIABLE: Final = "REDDIT_ACCESS_TOKEN"  # noqa: S105 - its name
_MORE_AT_ONCE: Final = 100
_GONE: Final = ("[deleted]", "[removed]", "[ Removed by Reddit ]")
_MACHINE: Final = "AutoModerator"

_FIELDS: Final = (
    Field("subreddit", "Subreddit", "Its name, like AskHistorians; or give a post instead."),
    Field("post", "Post", "The address of one post, instead of a subreddit."),
    Field(
        "sort", "Order", "Which posts come first.", "choice", "top", ("top", "hot", "new", "controversial")
    ),
    Field(
        "period", "Of", "With top and controversial: the best of which time.", "choice", "all",
        ("all", "year", "month", "week", "day"),
    ),
    Field("answers", "Answers of a post", "How many of its best comments.", "number", 3, least=1, most=1000),
    Field("min_score", "Least score", "Of the comment.", "number", 1, least=-1000),
    Field("replies", "Also replies", "A comment and the best reply to it make a row too.", "flag", False),
)  # fmt: skip

Thing = Mapping[str, Any]
"""The `data` of a thing, with its `kind`."""


class Reddit:
    """Scraper."""

    kind = "reddit"
    label = "Reddit"
    about = (
        "A post and a comment on it. Reddit names no licence: its Data API Terms ask for the permission of"
        " those who wrote a text before a model is trained on it."
    )
    fields: Sequence[Field] = _FIELDS

    def __init__(self, site: str | None = None, token: str | None = None) -> None:
        self._token = os.environ.get(TOKEN_VARIABLE, "").strip() if token is None else token
        self._site = site or (OAUTH_SITE if self._token else SITE)

    def asks(self, query: Query) -> Sequence[str]:
        subreddit, post = text_in(query, "subreddit"), text_in(query, "post")
        if bool(subreddit) == bool(post):
            raise WrongQueryError("Give a subreddit or a post.", "One of the two, not both.")
        if subreddit and not re.fullmatch(r"(?:/?r/)?\w{2,30}/?", subreddit):
            raise WrongQueryError(f"'{subreddit}' is no name of a subreddit.", "Give one like AskHistorians.")
        if post:
            _post_id(post)
        return (place_of(self._site),)

    def title(self, query: Query) -> str:
        if post := text_in(query, "post"):
            return f"post {_post_id(post)}"
        return f"r/{_name(query)} {text_in(query, 'sort')}"

    def scrape(self, query: Query, cursor: Cursor, web: Web) -> Iterator[Batch]:
        asked = _Asked(web, self._site, self._token)
        if post := text_in(query, "post"):
            if not cursor.get("done"):
                yield _batch(asked, query, _post_id(post), {"done": True})
            return
        queue, after, done = list(cursor.get("queue", [])), cursor.get("after"), cursor.get("done", False)
        while queue or not done:
            if not queue:
                queue, after = asked.posts(
                    _name(query), text_in(query, "sort"), text_in(query, "period"), after
                )
                done = after is None
                if not queue:
                    yield Batch((), {"queue": [], "after": after, "done": done}, is_last=done)
                    continue
            post, queue = queue[0], queue[1:]
            yield _batch(asked, query, post, {"queue": queue, "after": after, "done": done})


class _Asked:
    """Reddit's addresses, and what it says instead of an answer."""

    def __init__(self, web: Web, site: str, token: str) -> None:
        self._web = web
        self._site = site
        self._headers = {"Authorization": f"bearer {token}"} if token else {}

    def posts(
        self, subreddit: str, sort: str, period: str, after: str | None
    ) -> tuple[list[str], str | None]:
        """The ids of a page of posts that were answered, and where the next page begins."""
        params = {"limit": "100", "t": period} | ({"after": after} if after else {})
        listing = self._get(f"/r/{subreddit}/{sort}.json", params)
        posts = [thing for thing in _children(listing) if thing["kind"] == "t3"]
        if not posts and not after:
            raise ScrapeError(f"There is no subreddit '{subreddit}', or it is empty.", "Check its name.")
        return [str(post["id"]) for post in posts if post.get("num_comments")], listing["data"].get("after")

    def thread(self, post: str) -> tuple[Thing, list[Thing]]:
        """The post, and the things at the top of the comments on it."""
        found = self._get(f"/comments/{post}.json", {"sort": "top", "limit": "200", "depth": "2"})
        if not (isinstance(found, list) and len(found) == 2):
            raise ScrapeError(f"Reddit sent no thread for the post {post}.", "Check its address.")
        [head, *_] = _children(found[0])
        return head, _children(found[1])

    def more(self, post: str, ids: Sequence[str]) -> list[Thing]:
        """What stands behind "load more comments"."""
        params = {"api_type": "json", "link_id": f"t3_{post}", "children": ",".join(ids), "sort": "top"}
        found = self._get("/api/morechildren.json", params)
        return [{**thing["data"], "kind": thing["kind"]} for thing in found["json"]["data"]["things"]]

    def _get(self, path: str, params: Mapping[str, str]) -> Any:
        status, found = self._web.get_json(
            self._site + path, params={**params, "raw_json": "1"}, headers=self._headers
        )
        if status == 200:
            return found
        reason = str(found.get("reason") or found.get("message") or "") if isinstance(found, dict) else ""
        said = f"code {status}" + (f", {reason}" if reason else "")
        if status == 404:
            raise ScrapeError(f"Reddit has nothing at {path} ({said}).", "Check the name or the address.")
        hint = f"It may be private; or set {TOKEN_VARIABLE}: Reddit turns many programs away that have none."
        raise ScrapeError(f"Reddit refused {path} ({said}).", hint)


def _batch(asked: _Asked, query: Query, post: str, cursor: Cursor) -> Batch:
    head, things = asked.thread(post)
    skipped = Counter[str]()
    rows: list[Row] = []
    if _is_gone(head, "selftext"):
        skipped["deleted or removed"] += 1
    else:
        wanted = number_in(query, "answers")
        for comment in _comments(asked, post, f"t3_{post}", things):
            reason = _unusable(comment, number_in(query, "min_score"))
            row = None if reason else _row(_asked_in(head), comment, head)
            if row is None:
                skipped[reason or "empty"] += 1
                continue
            rows.append(row)
            if is_on(query, "replies") and (reply := _reply(asked, post, comment, query, head)):
                rows.append(reply)
            if (wanted := wanted - 1) == 0:
                break
    is_last = bool(cursor.get("done")) and not cursor.get("queue")
    return Batch(tuple(rows), cursor, seen=1, skipped=dict(skipped), is_last=is_last)


def _comments(asked: _Asked, post: str, parent: str, things: Sequence[Thing]) -> Iterator[Thing]:
    """The comments right under `parent`; those behind "more" are asked for when the others are used up."""
    behind: list[str] = []
    for thing in things:
        if thing["kind"] == "t1" and thing.get("parent_id") == parent:
            yield thing
        elif thing["kind"] == "more" and thing.get("parent_id") == parent:
            behind += [str(child) for child in thing.get("children", [])]
    for start in range(0, len(behind), _MORE_AT_ONCE):
        yield from _comments(asked, post, parent, asked.more(post, behind[start : start + _MORE_AT_ONCE]))


def _reply(asked: _Asked, post: str, comment: Thing, query: Query, head: Thing) -> Row | None:
    """The best reply that can be used."""
    listing = comment.get("replies")
    things = _children(listing) if isinstance(listing, Mapping) else []
    for reply in _comments(asked, post, str(comment["name"]), things):
        if not _unusable(reply, number_in(query, "min_score")):
            return _row(str(comment["body"]), reply, head)
    return None


def _row(question: str, comment: Thing, head: Thing) -> Row | None:
    return pair(
        question,
        str(comment.get("body", "")),
        url=f"{SITE}{comment['permalink']}" if comment.get("permalink") else None,
        author=comment.get("author"),
        created=moment(comment.get("created_utc")),
        score=comment.get("score"),
        question_author=head.get("author"),
        subreddit=head.get("subreddit"),
    )


def _asked_in(head: Thing) -> str:
    return f"{head.get('title', '')}\n\n{head.get('selftext') or ''}".strip()


def _unusable(comment: Thing, min_score: int) -> str:
    if _is_gone(comment, "body"):
        return "deleted or removed"
    if comment.get("author") == _MACHINE or comment.get("stickied"):
        return "by a moderator's program, or pinned"
    return f"score below {min_score}" if int(comment.get("score") or 0) < min_score else ""


def _is_gone(thing: Thing, text: str) -> bool:
    said = str(thing.get(text) or "").strip()
    return said in _GONE or bool(thing.get("removed_by_category"))


def _children(listing: Mapping[str, Any]) -> list[Thing]:
    return [{**child["data"], "kind": child["kind"]} for child in listing["data"]["children"]]


def _name(query: Query) -> str:
    return text_in(query, "subreddit").strip("/").removeprefix("r/")


def _post_id(post: str) -> str:
    """From an address like …/comments/1abcd2/a_title/, or the id itself. Raises WrongQueryError."""
    found = re.search(r"/comments/([a-z0-9]+)", post) or re.fullmatch(r"(?:t3_)?([a-z0-9]{4,12})", post)
    if not found:
        raise WrongQueryError(f"'{post}' is no address of a post.", "It has /comments/ in it.")
    return found.group(1)
