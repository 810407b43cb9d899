"""The client every source asks through: patience, pace, addresses, cancel, proxy."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_address

import pytest

from app.adapters.scrapers.addresses import is_public, place_of
from app.adapters.scrapers.patience import LONGEST_PAUSE_SECONDS, pause_seconds, retry_after_seconds
from app.adapters.scrapers.polite_web import LOOK_SECONDS, PoliteWeb
from app.domain.scraping import (
    BrokenAnswerError,
    ScrapeCancelledError,
    ScrapeError,
    UnreachableError,
)
from tests.emulators.server import Emulator, Fault, Reply, Request, running
from tests.scrapers.conftest import NOON


class Echo(Emulator):
    """Sends back what it was asked, or sends elsewhere."""

    redirects: dict[str, str] = {}  # noqa: RUF012 - replaced, never changed

    def answer(self, request: Request) -> Reply:
        if target := self.redirects.get(request.path):
            return Reply("", 302, {"Location": target})
        return Reply({"path": request.path, "params": dict(request.params), "headers": dict(request.headers)})


@pytest.fixture
def site() -> Iterator[Echo]:
    with running(Echo()) as emulator:
        yield emulator


def test_it_says_who_asks(site, open_web):
    _, found = open_web(site.place).get_json(f"{site.url}/a?x=1", params={"y": "2"})

    assert found["params"] == {"x": "1", "y": "2"}
    assert found["headers"]["user-agent"].startswith("Tunewright/")
    assert "fine-tune" in found["headers"]["user-agent"]
    assert found["headers"]["host"] == site.place


@pytest.mark.parametrize(
    "fault", [Fault.TOO_MANY, Fault.BROKEN, Fault.CUT_JSON, Fault.CUT_BODY, Fault.RESET], ids=lambda f: f.name
)
def test_what_passes_is_waited_for(site, open_web, fault):
    site.faults.extend([fault, fault])

    status, found = open_web(site.place).get_json(f"{site.url}/a")

    assert (status, found["path"]) == (200, "/a")
    assert len(site.requests) == 3


def test_retry_after_in_seconds_and_as_a_date_is_kept(site, open_web, clock):
    site.faults.extend([Fault.TOO_MANY, Fault.TOO_MANY_UNTIL])
    told: list[str] = []

    def until(reason: str) -> None:
        told.append(reason)
        site.retry_after = format_datetime(NOON + timedelta(seconds=100), usegmt=True)

    open_web(site.place, tell=until).get(f"{site.url}/a")

    assert clock.waited == [7, 93]
    assert told == [
        f"Waiting 7 s: {site.place} asks for fewer requests (code 429).", "",
        f"Waiting 93 s: {site.place} asks for fewer requests (code 429).", "",
    ]  # fmt: skip


def test_too_long_a_wait_ends_it_and_says_when_to_come_back(site, open_web, clock):
    site.retry_after = "7200"
    site.always = Fault.TOO_MANY

    with pytest.raises(ScrapeError, match="may be asked again at") as error:
        open_web(site.place).get(f"{site.url}/a")

    assert "Resume" in error.value.hint
    assert (len(site.requests), clock.waited) == (1, [])


def test_a_host_that_stays_broken_is_asked_six_times_with_doubling_pauses(site, open_web, clock):
    site.always = Fault.BROKEN

    with pytest.raises(BrokenAnswerError, match="6 times in a row"):
        open_web(site.place).get(f"{site.url}/a")

    assert clock.waited == [1, 2, 4, 8, 16]


def test_pauses_are_capped_and_spread():
    assert pause_seconds(12, lambda: 1.0) == LONGEST_PAUSE_SECONDS
    assert pause_seconds(3, lambda: 0.0) == 2.0
    assert pause_seconds(3, lambda: 1.0) == 4.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("Fri, 02 Jan 2026 12:01:00 GMT", 60), ("Fri, 02 Jan 2026 11:00:00 GMT", 0),
     (None, None), ("", None), ("soon", None), ("-5", None)],
)  # fmt: skip
def test_retry_after_is_read_as_the_rfc_has_it(header, seconds):
    assert retry_after_seconds(header, NOON) == seconds


def test_two_requests_to_one_host_are_a_pause_apart(site, open_web, clock):
    web = open_web(site.place, pause=2.0)

    web.get(f"{site.url}/a")
    web.get(f"{site.url}/b")

    assert clock.waited == [2.0]


def test_redirects_without_end_are_given_up(site, open_web):
    site.always = Fault.LOOP

    with pytest.raises(BrokenAnswerError, match="without end"):
        open_web(site.place).get(f"{site.url}/a")

    assert len(site.requests) == 10


def test_more_bytes_than_allowed_are_not_read(site, open_web):
    site.always = Fault.HUGE

    with pytest.raises(BrokenAnswerError, match="more than 1 MB"):
        open_web(site.place, most_bytes=1024**2).get(f"{site.url}/a")


def test_a_silent_host_is_given_up(site, open_web):
    site.always = Fault.SILENT

    with pytest.raises(BrokenAnswerError, match="sent nothing"):
        open_web(site.place, answer_seconds=0.05).get(f"{site.url}/a")


def test_a_host_that_sends_a_byte_now_and_then_is_not_waited_for(site, open_web):
    site.faults.append(Fault.DRIP)
    told: list[str] = []

    open_web(site.place, answer_seconds=0.05, tell=told.append).get(f"{site.url}/a")

    assert told[0] == f"Waiting 1 s: {site.place} sends too slowly."


@pytest.mark.parametrize("target", ["http://{other}/a", "http://localhost:{port}/a", "http://[::1]:{port}/a"])
def test_a_redirect_never_reaches_this_computer_unless_the_place_was_named(site, open_web, target):
    with running(Echo()) as other:
        site.redirects = {"/a": target.format(other=other.place, port=other.server_port)}

        with pytest.raises(BrokenAnswerError, match="not asked for by name"):
            open_web(site.place).get(f"{site.url}/a")

        assert other.requests == []


def test_a_place_the_person_named_may_be_private_and_gets_no_secret_of_another(site, open_web):
    with running(Echo()) as other:
        site.redirects = {"/a": f"{other.url}/b"}

        open_web(site.place, other.place).get(f"{site.url}/a", headers={"Authorization": "bearer x"})

        assert "authorization" in site.requests[0].headers
        assert "authorization" not in other.requests[0].headers


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://a/", "mailto:a@a.example"])
def test_a_redirect_out_of_the_web_is_refused(site, open_web, target):
    site.redirects = {"/a": target}

    with pytest.raises(BrokenAnswerError, match="no address of the web"):
        open_web(site.place).get(f"{site.url}/a")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1", "fc00::1",
     "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "224.0.0.1", "100.64.0.1"],
)  # fmt: skip
def test_private_addresses_are_told_in_every_disguise(address):
    assert not is_public(ip_address(address))


def test_public_addresses_are_public():
    assert is_public(ip_address("93.184.215.14"))
    assert is_public(ip_address("2606:2800:21f::1"))


@pytest.mark.parametrize(
    ("url", "place"),
    [("https://a.example/x", "a.example"), ("http://a.example:80", "a.example"),
     ("https://a.example:80", "a.example:80"), ("http://[::1]:8000/", "[::1]:8000")],
)  # fmt: skip
def test_a_place_is_the_host_and_an_unusual_port(url, place):
    assert place_of(url) == place


def test_a_host_that_refuses_connections_is_unreachable(open_web):
    with running(Echo()) as gone:
        place = gone.place

    with pytest.raises(UnreachableError, match="refuses connections"):
        open_web(place).get(f"http://{place}/")


MOMENTS = ["while the host is silent", "while it waits", "while a name is looked up"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_cancel_is_heard_within_a_second_whatever_it_waits_for(site, moment, monkeypatch):
    def look_up(*_: object, **__: object) -> list[object]:
        site.asked.set()
        site.go_on.wait(60)
        return []

    if moment == MOMENTS[2]:
        monkeypatch.setattr("socket.getaddrinfo", look_up)
    cancelled = threading.Event()
    site.retry_after = "600"
    site.always = Fault.SILENT if moment == MOMENTS[0] else Fault.TOO_MANY
    ended: list[type[Exception]] = []

    def ask() -> None:
        with PoliteWeb([site.place], is_cancelled=cancelled.is_set, tell=lambda _: site.asked.set()) as web:
            try:
                web.get(f"{site.url}/a")
            except (ScrapeError, ScrapeCancelledError) as error:
                ended.append(type(error))

    thread = threading.Thread(target=ask)
    thread.start()
    assert site.asked.wait(10)
    cancelled.set()
    thread.join(10)

    assert ended == [ScrapeCancelledError]
    assert LOOK_SECONDS < 1  # how soon it is heard; the host would have kept it for half a minute


def test_a_proxy_is_asked_instead_of_the_host(site, open_web):
    """As a proxy the emulator sees the whole address."""
    web = open_web(site.place, "far.example", proxy=site.url)

    _, found = web.get_json("http://far.example/a")

    assert found["headers"]["host"] == "far.example"
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9", "[::1]:9", "localhost:9", "router.lan", "metadata.internal", "intranet"]
)
def test_through_a_proxy_what_is_private_by_its_name_is_refused(site, open_web, host):
    with pytest.raises(BrokenAnswerError, match="not asked for by name"):
        open_web(proxy=site.url).get(f"http://{host}/")

    assert site.requests == []
