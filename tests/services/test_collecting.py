"""Collecting as a whole: the real store, the real client, sources on loopback."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.adapters.scrapers.web_pages import WebPages
from app.domain.errors import StudioError
from app.domain.queries import WrongQueryError
from app.domain.scraping import Batch, Pace, Scrape, ScrapeStatus, eta_seconds
from app.domain.sessions import RowChange
from app.services.offline import OfflineError
from tests.emulators.hacker_news import HackerNewsEmulator
from tests.emulators.server import Fault, running
from tests.emulators.website import Website
from tests.services.shelf import Shelf, collecting, hacker_news
from trainer_image.rows import Row

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def site() -> Iterator[HackerNewsEmulator]:
    with running(HackerNewsEmulator()) as emulator:
        yield emulator


@pytest.fixture
def shelf(tmp_path: Path, site: HackerNewsEmulator) -> Iterator[Shelf]:
    with collecting(tmp_path, hacker_news(site)) as made:
        yield made


@pytest.fixture
def whole(tmp_path_factory, site: HackerNewsEmulator) -> Iterator[Shelf]:
    """The same, collected without interruption."""
    with collecting(tmp_path_factory.mktemp("whole"), hacker_news(site)) as made:
        made.service.collect("hackernews", {})
        yield made


def test_what_is_collected_is_a_session_with_its_history(shelf: Shelf):
    scrape = shelf.service.collect("hackernews", {}, "asked")

    [session] = shelf.sessions.all()
    assert (session.name, session.source, session.row_count) == ("asked", "Hacker News: Ask HN", 8)
    assert shelf.rows()[0][3]["url"] == "https://news.ycombinator.com/item?id=101"
    assert (scrape.status, scrape.session_id) == (ScrapeStatus.FINISHED, session.id)
    assert (scrape.row_count, scrape.seen, scrape.total) == (8, 4, 4)
    assert scrape.skipped == {"deleted or dead": 8}
    assert [progress.scrape for progress in shelf.service.history()] == [scrape]


def test_a_session_that_was_edited_is_left_alone_and_the_rest_goes_into_another(shelf: Shelf):
    part = shelf.service.collect("hackernews", {}, "asked")
    [session] = shelf.sessions.all()
    edited = shelf.sessions.change(session, [RowChange(0, None)], "edited")
    writer = shelf.store.resume(part)
    new = Row(1, ({"role": "user", "content": "New?"}, {"role": "assistant", "content": "Yes."}))

    after = writer.append(Batch(rows=(new,), cursor={}, seen=1))

    names = {s.name: s.row_count for s in shelf.sessions.all()}
    assert shelf.sessions.get(session.id) == edited
    assert [row.messages for row in shelf.sessions.rows(after.session_id)] == [new.messages]
    assert names == {"asked": 7, "asked (continued)": 1}


def test_its_hash_is_that_of_the_same_rows_imported(shelf: Shelf):
    shelf.service.collect("hackernews", {})

    rows = [Row(1, messages) for _, _, messages, _ in shelf.rows()]
    imported = shelf.sessions.add("again", "test", iter(rows))

    assert {session.content_hash for session in shelf.sessions.all()} == {imported.content_hash}


def test_it_stops_at_the_limit_of_rows(shelf: Shelf):
    scrape = shelf.service.collect("hackernews", {"limit": 3})

    assert (scrape.status, scrape.row_count, len(shelf.rows())) == (ScrapeStatus.FINISHED, 3, 3)


def test_progress_has_counts_and_an_eta(shelf: Shelf):
    heard = []

    shelf.service.collect("hackernews", {}, on_progress=heard.append)

    assert [p.scrape.seen for p in heard] == [1, 2, 3, 4]
    assert all(p.eta_seconds is not None for p in heard)
    assert heard[-1].eta_seconds == 0


@pytest.mark.parametrize(
    ("rows", "seen", "expected"), [(0, 0, None), (50, 0, 10.0), (0, 5, 30.0), (50, 5, 10.0)]
)
def test_the_eta_is_the_limit_or_the_end_whichever_comes_first(shelf: Shelf, rows, seen, expected):
    writer = shelf.store.begin("hackernews", "n", "s", {"limit": 100})
    scrape = writer.append(Batch((), {}, seen=5, total=20))

    assert eta_seconds(scrape, Pace(rows, seen, 5.0 if rows else 10.0)) == expected


def test_a_cancelled_one_goes_on_into_the_same_session_with_the_same_rows(shelf: Shelf, whole: Shelf):
    def cancel_after_two(progress) -> None:
        if progress.scrape.seen == 2:
            shelf.service.cancel(progress.scrape.id)

    scrape = shelf.service.collect("hackernews", {}, on_progress=cancel_after_two)
    assert (scrape.status, scrape.row_count) == (ScrapeStatus.CANCELLED, 4)

    scrape = shelf.service.collect_again(scrape.id)

    assert scrape.status is ScrapeStatus.FINISHED
    assert counts(scrape) == counts(*whole.store.all())
    assert shelf.rows() == whole.rows()
    assert shelf.content_hash() == whole.content_hash()


def test_a_lost_network_leaves_it_failed_and_it_goes_on_when_it_is_back(tmp_path: Path, whole: Shelf):
    with running(HackerNewsEmulator()) as first, collecting(tmp_path, hacker_news(first)) as shelf:
        first.faults.extend([None] * 9)
        first.always = Fault.TOO_MANY
        first.retry_after = "7200"

        scrape = shelf.service.collect("hackernews", {})

        assert scrape.status is ScrapeStatus.FAILED
        assert "may be asked again" in scrape.message
        assert 0 < scrape.row_count < 8
        first.always = None
        assert shelf.service.collect_again(scrape.id).status is ScrapeStatus.FINISHED
        assert shelf.rows() == whole.rows()


@pytest.mark.parametrize(("requests", "rows"), [(1, 0), (9, 2)], ids=["before a row", "after some"])
def test_killed_in_the_middle_it_is_interrupted_and_goes_on_with_the_same_rows(
    tmp_path: Path, site: HackerNewsEmulator, whole: Shelf, requests: int, rows: int
):
    """The process dies by kill -9 while the site keeps it waiting, in the middle of a story."""
    site.faults.extend([*[None] * requests, Fault.SILENT])
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.services.killed_collector", str(tmp_path), site.url], cwd=ROOT
    )
    assert site.asked.wait(60)
    with collecting(tmp_path, hacker_news(site)) as shelf:
        [running_now] = shelf.service.history()
        with pytest.raises(StudioError, match="another Tunewright"):
            shelf.service.cancel(running_now.scrape.id)
        child.send_signal(signal.SIGKILL)
        child.wait()
        site.go_on.set()

        [left] = shelf.service.history()
        scrape = shelf.service.collect_again(left.scrape.id)

        assert running_now.scrape.status is ScrapeStatus.RUNNING
        assert left.scrape.status is ScrapeStatus.INTERRUPTED
        assert left.scrape.row_count == rows
        assert scrape.status is ScrapeStatus.FINISHED
        assert counts(scrape) == counts(*whole.store.all())
        assert shelf.rows() == whole.rows()
        assert shelf.content_hash() == whole.content_hash()


def test_beside_it_is_running_until_it_is_cancelled(shelf: Shelf, site: HackerNewsEmulator):
    site.faults.extend([None, None, None, Fault.SILENT])
    scrape = shelf.service.start("hackernews", {})
    assert site.asked.wait(10)

    assert shelf.service.progress(scrape.id).is_here
    with pytest.raises(StudioError, match="still collecting"):
        shelf.service.forget(scrape.id)
    shelf.service.cancel(scrape.id)
    until(lambda: shelf.service.progress(scrape.id).scrape.status is not ScrapeStatus.RUNNING)

    assert shelf.service.progress(scrape.id).scrape.status is ScrapeStatus.CANCELLED


def test_what_is_there_already_is_not_collected_twice(tmp_path: Path):
    with running(Website()) as site, collecting(tmp_path, WebPages()) as shelf:
        site.redirects = {"/again": "/page/1"}

        scrape = shelf.service.collect("web", {"urls": [site.page(1), f"{site.url}/again", site.page(2)]})

        assert scrape.skipped == {"collected before": 1}
        assert [meta["title"] for _, _, _, meta in shelf.rows()] == ["Harbour 1", "Harbour 2"]


def test_nothing_found_says_why_and_makes_no_session(tmp_path: Path):
    with running(Website()) as site, collecting(tmp_path, WebPages()) as shelf:
        scrape = shelf.service.collect("web", {"urls": [f"{site.url}/gone"]})

        assert scrape.status is ScrapeStatus.FINISHED
        assert "code 404" in scrape.message
        assert shelf.sessions.all() == []


@pytest.mark.parametrize("how", ["environment", "setting"])
def test_offline_nothing_is_asked_and_nothing_stored(tmp_path: Path, site: HackerNewsEmulator, how: str):
    environment = {"HF_HUB_OFFLINE": "1"} if how == "environment" else {}
    with collecting(tmp_path, hacker_news(site), environment=environment) as shelf:
        shelf.settings.set_offline(how == "setting")

        with pytest.raises(OfflineError):
            shelf.service.collect("hackernews", {})

        assert shelf.service.offline_reason()
        assert (site.requests, shelf.service.history()) == ([], [])


def test_the_proxy_of_the_settings_is_used(shelf: Shelf):
    with running(Website()) as proxy:
        shelf.settings.set_proxy(proxy.url)

        shelf.service.collect("hackernews", {})

        assert proxy.requests[0].path.endswith("askstories.json")


@pytest.mark.parametrize("address", ["socks5://a:1", "proxy", "http://"])
def test_what_is_no_proxy_is_refused(shelf: Shelf, address: str):
    with pytest.raises(StudioError, match="no address of a proxy"):
        shelf.settings.set_proxy(address)


def test_a_password_of_a_proxy_is_not_kept(shelf: Shelf):
    with pytest.raises(StudioError, match="password"):
        shelf.settings.set_proxy("http://me:secret@proxy.example:3128")


def test_a_deleted_session_is_not_written_to(shelf: Shelf):
    scrape = shelf.service.collect(
        "hackernews",
        {},
        on_progress=lambda p: shelf.sessions.delete(p.scrape.session_id) if p.scrape.seen == 1 else None,
    )

    assert (scrape.status, "was deleted" in scrape.message) == (ScrapeStatus.FAILED, True)
    with pytest.raises(StudioError, match="was deleted"):
        shelf.service.collect_again(scrape.id)


def test_a_finished_one_is_not_resumed_and_a_forgotten_one_leaves_its_session(shelf: Shelf):
    scrape = shelf.service.collect("hackernews", {})

    with pytest.raises(StudioError, match="finished"):
        shelf.service.collect_again(scrape.id)
    shelf.service.forget(scrape.id)

    assert shelf.service.history() == []
    assert len(shelf.rows()) == 8


class Careless:
    """A source of another package, with mistakes."""

    kind, label, about, fields = "careless", "Careless", "Makes mistakes.", ()

    def __init__(self, mistake: str) -> None:
        self.mistake = mistake

    def asks(self, _):
        return ()

    def title(self, _):
        return "mistakes"

    def scrape(self, _, __, ___):
        good = Row(0, ({"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}))
        yield Batch((good,), {"n": 1}, seen=1)
        if self.mistake == "raises":
            raise KeyError("x")
        yield Batch((Row(0, ({"role": "user", "content": "?"},)),), {"n": 2}, seen=1, is_last=True)


def test_a_mistake_inside_a_source_ends_it_as_failed_with_what_it_had(tmp_path: Path):
    with collecting(tmp_path, Careless("raises")) as shelf:
        scrape = shelf.service.collect("careless", {})

        assert scrape.status is ScrapeStatus.FAILED
        assert scrape.message == "Something went wrong inside the source Careless."
        assert len(shelf.rows()) == 1


def test_rows_that_cannot_be_trained_on_are_counted_not_stored(tmp_path: Path):
    with collecting(tmp_path, Careless("no answer")) as shelf:
        scrape = shelf.service.collect("careless", {})

        assert scrape.skipped == {"the conversation has no assistant message": 1}
        assert len(shelf.rows()) == 1


@pytest.mark.parametrize(
    ("kind", "given"), [("gopher", {}), ("hackernews", {"depth": 1}), ("hackernews", {"limit": 0}),
                        ("hackernews", {"list": "worst"}), ("hackernews", {"limit": "many"})],
)  # fmt: skip
def test_a_wrong_query_is_refused_before_anything_is_stored(shelf: Shelf, kind: str, given: dict[str, Any]):
    with pytest.raises(WrongQueryError):
        shelf.service.collect(kind, given)

    assert shelf.service.history() == []


def test_two_processes_cannot_go_on_with_the_same(shelf: Shelf):
    writer = shelf.store.begin("hackernews", "n", "s", {"limit": 5})
    ended = writer.end(ScrapeStatus.CANCELLED)
    shelf.store.resume(ended)

    with pytest.raises(StudioError, match="no longer as it was"):
        shelf.store.resume(ended)


def test_a_session_that_was_changed_meanwhile_is_gone_on_with_as_it_is(shelf: Shelf):
    """The hash goes on from the rows there are, not from those that were written last."""
    pair = ({"role": "user", "content": "?"}, {"role": "assistant", "content": "!"})
    other = ({"role": "user", "content": "?"}, {"role": "assistant", "content": "!!"})
    writer = shelf.store.begin("hackernews", "n", "s", {"limit": 5})
    writer.append(Batch((Row(0, pair),), {}))
    again = shelf.store.begin("hackernews", "n", "s", {"limit": 5})
    assert again.append(Batch((Row(0, pair),), {})).row_count == 1  # another scrape, another session
    fresh = shelf.store.resume(writer.end(ScrapeStatus.CANCELLED))

    fresh.append(Batch((Row(0, pair), Row(0, other)), {}))

    session = shelf.sessions.get(fresh.scrape.session_id)
    expected = shelf.sessions.add("same", "test", iter([Row(1, pair), Row(2, other)]))
    assert (session.row_count, session.content_hash) == (2, expected.content_hash)
    assert fresh.scrape.skipped == {"collected before": 1}


def test_a_step_that_cannot_be_stored_whole_is_not_stored_at_all(shelf: Shelf):
    pair = ({"role": "user", "content": "?"}, {"role": "assistant", "content": "!"})
    writer = shelf.store.begin("hackernews", "n", "s", {"limit": 5})

    with pytest.raises(TypeError):  # the cursor goes in after the rows
        writer.append(Batch((Row(0, pair),), {"not": object()}, seen=1))
    assert shelf.sessions.all() == []

    scrape = writer.append(Batch((Row(0, pair),), {"n": 1}, seen=1))
    assert (scrape.row_count, scrape.seen, scrape.skipped, len(shelf.rows())) == (1, 1, {}, 1)


def counts(scrape: Scrape) -> tuple[Any, ...]:
    return scrape.row_count, scrape.seen, scrape.total, scrape.skipped


def until(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        os.sched_yield()
    pytest.fail("waited in vain")


def test_the_query_survives_the_database(shelf: Shelf):
    query = {"urls": ("a", "b"), "sitemap": True, "limit": 3}

    writer = shelf.store.begin("web", "n", "s", query)

    assert (writer.scrape.query, writer.cursor) == (query, {})
