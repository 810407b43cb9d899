"""Posts and comments of Reddit, against an emulator of its listings."""

from collections.abc import Iterator

import pytest

from app.adapters.scrapers.reddit import Reddit
from app.domain.queries import WrongQueryError, checked
from app.domain.scraping import ScrapeError
from tests.emulators.reddit import RedditEmulator
from tests.emulators.server import running
from tests.scrapers.conftest import all_rows, batches


@pytest.fixture
def site() -> Iterator[RedditEmulator]:
    with running(RedditEmulator()) as emulator:
        yield emulator


@pytest.fixture
def scraper(site: RedditEmulator) -> Reddit:
    return Reddit(site.url, token="")


def test_a_post_and_a_comment_are_a_row_that_knows_where_it_is_from(site, scraper, open_web):
    row = all_rows(scraper, open_web(site.place), subreddit="r/harbours", answers=1)[0]

    assert [m["content"] for m in row.messages] == [
        "How deep is harbour 0?\n\nAt *low* tide & high.",
        "0 fathoms, by harbour 0.",
    ]
    assert row.meta == {
        "url": "https://www.reddit.com/r/harbours/comments/post0/how_deep/c0x0/",
        "author": "captain0",
        "created": "2023-11-14T22:15:00+00:00",
        "score": 5,
        "question_author": "asker0",
        "subreddit": "harbours",
    }


def test_pages_are_followed_and_what_was_deleted_or_removed_is_counted_not_collected(site, scraper, open_web):
    found = list(batches(scraper, open_web(site.place), subreddit="harbours", answers=2))

    answers = [[row.messages[1]["content"][0] for row in batch.rows] for batch in found]
    assert answers == [["0", "1"], [], ["1", "2"], ["0", "1"]]  # nobody answered the fourth
    assert [batch.skipped for batch in found] == [
        {},
        {"deleted or removed": 1},
        {"deleted or removed": 1},
        {},
    ]
    assert [batch.is_last for batch in found] == [False, False, False, True]


def test_what_is_behind_more_is_asked_for_only_when_it_is_needed(site, scraper, open_web):
    web = open_web(site.place)
    all_rows(scraper, web, post="https://www.reddit.com/r/harbours/comments/post0/how_deep/", answers=2)
    assert site.paths() == ["/comments/post0.json"]

    rows = all_rows(scraper, web, post="post0", answers=10)

    assert [row.messages[1]["content"][0] for row in rows] == ["0", "1", "2", "3"]
    assert site.paths()[-1] == "/api/morechildren.json"
    assert site.requests[-1].params["children"] == "c0x2,c0x3"


def test_a_comment_and_its_best_reply_are_a_row_too_if_asked_for(site, scraper, open_web):
    rows = all_rows(scraper, open_web(site.place), post="post0", answers=1, replies=True)

    assert [m["content"] for m in rows[1].messages] == ["0 fathoms, by harbour 0.", "Thanks!"]


def test_comments_below_the_score_are_counted(site, scraper, open_web):
    [batch] = batches(scraper, open_web(site.place), post="post0", answers=9, min_score=4)

    assert len(batch.rows) == 2
    assert batch.skipped == {"score below 4": 2}


def test_a_private_subreddit_is_said_with_what_reddit_says(site, scraper, open_web):
    with pytest.raises(ScrapeError, match=r"refused.*private") as error:
        all_rows(scraper, open_web(site.place), subreddit="secret")

    assert "REDDIT_ACCESS_TOKEN" in error.value.hint


def test_a_token_goes_to_reddit_alone_and_not_along_a_redirect(site, open_web):
    all_rows(Reddit(site.url, token="t0p"), open_web(site.place), post="post0", answers=1)

    assert site.requests[0].headers["authorization"] == "bearer t0p"


@pytest.mark.parametrize(
    "given",
    [{}, {"subreddit": "a", "post": "post0"}, {"subreddit": "a/b"}, {"post": "https://reddit.com/r/x"}],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(scraper, given):
    with pytest.raises(WrongQueryError):
        scraper.asks(checked(scraper.label, scraper.fields, given))
