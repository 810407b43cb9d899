"""Questions with their accepted answers, by the Stack Exchange API 2.3.

Shapes: api.stackexchange.com/docs, the wrapper object and the types question and answer. Two requests
bring up to a hundred questions: one finds them, one has their answers. Without a key a computer may ask
300 times a day, with one (STACKEXCHANGE_KEY, free at stackapps.com) 10,000 times.
"""

import html
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from app.adapters.scrapers.addresses import place_of
from app.adapters.scrapers.html_text import to_markdown
from app.adapters.scrapers.rows import moment, pair
from app.domain.queries import Field, Query, WrongQueryError, lines_in, number_in, text_in
from app.domain.scraping import Batch, Cursor, ScrapeError, Web
from trainer_image.rows import Row

API: Final = "https://api.stackexchange.com/2.3"
KEY_VARIABLE: Final = "STACKEXCHANGE_KEY"
_MOST_PER_PAGE: Final = 100
_MOST_TRIES: Final = 4
_THROTTLED: Final = 502
"""`error_id` of throttle_violation, sent with HTTP code 400."""

_FIELDS: Final = (
    Field("site", "Site", "Its name in the API: superuser, cooking, math …", default="stackoverflow"),
    Field("tag", "Tags", "One a line; a question must have all of them.", kind="lines", default=()),
    Field("query", "Words", "Only questions with these words."),
    Field("min_score", "Least score", "Of the answer.", kind="number", default=0, least=-1000),
    Field("sort", "Order", "Which come first.", kind="choice", default="votes",
          choices=("votes", "creation", "activity", "relevance")),
)  # fmt: skip


class StackExchange:
    """Scraper."""

    kind = "stackexchange"
    label = "Stack Exchange"
    about = (
        "Questions and their accepted answers. They are under CC BY-SA: whoever passes them on names the"
        " authors, whom each row keeps."
    )
    fields: Sequence[Field] = _FIELDS

    def __init__(self, api: str = API, key: str | None = None) -> None:
        self._api = api
        self._key = os.environ.get(KEY_VARIABLE, "").strip() if key is None else key

    def asks(self, query: Query) -> Sequence[str]:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", text_in(query, "site")):
            raise WrongQueryError(
                f"'{query['site']}' is no name of a site.", "Small letters, as in stackoverflow or math."
            )
        if query["sort"] == "relevance" and not query["query"]:
            raise WrongQueryError("The order 'relevance' needs words.", "Type some, or choose votes.")
        return (place_of(self._api),)

    def title(self, query: Query) -> str:
        words = [
            text_in(query, "site"),
            *(f"[{tag}]" for tag in lines_in(query, "tag")),
            text_in(query, "query"),
        ]
        return " ".join(filter(None, words))

    def scrape(self, query: Query, cursor: Cursor, web: Web) -> Iterator[Batch]:
        asked = _Asked(web, self._api, text_in(query, "site"), self._key)
        page, has_more = int(cursor.get("page", 1)), not cursor.get("done", False)
        total = None if cursor else asked.total(_search(query))
        while has_more:
            questions, has_more = asked.page("search/advanced", page, _search(query))
            answers = asked.answers_of(questions)
            rows, skipped = _rows(questions, answers, number_in(query, "min_score"))
            page += 1
            yield Batch(
                tuple(rows),
                {"page": page, "done": not has_more},
                seen=len(questions),
                total=total,
                skipped=skipped,
                is_last=not has_more,
            )
            total = None


