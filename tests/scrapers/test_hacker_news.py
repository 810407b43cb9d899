"""Stories and comments of Hacker News, against an emulator of both of its APIs."""

from collections.abc import Iterator

import pytest

from app.adapters.scrapers.hacker_news import HackerNews
from app.domain.queries import WrongQueryError, checked
from tests.emulators.hacker_news import HackerNewsEmulator
from tests.emulators.server import running
from tests.scrapers.conftest import all_rows, batches


@pytest.fixture
def site() -> Iterator[HackerNewsEmulator]:
    with running(HackerNewsEmulator()) as emulator:
        yield emulator


@pytest.fixture
def scraper(site: HackerNewsEmulator) -> HackerNews:
    return HackerNews(f"{site.url}/v0", f"{site.url}/api/v1")


def test_a_story_and_a_comment_are_a_row_that_knows_where_it_is_from(site, scraper, open_web):
    row = all_rows(scraper, open_web(site.place), answers=1)[1]

    assert [m["content"] for m in row.messages] == [
        "What is 200?\n\nIs it *so*?\n\nReally?",
        "It's 201.\n\nSee [this](https://a.example).",
    ]
    assert row.meta == {
        "url": "https://news.ycombinator.com/item?id=201",
        "author": "b1",
        "created": "2023-11-14T22:13:22+00:00",
        "question_url": "https://news.ycombinator.com/item?id=200",
        "question_author": "asker",
        "question_score": 200,
    }


def test_what_is_deleted_or_gone_is_counted_and_the_next_comment_taken(site, scraper, open_web):
    [first, second, *_] = batches(scraper, open_web(site.place), answers=9)

    assert [row.meta["url"][-3:] for row in first.rows] == ["101", "103"]  # 102 is deleted, 104 dead
    assert [row.meta["url"][-3:] for row in second.rows] == ["201", "203"]  # 202 is deleted, 204 gone
    assert first.skipped == second.skipped == {"deleted or dead": 2}
    assert first.total == 4


def test_a_comment_and_its_best_reply_are_a_row_too_if_asked_for(site, scraper, open_web):
    rows = all_rows(scraper, open_web(site.place), item=f"{site.url}/item?id=100", answers=1, replies=True)

    assert [m["content"] for m in rows[1].messages] == [
        "It's 101.\n\nSee [this](https://a.example).",
        "Thank you.",
    ]


def test_words_are_searched_for_by_algolia_page_by_page(site, scraper, open_web):
    found = list(batches(scraper, open_web(site.place), query="harbour", answers=1, min_score=5))

    searches = [r.params for r in site.requests if r.path == "/api/v1/search"]
    assert [(s["query"], s["tags"], s["page"]) for s in searches] == [
        ("harbour", "ask_hn", "0"),
        ("harbour", "ask_hn", "1"),
    ]
    assert searches[0]["numericFilters"] == "num_comments>0,points>=5"
    assert [batch.rows[0].meta["question_score"] for batch in found] == [100, 200, 300, 400]
    assert found[-1].is_last


@pytest.mark.parametrize("given", [{}, {"query": "harbour"}])
def test_it_goes_on_from_any_cursor(site, scraper, open_web, given):
    web = open_web(site.place)
    found = list(batches(scraper, web, **given))

    for n, batch in enumerate(found):
        rest = list(batches(scraper, web, batch.cursor, **given))
        assert [b.rows for b in rest] == [b.rows for b in found[n + 1 :]]


def test_stories_below_the_points_are_counted(site, scraper, open_web):
    found = list(batches(scraper, open_web(site.place), min_score=250))

    assert [len(batch.rows) for batch in found] == [0, 0, 2, 2]
    assert found[0].skipped == {"points below 250": 1}


@pytest.mark.parametrize("given", [{"item": "x"}, {"item": "100", "query": "harbour"}])
def test_what_makes_no_sense_is_refused_before_anything_is_sent(scraper, given):
    with pytest.raises(WrongQueryError):
        scraper.asks(checked(scraper.label, scraper.fields, given))
