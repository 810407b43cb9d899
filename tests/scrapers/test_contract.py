"""What every source promises, those of other packages too."""

import json
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from app.adapters.scrapers.polite_web import PoliteWeb
from app.adapters.scrapers.registry import scrapers
from app.domain.queries import checked
from app.domain.scraping import Batch, ScrapeCancelledError, ScrapeError, Scraper
from tests.emulators.server import Emulator, Fault
from tests.scrapers.places import PLACES, Place
from trainer_image.rows import to_messages

PASSING = (Fault.TOO_MANY, Fault.BROKEN, Fault.CUT_BODY, Fault.RESET)
"""Without JSON that is cut: nobody can tell a page whose end is missing from a whole one."""


@pytest.fixture(params=PLACES, ids=lambda place: place.name)
def place(request) -> Place:
    return request.param


class Source:
    """A source at its place, asked again and again."""

    def __init__(self, place: Place, site: Emulator, open_web: Callable[..., PoliteWeb]) -> None:
        self.site = site
        self.scraper: Scraper = place.scraper(site)
        self.query = checked(self.scraper.label, self.scraper.fields, place.given(site))
        self._open_web = open_web

    def batches(self, cursor: Any = None, **options: Any) -> Iterator[Batch]:
        web = self._open_web(*self.scraper.asks(self.query), **options)
        return self.scraper.scrape(self.query, cursor or {}, web)

    def rows(self, cursor: Any = None) -> list[Any]:
        return [row for batch in self.batches(cursor) for row in batch.rows]


@pytest.fixture
def source(place: Place, open_web) -> Iterator[Source]:
    with place.open() as site:
        yield Source(place, site, open_web)


def test_its_rows_can_be_trained_on_and_know_where_they_are_from(source: Source):
    rows = source.rows()

    assert len(rows) > 3
    for row in rows:
        assert to_messages({"messages": list(row.messages)}) == row.messages
        assert row.meta["url"].startswith("http")
        assert json.loads(json.dumps(row.meta)) == row.meta


def test_it_goes_on_from_every_cursor_after_that_went_through_json(source: Source):
    found = list(source.batches())

    for n, batch in enumerate(found):
        cursor = json.loads(json.dumps(batch.cursor))
        rest = [row for later in found[n + 1 :] for row in later.rows]
        assert source.rows(cursor) == rest


def test_the_last_batch_says_so_and_no_other(source: Source):
    assert [batch.is_last for batch in source.batches()][-1]
    assert not any(batch.is_last for batch in list(source.batches())[:-1])


def test_what_was_seen_adds_up_to_the_total_where_one_is_known(source: Source):
    found = list(source.batches())

    totals = [batch.total for batch in found if batch.total is not None]
    assert not totals or sum(batch.seen for batch in found) == totals[-1]


def test_faults_that_pass_change_no_row_whichever_request_they_hit(source: Source):
    expected = source.rows()
    requests = len(source.site.requests)

    faults = cycle(PASSING)
    for n in range(requests):
        source.site.faults.extend([next(faults), next(faults), None] if n % 2 else [None, next(faults)])

    assert source.rows() == expected
    assert len(source.site.requests) > 2.5 * requests


def test_a_fault_that_stays_is_told_in_a_sentence_and_the_cursor_still_holds(source: Source):
    expected = source.rows()
    stream = source.batches()
    first = [*islice(stream, 2)]
    source.site.always = Fault.TOO_MANY

    with pytest.raises(ScrapeError) as error:
        list(stream)

    assert error.value.message.endswith(".")
    assert error.value.hint
    source.site.always = None
    assert [row for batch in first for row in batch.rows] + source.rows(first[-1].cursor) == expected


def test_a_cancel_ends_it(source: Source):
    stream = source.batches(is_cancelled=lambda: len(source.site.requests) >= 2)

    with pytest.raises(ScrapeCancelledError):
        list(stream)

    assert len(source.site.requests) <= 3


@pytest.mark.parametrize("scraper", scrapers(), ids=lambda scraper: scraper.kind)
def test_it_says_what_it_wants_to_know_in_words(scraper: Scraper):
    names = [field.name for field in scraper.fields]

    assert len(set(names)) == len(names)
    assert scraper.about.endswith(".")
    for field in scraper.fields:
        assert field.label
        assert field.help.endswith(".") or field.help.endswith("…") or ", " in field.help
        assert field.kind != "choice" or field.default in field.choices


PLUGIN = """
from trainer_image.rows import Row
from app.domain.scraping import Batch

class Tides:
    kind, label, about, fields = "tides", "Tide tables", "Tides of a harbour.", ()
    def asks(self, query): return ("tides.example",)
    def title(self, query): return "tides"
    def scrape(self, query, cursor, web):
        pair = ({"role": "user", "content": "When?"}, {"role": "assistant", "content": "Now."})
        yield Batch((Row(0, pair, {"url": "https://tides.example"}),), {"done": True}, seen=1, is_last=True)

def broken(): raise RuntimeError("no")
"""


ENTRY_POINTS = """
[tunewright.scrapers]
tides = tide_tables:Tides
bad = tide_tables:broken
worse = no_such_module:X
"""


def test_another_package_brings_a_source_and_a_broken_one_takes_nothing_with_it(tmp_path: Path, monkeypatch):
    """As installed: a module and its .dist-info, which is all that pip leaves of a small package."""
    info = tmp_path / "tide_tables-1.0.dist-info"
    info.mkdir()
    (tmp_path / "tide_tables.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tide-tables\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    scrapers.cache_clear()
    try:
        kinds = [scraper.kind for scraper in scrapers()]
    finally:
        scrapers.cache_clear()

    assert kinds == ["stackexchange", "reddit", "hackernews", "web", "tides"]