class _Asked:
    """The API with its manners: `backoff` is kept, the quota watched, errors put into words."""

    def __init__(self, web: Web, api: str, site: str, key: str) -> None:
        self._web = web
        self._api = api
        self._always = {"site": site} | ({"key": key} if key else {})
        self._host = place_of(api)
        self._backoff: dict[str, int] = {}
        """Seconds by method, to be waited before it is called again."""
        self._quota: int | None = None

    def total(self, search: Mapping[str, str]) -> int | None:
        found = self._get("search/advanced", {**search, "filter": "total"}).get("total")
        return found if isinstance(found, int) else None

    def page(self, method: str, page: int, search: Mapping[str, str]) -> tuple[list[Mapping[str, Any]], bool]:
        answer = self._get(method, {**search, "page": str(page), "filter": "withbody"})
        return list(answer.get("items", [])), bool(answer.get("has_more"))

    def answers_of(self, questions: Sequence[Mapping[str, Any]]) -> Mapping[int, Mapping[str, Any]]:
        ids = [str(q["accepted_answer_id"]) for q in questions if q.get("accepted_answer_id")]
        if not ids:
            return {}
        asked = {"pagesize": str(_MOST_PER_PAGE), "filter": "withbody", "order": "desc", "sort": "activity"}
        found = self._get(f"answers/{';'.join(ids)}", asked)
        return {answer["answer_id"]: answer for answer in found.get("items", [])}

    def _get(self, method: str, params: Mapping[str, str]) -> Mapping[str, Any]:
        name = method.partition("/")[0]
        if seconds := self._backoff.pop(name, 0):
            self._web.wait(seconds, f"{self._host} asks for a pause")
        for _ in range(_MOST_TRIES):
            if self._quota == 0:
                raise self._used_up("none is left")
            status, found = self._web.get_json(f"{self._api}/{method}", params={**self._always, **params})
            answer = found if isinstance(found, Mapping) else {}
            if status == 200 and answer.keys() & {"items", "total"}:
                self._remember(name, answer)
                return answer
            self._refused(status, answer)
        raise ScrapeError(f"{self._host} asks for a pause again and again.", "Resume later.")

    def _remember(self, name: str, answer: Mapping[str, Any]) -> None:
        if seconds := answer.get("backoff"):
            self._backoff[name] = int(seconds)
        self._quota = answer.get("quota_remaining")

    def _refused(self, status: int, error: Mapping[str, Any]) -> None:
        """Waits where that helps. Raises ScrapeError where it does not."""
        said = str(error.get("error_message") or f"code {status}").rstrip(".")
        if error.get("error_id") != _THROTTLED:
            raise ScrapeError(f"{self._host} refused: {said}.", "Check the name of the site and the tags.")
        seconds = re.search(r"in (\d+) seconds", said)
        if seconds is None:
            raise self._used_up(said)
        self._web.wait(int(seconds.group(1)), f"{self._host} says: {said}")

    def _used_up(self, said: str) -> ScrapeError:
        return ScrapeError(
            f"The day's requests to {self._host} are used up: {said}.",
            f"Resume tomorrow, or set {KEY_VARIABLE} to a key from stackapps.com for more of them.",
        )


def _search(query: Query) -> Mapping[str, str]:
    params = {
        "accepted": "True",
        "order": "desc",
        "sort": text_in(query, "sort"),
        "pagesize": str(max(20, min(_MOST_PER_PAGE, number_in(query, "limit")))),
        "tagged": ";".join(lines_in(query, "tag")),
        "q": text_in(query, "query"),
    }
    return {name: value for name, value in params.items() if value}


def _rows(
    questions: Sequence[Mapping[str, Any]], answers: Mapping[int, Mapping[str, Any]], min_score: int
) -> tuple[list[Row], Mapping[str, int]]:
    rows, skipped = [], Counter[str]()
    for question in questions:
        answer = answers.get(question.get("accepted_answer_id", 0))
        if answer is None:
            skipped["the accepted answer is gone"] += 1
        elif answer.get("score", 0) < min_score:
            skipped[f"score below {min_score}"] += 1
        elif (row := _row(question, answer)) is None:
            skipped["empty"] += 1
        else:
            rows.append(row)
    return rows, dict(skipped)


def _row(question: Mapping[str, Any], answer: Mapping[str, Any]) -> Row | None:
    title = html.unescape(str(question.get("title", "")))
    link = str(question.get("link", ""))
    asked_by, license_of_it = _author(question), question.get("content_license")
    license_name = answer.get("content_license")
    return pair(
        f"{title}\n\n{to_markdown(str(question.get('body', '')))}",
        to_markdown(str(answer.get("body", ""))),
        url=f"https://{urlsplit(link).netloc}/a/{answer['answer_id']}" if link else "",
        license=license_name,
        author=_author(answer),
        created=moment(answer.get("creation_date")),
        score=answer.get("score"),
        question_url=link,
        question_author=asked_by,
        question_license=license_of_it if license_of_it != license_name else None,
        tags=list(question.get("tags", [])),
    )


def _author(post: Mapping[str, Any]) -> str | None:
    owner = post.get("owner")
    name = owner.get("display_name") if isinstance(owner, Mapping) else None
    return html.unescape(str(name)) if name else None
