"""Lists of pages, sitemaps and crawls, against a small site on loopback."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from app.adapters.scrapers.page_text import passages
from app.adapters.scrapers.web_pages import WebPages
from app.domain.queries import WrongQueryError, checked
from app.domain.scraping import UnreachableError
from tests.emulators.server import Fault, running
from tests.emulators.website import PAGES, Website
from tests.scrapers.conftest import all_rows, batches


@pytest.fixture
def site() -> Iterator[Website]:
    with running(Website()) as emulator:
        yield emulator


@pytest.fixture
def scraper() -> WebPages:
    return WebPages()


def paths_of(rows) -> list[str]:
    return [urlsplit(row.meta["url"]).path for row in rows]


def skipped_of(found) -> dict[str, int]:
    return {reason: n for batch in found for reason, n in batch.skipped.items()}


def test_the_main_text_of_a_page_is_a_document_that_knows_where_it_is_from(site, scraper, open_web):
    [row] = all_rows(scraper, open_web(site.place), urls=[site.page(1)])

    [message] = row.messages
    assert message["role"] == "document"
    assert message["content"].startswith("# Harbour 1\n\nThe harbour of 1 is deep")
    assert "Menus" not in message["content"]
    assert "Picture" not in message["content"]
    assert row.meta == {
        "url": site.page(1), "title": "Harbour 1", "author": "Ada Mole", "license": "CC BY 4.0",
    }  # fmt: skip


def test_a_long_page_becomes_passages_with_their_number(site, scraper, open_web):
    rows = all_rows(scraper, open_web(site.place), urls=[site.page(1)], passage=400)

    assert [row.meta["passage"] for row in rows] == [1, 2]
    assert all(len(row.messages[0]["content"]) <= 400 for row in rows)


def test_a_sitemap_index_with_a_packed_part_is_read_and_other_hosts_left_out(site, scraper, open_web):
    rows = all_rows(scraper, open_web(site.place), urls=[f"{site.url}/sitemap.xml"], sitemap=True)

    assert paths_of(rows) == ["/page/0", "/page/1", "/page/2", "/page/3"]


@pytest.mark.parametrize("robots", [None, "Sitemap: {url}/sitemap-b.xml"])
def test_the_sitemap_of_a_site_is_found_by_its_robots_txt_or_in_its_usual_place(
    site, scraper, open_web, robots
):
    site.robots = robots and robots.format(url=site.url)

    rows = all_rows(scraper, open_web(site.place), urls=[f"{site.url}/"], sitemap=True)

    assert paths_of(rows) == (["/page/3"] if robots else ["/page/0", "/page/1", "/page/2", "/page/3"])


def test_a_crawl_follows_links_of_its_own_host_as_far_as_was_asked(site, scraper, open_web):
    found = list(batches(scraper, open_web(site.place), urls=[site.page(0)], crawl_depth=1))

    rows = [row for batch in found for row in batch.rows]
    assert paths_of(rows) == ["/page/0", "/page/1", "/page/2"]
    assert skipped_of(found) == {"no text of its own": 1}  # the picture
    assert found[-1].is_last


def test_a_crawl_stops_at_its_limit_of_pages_and_keeps_to_its_prefix(site, scraper, open_web):
    web = open_web(site.place)

    some = all_rows(scraper, web, urls=[site.page(0)], crawl_depth=9, pages=3)
    all_of_them = all_rows(scraper, web, urls=[site.page(0)], crawl_depth=9, crawl_prefix=f"{site.url}/page/")

    assert paths_of(some) == ["/page/0", "/page/1", "/page/2"]
    assert paths_of(all_of_them) == [f"/page/{n}" for n in range(PAGES)]
    assert not any(path == "/picture.png" for path in site.paths()[-PAGES:])


def test_robots_txt_is_obeyed_and_its_crawl_delay_kept(site, scraper, open_web, clock):
    site.robots = "User-agent: *\nDisallow: /page/1\nCrawl-delay: 4\n\nUser-agent: OtherBot\nDisallow: /"

    found = list(batches(scraper, open_web(site.place), urls=[site.page(0), site.page(1), site.page(2)]))

    assert paths_of([row for batch in found for row in batch.rows]) == ["/page/0", "/page/2"]
    assert skipped_of(found) == {"robots.txt asks programs to stay away": 1}
    assert "/page/1" not in site.paths()
    assert clock.waited == [4, 4]


def test_a_redirect_into_what_robots_txt_forbids_is_not_followed(site, scraper, open_web):
    site.robots = "User-agent: Tunewright\nDisallow: /page/"
    site.redirects = {"/short": "/page/1"}

    found = list(batches(scraper, open_web(site.place), urls=[f"{site.url}/short"]))

    assert skipped_of(found) == {"robots.txt asks programs to stay away": 1}
    assert site.paths() == ["/robots.txt", "/short"]


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.RESET, Fault.CUT_BODY, Fault.LOOP, Fault.HUGE])
def test_a_page_that_cannot_be_had_is_counted_and_the_others_come(site, scraper, open_web, fault):
    site.faults.extend([None, None])  # robots.txt and the first page
    tries = 1 if fault is Fault.HUGE else 10 if fault is Fault.LOOP else 6
    site.faults.extend([fault] * tries)

    web = open_web(site.place, most_bytes=1_000_000)
    found = list(batches(scraper, web, urls=[site.page(n) for n in (0, 1, 2)]))

    assert paths_of([row for batch in found for row in batch.rows]) == ["/page/0", "/page/2"]
    [reason] = skipped_of(found)
    assert site.place in reason


def test_a_page_that_is_not_there_is_counted_with_the_code(site, scraper, open_web):
    found = list(batches(scraper, open_web(site.place), urls=[f"{site.url}/gone", site.page(1)]))

    assert skipped_of(found) == {"the site answered with code 404": 1}
    assert len(found[-1].rows) == 1


def test_a_dead_host_among_others_is_tried_once_more_at_the_end_and_counted(site, scraper, open_web):
    with running(Website()) as other:
        dead = other.place
    urls = [f"http://{dead}/page/0", site.page(1)]

    found = list(batches(scraper, open_web(site.place, dead), urls=urls))

    assert paths_of([row for batch in found for row in batch.rows]) == ["/page/1"]
    [reason] = skipped_of(found)
    assert f"{dead} cannot be reached" in reason


def test_a_lost_network_ends_it_with_nothing_given_up(site, scraper, open_web):
    stream = batches(scraper, open_web(site.place), urls=[site.page(0), site.page(1)])
    cursor = [next(stream), next(stream)][-1].cursor
    site.vanish()

    with pytest.raises(UnreachableError):
        next(stream)

    assert cursor["queue"] == [(site.page(1), 0)]


def test_a_sitemap_goes_on_from_any_cursor_without_being_asked_again(site, scraper, open_web):
    given = {"urls": [f"{site.url}/sitemap.xml"], "sitemap": True}
    web = open_web(site.place)
    found = list(batches(scraper, web, **given))

    for n, batch in enumerate(found):
        rest = list(batches(scraper, web, batch.cursor, **given))
        assert [b.rows for b in rest] == [b.rows for b in found[n + 1 :]]
    assert site.paths().count("/sitemap.xml") == 1


@pytest.mark.parametrize("urls", ["", "example.org", "ftp://example.org/", "https://me:secret@example.org/"])
def test_what_is_no_address_of_the_web_is_refused_before_anything_is_sent(scraper, urls):
    with pytest.raises(WrongQueryError) as error:
        scraper.asks(checked(scraper.label, scraper.fields, {"urls": urls}))

    assert "secret" not in str(error.value)


def test_passages_lose_no_word_and_are_never_too_long():
    text = "One two. " * 40 + "\n\n" + "x" * 950 + "\n\nlast"

    cut = list(passages(text, 200))

    assert max(len(passage) for passage in cut) <= 200
    assert "".join("".join(cut).split()) == "".join(text.split())
