"""Accepted answers by the Stack Exchange API, against an emulator of it."""

from collections.abc import Iterator

import pytest

from app.adapters.scrapers.stack_exchange import StackExchange
from app.domain.queries import WrongQueryError, checked
from app.domain.scraping import ScrapeError
from tests.emulators.server import running
from tests.emulators.stack_exchange import Refusal, StackExchangeEmulator
from tests.scrapers.conftest import all_rows, batches


@pytest.fixture
def site() -> Iterator[StackExchangeEmulator]:
    with running(StackExchangeEmulator()) as emulator:
        yield emulator


@pytest.fixture
def scraper(site: StackExchangeEmulator) -> StackExchange:
    return StackExchange(site.api, key="")


def test_a_question_and_its_accepted_answer_become_markdown_with_where_they_are_from(site, scraper, open_web):
    row = all_rows(scraper, open_web(site.place), site="cooking", tag=["python"], limit=20)[2]

    question, answer = row.messages
    assert question == {
        "role": "user",
        "content": 'Why is "it" 2?\n\nI run `it(2)` & wait:\n\n```py\nit(2)\n```',
    }
    assert answer == {"role": "assistant", "content": "Because of *2*."}
    assert row.meta == {
        "url": "https://cooking.example/a/1002",
        "license": "CC BY-SA 3.0",
        "author": "user2",
        "created": "2023-11-14T22:15:02+00:00",
        "score": 48,
        "question_url": "https://cooking.example/questions/3/why-is-it-2",
        "question_author": "O'Hara",
        "question_license": "CC BY-SA 4.0",
        "tags": ["python", "it"],
    }


def test_all_pages_are_read_and_the_total_is_known_from_the_first(site, scraper, open_web):
    found = list(batches(scraper, open_web(site.place), site="cooking", limit=20))

    assert [len(batch.rows) for batch in found] == [20, 20, 5]
    assert [batch.total for batch in found] == [45, None, None]
    assert [batch.is_last for batch in found] == [False, False, True]


def test_what_the_person_asked_for_is_what_the_site_is_asked(site, scraper, open_web):
    asked = {"site": "cooking", "tag": ["bread", "oven"], "query": "sour dough", "sort": "relevance"}
    all_rows(scraper, open_web(site.place), **asked)

    [search] = [r.params for r in site.requests if r.params.get("filter") == "withbody" and "q" in r.params]
    assert (search["site"], search["tagged"], search["q"]) == ("cooking", "bread;oven", "sour dough")
    assert search["sort"] == "relevance"


def test_answers_below_the_score_or_gone_are_counted(site, scraper, open_web):
    site.answers_gone = {1000, 1001}

    [first, *_] = batches(scraper, open_web(site.place), site="cooking", limit=20, min_score=40)

    assert len(first.rows) == 9
    assert first.skipped == {"the accepted answer is gone": 2, "score below 40": 9}


def test_a_backoff_is_waited_before_the_same_method_is_called_again(site, scraper, open_web, clock):
    site.backoff_next = 12

    all_rows(scraper, open_web(site.place), site="cooking", limit=20)

    assert clock.waited == [12]


def test_a_throttled_request_is_made_again_when_the_site_says(site, scraper, open_web, clock):
    said = "too many requests from this IP, more requests available in 80 seconds"
    site.refusal = Refusal(error_id=502, error_name="throttle_violation", error_message=said)

    rows = all_rows(scraper, open_web(site.place), site="cooking", limit=20)

    assert len(rows) == 45
    assert clock.waited == [80]


def test_a_used_up_quota_ends_it_before_another_request(site, scraper, open_web):
    site.quota = 3
    stream = batches(scraper, open_web(site.place), site="cooking", limit=20)
    assert len(next(stream).rows) == 20

    with pytest.raises(ScrapeError, match="day's requests") as error:
        next(stream)

    assert "STACKEXCHANGE_KEY" in error.value.hint
    assert len(site.requests) == 3


def test_an_error_of_the_api_is_passed_on_in_its_words(site, scraper, open_web):
    site.refusal = Refusal(
        error_id=400, error_name="bad_parameter", error_message="No site found for name `x`"
    )

    with pytest.raises(ScrapeError, match="No site found for name `x`"):
        all_rows(scraper, open_web(site.place), site="x")


def test_a_key_is_sent_with_every_request(site, open_web):
    all_rows(StackExchange(site.api, key="abc"), open_web(site.place), site="cooking")

    assert {request.params.get("key") for request in site.requests} == {"abc"}


@pytest.mark.parametrize("given", [{"site": "a/b"}, {"sort": "relevance"}])
def test_what_makes_no_sense_is_refused_before_anything_is_sent(scraper, given):
    with pytest.raises(WrongQueryError):
        scraper.asks(checked(scraper.label, scraper.fields, given))
