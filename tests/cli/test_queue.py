"""The queue in the terminal: what waits, in which order, and who starts it."""

import json

import pytest

from app.__main__ import main

SETUP = """
setup_version = 2
target = "local"
session = "Ferry help desk (sample)"
output_name = "{name}"
[config]
base_model = "tunewright/tiny"
[config.method]
kind = "lora"
"""


@pytest.fixture
def words(tmp_path, monkeypatch, capsys):
    """Say words of `tunewright queue` and get what it prints as JSON."""
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path / "home"))

    def say(*said: str, code: int = 0):
        assert main(["queue", *said, "--json"]) == code
        printed = capsys.readouterr().out
        return json.loads(printed) if printed else None

    return say


@pytest.fixture
def config(tmp_path) -> str:
    (tmp_path / "b.toml").write_text(SETUP.format(name="b"))
    return str(tmp_path / "b.toml")


def names(listed: dict) -> list[str]:
    return [run["name"] for run in listed["runs"]]


def test_runs_wait_in_the_order_a_person_gives_them(words, config):
    words("pause")
    words("rules", "--idle", "yes", "--hours", "1-5")
    words("add", "--config", config)
    three = words("add", "--config", config, "--methods", "lora,osft,sft")

    moved = words("move", "b-sft", "-3")
    words("cancel", "b")
    again = words("list")
    refused = words("cancel", "b", code=1)
    words("return", "b")

    assert [run["config"]["method"]["kind"] for run in three] == ["lora", "osft", "sft"]
    assert names(moved) == ["b-sft", "b", "b-lora", "b-osft"]
    assert names(again) == ["b-sft", "b-lora", "b-osft"]
    assert again["reason"] == "The queue is paused."
    assert (again["rules"]["only_idle"], again["rules"]["night_to"]) == (True, 5)
    assert "does not wait any more" in refused["error"]["message"]
    assert names(words("list"))[-1] == "b"


def test_a_limit_in_money_is_set_kept_and_lifted_by_a_word(words):
    assert words("rules", "--most-dollars", "$1.5")["most_dollars"] == 1.5
    assert words("rules", "--night", "no")["most_dollars"] == 1.5

    assert words("rules", "--most-dollars", "none")["most_dollars"] is None


@pytest.mark.parametrize("amount", ["0", "-1", "nan", "inf"])
def test_what_is_no_limit_in_money_is_refused_and_lifts_none(words, amount):
    words("rules", "--most-dollars", "20")

    refused = words("rules", f"--most-dollars={amount}", code=1)

    assert refused["error"]["message"] == "The limit is no amount of dollars."
    assert words("rules")["most_dollars"] == 20


def test_an_unknown_method_is_named(words, config):
    refused = words("add", "--config", config, "--methods", "lora,dpo", code=1)

    assert refused["error"]["message"] == "There is no method dpo."


def test_a_method_that_a_setting_rules_out_is_named_with_that_setting(words, tmp_path, capsys):
    path = tmp_path / "u.toml"
    path.write_text(SETUP.format(name="u").replace("[config]", '[config]\nbackend = "unsloth"'))

    assert main(["queue", "add", "--config", str(path), "--methods", "lora,osft"]) == 1

    assert "the backend unsloth trains LoRA only" in capsys.readouterr().err
    assert words("list")["runs"] == []


def test_an_empty_queue_has_run_at_once(words):
    assert words("run") is None
