"""Chats, settings and saved setups; who is alive; where tokens come from."""

import os
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.chats import SqliteChatStore
from app.adapters.sqlite.configs import SqliteConfigStore
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.domain.chat import Sampling
from app.domain.errors import UnknownRunError
from app.domain.runs import RunId

from . import examples

RUN = RunId("run-1")


def test_chat_turns_come_back_in_order_and_whole(engine: Engine, runs: SqliteRunStore) -> None:
    chats = SqliteChatStore(engine)
    runs.add(examples.run())

    first = chats.add(RUN, "tuned", "When?", "At 9\x00 🚢", Sampling(0.0, 64, 1.2, seed=7))
    second = chats.add(RUN, "base", "When?", "Who knows.", Sampling())

    assert chats.turns(RUN) == [first, second]
    assert (first.voice, first.answer, first.sampling.seed) == ("tuned", "At 9\x00 🚢", 7)
    assert first.created_at.tzinfo == UTC


def test_a_cleared_chat_is_empty_and_others_are_not(engine: Engine, runs: SqliteRunStore) -> None:
    chats = SqliteChatStore(engine)
    for run_id in (RUN, RunId("other")):
        runs.add(examples.run(run_id))
        chats.add(run_id, "tuned", "Hi", "Hello", Sampling())

    chats.clear(RUN)

    assert chats.turns(RUN) == []
    assert len(chats.turns(RunId("other"))) == 1


def test_a_chat_with_a_run_that_is_gone_is_refused(engine: Engine) -> None:
    with pytest.raises(UnknownRunError, match="no run run-1"):
        SqliteChatStore(engine).add(RUN, "tuned", "Hi", "Hello", Sampling())


def test_half_an_emoji_in_an_answer_does_not_lose_the_answer(engine: Engine, runs: SqliteRunStore) -> None:
    runs.add(examples.run())

    turn = SqliteChatStore(engine).add(RUN, "tuned", "Hi", "Hello \ud83d", Sampling())

    assert turn.answer == "Hello ?"


def test_a_setting_keeps_its_newest_value_across_restarts(path: Path, engine: Engine) -> None:
    SqliteSettingsStore(engine).set("theme", "dark")
    SqliteSettingsStore(engine).set("theme", "light")

    settings = SqliteSettingsStore(open_database(path))

    assert settings.get("theme") == "light"
    assert settings.get("never set") is None


def test_saved_setups_are_replaced_listed_by_name_and_deleted(engine: Engine) -> None:
    configs = SqliteConfigStore(engine)
    configs.save("b", "{}")
    configs.save("a", '{"old": 1}')
    assert not configs.save("a", '{"kept out": 1}', replace=False)
    configs.save("a", '{"new": 2}')

    assert saved(configs) == [("a", '{"new": 2}'), ("b", "{}")]
    configs.delete("a")
    configs.delete("never saved")
    assert saved(configs) == [("b", "{}")]


def test_a_saved_setup_is_renamed_unless_the_name_is_taken(engine: Engine) -> None:
    configs = SqliteConfigStore(engine)
    configs.save("a", "{}")
    configs.save("b", '{"other": 1}')

    assert [configs.rename("a", "b"), configs.rename("never saved", "c"), configs.rename("a", "c")] == [
        False,
        False,
        True,
    ]
    assert saved(configs) == [("b", '{"other": 1}'), ("c", "{}")]


def saved(configs: SqliteConfigStore) -> list[tuple[str, str]]:
    return [(config.name, config.document) for config in configs.all()]


def test_this_process_is_alive_and_one_that_started_at_another_time_is_not() -> None:
    processes = SystemProcesses()
    pid, _, started = processes.me().partition(":")

    assert processes.is_alive(processes.me())
    assert not processes.is_alive(f"{pid}:{float(started) - 60:.2f}")


def test_an_ended_process_is_not_alive_even_before_it_is_collected() -> None:
    code = "from app.adapters.processes import SystemProcesses as S; print(S().me(), flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    owner = other.stdout.readline().strip()
    assert SystemProcesses().is_alive(owner)

    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)

    assert not SystemProcesses().is_alive(owner)
    other.communicate()
    assert not SystemProcesses().is_alive(owner)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own start time is asked for")
def test_a_clock_that_is_set_makes_no_living_process_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    me = SystemProcesses().me()
    booted = psutil.boot_time()

    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + 3600)

    assert SystemProcesses().is_alive(me)
    assert SystemProcesses().me() == me


@pytest.mark.parametrize("owner", ["", "17", "seventeen:1.0", "-5:1.0", "17:", "99999999999999999999:1"])
def test_what_names_no_process_is_not_alive(owner: str) -> None:
    assert not SystemProcesses().is_alive(owner)


def test_a_token_in_the_environment_comes_first() -> None:
    both = {"HF_TOKEN": " one ", "HUGGING_FACE_HUB_TOKEN": "two"}

    assert EnvironmentSecrets(both).hf_token() == "one"
    assert EnvironmentSecrets(both | {"HF_TOKEN": ""}).hf_token() == "two"


def test_without_one_in_the_environment_the_saved_login_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "token"
    saved.write_text("saved-by-login\n")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(saved))

    assert EnvironmentSecrets({}).hf_token() == "saved-by-login"
    saved.unlink()
    assert EnvironmentSecrets({}).hf_token() is None
