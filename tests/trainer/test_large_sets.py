"""Large data: several processes, files and a cache give exactly what one process gives in memory."""

import json
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from trainer_image import tokenising, workers
from trainer_image.config import ROWS_CACHE_VARIABLE, RunConfig
from trainer_image.events import Problem, Result
from trainer_image.problems import RunFailedError
from trainer_image.rows import Row
from trainer_image.token_cache import TokenCache
from trainer_image.workers import (
    WORKERS_VARIABLE,
    Work,
    asked_workers,
    encode_in_workers,
    up_to,
    worker_count,
)

from . import tiny
from .prepared import Prepared, pair, pairs, write

pytestmark = pytest.mark.training

MIXED = [
    *pairs(300),
    pair("Hm?", " "),
    {"unknown": 1},
    *pairs(2),
    pair("Hm?", "long " * 100),
    *[pair(f"And {n}?", f"It is {n}.", unmask=True) for n in range(300)],
    pair("So?", "Mm."),
]
CUT = {"max_seq_len": 64, "min_seq_len": 8}


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every set of ten rows or more counts as large."""
    monkeypatch.setattr(tokenising, "SMALL_ROWS", 10)


def log_of(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def everything(prepared: Prepared) -> list[Any]:
    rows = prepared.rows
    aside = rows.validation
    assert aside
    return [
        list(rows.input_ids), list(rows.labels), list(aside.input_ids), list(aside.labels), rows.sha256(),
        rows.stop_ids, rows.lost_answers, rows.shortest_too_long, prepared.notices,
        prepared.ledger.model_copy(update={"time": 0.0}),
    ]  # fmt: skip


def test_any_number_of_processes_gives_what_one_gives_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {**CUT, "template": tiny.CHATML_WITHOUT_MARKERS}
    in_memory = everything(Prepared(tmp_path / "memory", MIXED, **settings))
    assert not (tmp_path / "memory" / "cache").exists()
    monkeypatch.setattr(tokenising, "SMALL_ROWS", 10)

    alone = everything(Prepared(tmp_path / "one", MIXED, workers=1, **settings))
    assert "processes" not in log_of(capsys)
    spread = everything(Prepared(tmp_path / "two", MIXED, workers=2, **settings))

    assert "tokenised by 2 processes" in log_of(capsys)
    assert alone == in_memory
    assert spread == in_memory
    ledger = in_memory[-1]
    assert ledger.buckets == {
        "trained": 571, "validation": 30, "empty_answer": 1, "malformed": 1, "duplicate": 2, "too_long": 1,
    }  # fmt: skip
    assert [refused.line for refused in ledger.refused] == [301, 302, 303, 304, 305]


@pytest.mark.usefixtures("large")
def test_a_second_run_takes_its_rows_from_the_shared_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(ROWS_CACHE_VARIABLE, str(tmp_path / "shared"))
    first = everything(Prepared(tmp_path / "a", MIXED, workers=1, **CUT))
    assert "tokenised before" not in log_of(capsys)

    again = everything(Prepared(tmp_path / "b", MIXED, workers=1, learning_rate=1e-3, **CUT))

    assert "tokenised before" in log_of(capsys)
    assert again == first
    assert not (tmp_path / "a" / "cache").exists()


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    "other",
    [
        {"max_seq_len": 65}, {"min_seq_len": 9}, {"over_long": "truncate"}, {"drop_duplicates": False},
        {"unmask_messages": True}, {"template": tiny.CHATML_WITHOUT_MARKERS}, {"records": MIXED[1:]},
        {"is_pretraining": True, "block_size": 32, "records": [{"document": "x"}] * 20},
    ],
)  # fmt: skip
def test_whatever_changes_the_tokens_is_tokenised_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: dict[str, Any]
) -> None:
    Prepared(tmp_path, MIXED, workers=1, **CUT)
    (tmp_path / "events.jsonl").unlink()

    changed = {"records": MIXED, **CUT, **other}
    Prepared(tmp_path, changed.pop("records"), workers=1, **changed)

    assert "tokenised before" not in log_of(capsys)


@pytest.mark.usefixtures("large")
def test_another_vocabulary_is_tokenised_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Prepared(tmp_path, pairs(20), workers=1)
    words = tiny.tokenizer()
    words.add_tokens(["What is"])
    (tmp_path / "events.jsonl").unlink()

    prepared = Prepared(tmp_path, pairs(20), workers=1, tokenizer=words)

    assert "tokenised before" not in log_of(capsys)
    assert words.convert_tokens_to_ids("What is") in prepared.rows.input_ids[0]


@pytest.mark.usefixtures("large")
def test_a_validation_file_is_part_of_what_is_found_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = tmp_path / "held-out.jsonl"
    settings: dict[str, Any] = {"validation": "file", "validation_file": str(held_out), "workers": 1}
    write(held_out, [pair("New?", "Yes."), pairs(1)[0]])
    first = everything(Prepared(tmp_path / "a", pairs(20), **settings))
    (tmp_path / "a" / "events.jsonl").unlink()
    again = everything(Prepared(tmp_path / "a", pairs(20), **settings))
    assert "tokenised before" in log_of(capsys)
    write(held_out, [pair("Newer?", "Yes."), pair("New?", "No.")])
    (tmp_path / "a" / "events.jsonl").unlink()

    changed = Prepared(tmp_path / "a", pairs(20), **settings)

    assert again == first
    assert "tokenised before" not in log_of(capsys)
    assert changed.ledger.buckets == {"trained": 20, "validation": 2}


@pytest.mark.usefixtures("large")
def test_a_validation_file_of_rows_trained_on_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path / "held-out.jsonl", pairs(1))

    with pytest.raises(RunFailedError, match="No row of the validation file"):
        Prepared(tmp_path, pairs(20), validation="file", validation_file="held-out.jsonl", workers=1)

    assert [path.suffix for path in (tmp_path / "cache" / "tokens").iterdir()] == [".lock"]


def damage_size(entry: Path) -> None:
    os.truncate(entry / "train.ids", 40)


def damage_content(entry: Path) -> None:
    content = bytearray((entry / "train.trained").read_bytes())
    content[-1] ^= 1
    (entry / "train.trained").write_bytes(content)


def damage_summary(entry: Path) -> None:
    (entry / "summary.json").write_text('{"read": 1')


def leave_half(entry: Path) -> None:
    (entry / "summary.json").unlink()


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("damage", [damage_size, damage_content, damage_summary, leave_half])
def test_a_damaged_entry_is_said_and_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    first = everything(Prepared(tmp_path, pairs(40), workers=1))
    (entry,) = [path for path in (tmp_path / "cache" / "tokens").iterdir() if path.is_dir()]
    damage(entry)
    (tmp_path / "events.jsonl").unlink()

    again = Prepared(tmp_path, pairs(40), workers=1)

    assert any("damaged on disk" in notice for notice in again.notices)
    assert everything(again)[:5] == first[:5]
    (tmp_path / "events.jsonl").unlink()
    assert not any("damaged" in notice for notice in Prepared(tmp_path, pairs(40), workers=1).notices)


@pytest.mark.usefixtures("large")
def test_what_an_interrupted_run_left_is_no_obstacle_and_goes_away(tmp_path: Path) -> None:
    first = everything(Prepared(tmp_path, pairs(40), workers=1))
    folder = tmp_path / "cache" / "tokens"
    (entry,) = [path for path in folder.iterdir() if path.is_dir()]
    entry.rename(folder / f"{entry.name}.partial")
    (folder / "0123.partial").mkdir()
    (tmp_path / "events.jsonl").unlink()

    again = everything(Prepared(tmp_path, pairs(40), workers=1))

    assert again == first
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [entry.name]


@pytest.mark.usefixtures("large")
def test_a_shared_folder_that_cannot_be_used_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a-file").touch()
    monkeypatch.setenv(ROWS_CACHE_VARIABLE, str(tmp_path / "a-file" / "cache"))

    prepared = Prepared(tmp_path / "run", pairs(40), workers=1)

    assert any("kept with the run instead" in notice for notice in prepared.notices)
    assert (tmp_path / "run" / "cache" / "tokens").is_dir()


def test_the_cache_stays_below_its_size_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path, most_bytes=250)
    for name, used in (("old", 1), ("older", 0), ("new", 2), ("held", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.ids").write_bytes(bytes(100))
        os.utime(tmp_path / name, (used, used))

    with cache.held("held", waiting=pytest.fail):
        cache.make_room(keep="new")

    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["held", "new"]


def test_who_comes_second_waits_for_the_rows_and_says_so(tmp_path: Path) -> None:
    cache, order = TokenCache(tmp_path), list[str]()

    def second() -> None:
        with cache.held("rows", waiting=waits.set):
            order.append("second")

    waits, other = threading.Event(), threading.Thread(target=second)
    with cache.held("rows", waiting=pytest.fail):
        other.start()
        assert waits.wait(30)
        order.append("first")
    other.join(30)

    assert order == ["first", "second"]


@pytest.mark.usefixtures("large")
def test_data_that_changes_while_it_is_read_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = tmp_path / "data" / "train.jsonl"

    def and_then_append(rest: Any, **limits: Any) -> Any:
        yield from up_to(rest, **limits)
        with lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(pair("More?", "More.")) + "\n")

    monkeypatch.setattr(workers, "up_to", and_then_append)

    with pytest.raises(RunFailedError, match="changed while it was read"):
        Prepared(tmp_path, pairs(40), workers=1)

    assert not [path for path in (tmp_path / "cache" / "tokens").iterdir() if path.is_dir()]


@pytest.mark.usefixtures("large")
def test_documents_in_files_make_the_blocks_they_make_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"template": None, "is_pretraining": True, "block_size": 7, "workers": 1}
    texts = [{"document": f"Document {n} of many{' more' * (n % 5)}."} for n in range(40)]
    in_files = everything(Prepared(tmp_path / "files", texts, **settings))
    monkeypatch.setattr(tokenising, "SMALL_ROWS", 1000)

    assert in_files == everything(Prepared(tmp_path / "memory", texts, **settings))


class Deadly:
    """Ends the process that reads it from a pickle."""

    def __reduce__(self) -> Any:
        return os._exit, (9,)


def test_a_worker_that_dies_is_a_sentence_and_nothing_is_left_running() -> None:
    work = Work.of(RunConfig(base_model="x"), Deadly())
    assert work

    with pytest.raises(RunFailedError, match="has died; most often memory had run out"):
        list(encode_in_workers([Row(1, ())] * 1000, work, workers=2))

    assert not multiprocessing.active_children()


def test_an_error_in_a_worker_arrives_and_nothing_is_left_running() -> None:
    work = Work(pickle.dumps((RunConfig(base_model="x"), tiny.tokenizer())))

    with pytest.raises(IndexError):
        list(encode_in_workers([Row(1, ())] * 1000, work, workers=1))

    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("large")
def test_a_tokenizer_that_cannot_be_sent_is_said_and_does_all_the_work_here(tmp_path: Path) -> None:
    words = tiny.tokenizer()
    words.secret = lambda: None

    prepared = Prepared(tmp_path, pairs(40), tokenizer=words, workers=2)

    assert any("one does all the work" in notice for notice in prepared.notices)
    assert prepared.ledger.buckets == {"trained": 24, "validation": 16}


def test_a_person_may_say_how_many_processes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS_VARIABLE, "many")
    assert asked_workers() is None
    assert 1 <= worker_count() <= 16

    monkeypatch.setenv(WORKERS_VARIABLE, "5")

    assert asked_workers() == 5


@pytest.mark.usefixtures("large")
def test_workers_are_started_only_for_what_is_left_after_some_seconds_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(WORKERS_VARIABLE, raising=False)
    monkeypatch.setattr(tokenising, "worker_count", lambda: 2)
    alone = Prepared(tmp_path / "alone", pairs(30), template=tiny.CHATML)
    assert "processes" not in log_of(capsys)

    spread = Prepared(tmp_path / "spread", pairs(31))

    assert "tokenised by 2 processes" in log_of(capsys)
    assert list(spread.rows.input_ids)[:-1] == list(alone.rows.input_ids)
    assert spread.ledger.buckets == {"trained": 31}


def test_a_run_is_stopped_at_once_while_its_workers_work_and_the_next_one_finishes(
    tmp_path: Path,
    tiny_model: Path,
    train_here: Callable[..., tiny.Ran],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [json.dumps(row) for row in pairs(tokenising.SMALL_ROWS + 500)]
    folder = tiny.make_run(
        tmp_path / "run", tiny_model, lines=lines, max_steps=1, validation="off", offline=False
    )
    monkeypatch.setenv(WORKERS_VARIABLE, "2")

    process = tiny.start(folder)
    tiny.wait_for(process, lambda line: "tokenised by 2 processes" in line)
    helpers = workers_of(process.pid)
    process.send_signal(signal.SIGTERM)
    stopped = tiny.finish(process, folder)
    _, alive = psutil.wait_procs(helpers, timeout=60)
    finished = train_here(folder)

    assert stopped.code == 3
    assert Result.model_validate_json((folder / "result.json").read_bytes()).status == "finished"
    assert not alive
    assert finished.code == 0, finished.of(Problem)
    assert "tokenised by 2 processes" in log_of(capsys)


def workers_of(pid: int) -> list[psutil.Process]:
    """Both workers, once they are there."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        children = psutil.Process(pid).children()
        helpers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        if len(helpers) == 2:
            return helpers
    raise AssertionError("the workers did not start")
