"""Collecting in the terminal, as a program, from a small site on loopback."""

import json
import signal
from collections.abc import Iterator

import pytest

from app.adapters.scrapers.registry import scrapers
from app.cli.collecting_words import given
from app.cli.parser import make_parser
from tests.cli.conftest import Shell
from tests.emulators.server import Fault, running
from tests.emulators.website import Website


@pytest.fixture
def site() -> Iterator[Website]:
    with running(Website()) as emulator:
        yield emulator


def test_every_field_of_every_source_has_its_option():
    words = make_parser().parse_args(["sessions", "collect", "web", "http://a.example"])
    assert given(words) == {"urls": ["http://a.example"]}  # what is not given is left to the source

    for scraper in scrapers():
        for field in scraper.fields:
            if field.name == "urls":
                continue
            option = "--" + field.name.replace("_", "-")
            value = [] if field.kind == "flag" else ["7"]
            args = make_parser().parse_args(["sessions", "collect", scraper.kind, option, *value])
            assert set(given(args)) == {field.name}


def test_fields_of_another_package_are_set_by_name():
    words = ["sessions", "collect", "tides", "--set", "harbour=Sorrel", "--set", "deep=true"]

    assert given(make_parser().parse_args(words)) == {"harbour": "Sorrel", "deep": True}


def test_pages_are_collected_listed_and_shown(shell: Shell, site: Website):
    scrape = shell.json("sessions", "collect", "web", site.page(1), site.page(2), "--name", "pages")
    [listed] = shell.json("sessions", "collects")
    shown = shell.json("sessions", "show", "pages")

    assert (scrape["status"], scrape["row_count"], scrape["skipped"]) == ("finished", 2, {})
    assert listed["id"] == scrape["id"]
    assert [row["meta"]["url"] for row in shown["rows"]] == [site.page(1), site.page(2)]


def test_ctrl_c_keeps_what_was_collected_and_resume_goes_on(shell: Shell, site: Website):
    site.faults.extend([None, None, Fault.SILENT])
    child = shell.start("sessions", "collect", "web", site.page(3), site.page(4), "--name", "cut")
    assert site.asked.wait(60)

    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    site.go_on.set()
    cut = next(s for s in shell.json("sessions", "collects") if s["name"] == "cut")
    resumed = shell.json("sessions", "collect", "--resume", cut["id"])

    assert (child.returncode, "Traceback" in err) == (130, False)
    assert f"--resume {cut['id']}" in out
    assert (cut["status"], cut["row_count"]) == ("cancelled", 1)
    assert (resumed["status"], resumed["row_count"]) == ("finished", 2)
    assert resumed["session_id"] == cut["session_id"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hackernews", "--site", "x"], "Hacker News knows no 'site'."),
        (["--resume", "nothing"], "There is no scrape 'nothing'."),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(shell: Shell, words: list[str], said: str):
    code, out, err = shell.run("sessions", "collect", *words, "--json")

    assert (code, said in err) == (1, True), err
    assert said in json.loads(out)["error"]["message"]
    assert "scrapes list" not in err  # no such verb


def test_offline_it_refuses_with_the_reason(shell: Shell, site: Website, monkeypatch):
    monkeypatch.setitem(shell.environment, "HF_HUB_OFFLINE", "1")

    code, _, err = shell.run("sessions", "collect", "web", site.page(1))

    assert (code, "HF_HUB_OFFLINE" in err) == (1, True)
    assert site.requests == []
