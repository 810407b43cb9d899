"""Events and results on disk, also after a kill."""

import json
import shutil
from pathlib import Path

import pytest

from trainer_image.events import Ended, Notice, Problem, Started, parse_event
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter


def lines(run_dir: Path) -> list[bytes]:
    return (run_dir / "events.jsonl").read_bytes().splitlines()


def test_attempts_are_counted_from_the_events(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        reporter = Reporter(tmp_path)
        reporter.emit(Started(attempt=reporter.attempt))

        assert reporter.attempt == expected


def test_a_line_torn_by_a_kill_does_not_swallow_the_next_event(tmp_path: Path) -> None:
    Reporter(tmp_path).emit(Notice(message="whole"))
    path = tmp_path / "events.jsonl"
    path.write_bytes(path.read_bytes() + b'{"type":"metrics","st')

    Reporter(tmp_path).emit(Notice(message="after"))

    events = [parse_event(line) for line in lines(tmp_path)]
    assert [event.message if isinstance(event, Notice) else event for event in events] == [
        "whole",
        None,
        "after",
    ]


def test_an_event_is_on_disk_when_emit_returns_with_its_time(tmp_path: Path) -> None:
    Reporter(tmp_path).emit(Notice(message="now"))

    event = parse_event(lines(tmp_path)[0])
    assert event is not None
    assert event.time > 1_700_000_000


def test_a_run_whose_folder_was_removed_ends_instead_of_training_for_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    reporter = Reporter(folder)
    shutil.rmtree(folder)

    with pytest.raises(RunFailedError, match="folder was removed"):
        reporter.emit(Notice(message="step"))

    assert reporter.finish("failed", message="removed") is True
    assert not folder.exists()


def test_only_the_first_last_word_counts(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, attempt=4)

    assert reporter.finish("finished", step=3) is True
    assert reporter.finish("stopped") is False

    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["status"], result["attempt"], result["step"]) == ("finished", 4, 3)
    assert [type(parse_event(line)) for line in lines(tmp_path)] == [Ended]


def test_a_run_that_cannot_leave_its_result_has_failed_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter, other = Reporter(tmp_path), Reporter(tmp_path)
    assert other.finish("finished")
    (tmp_path / "result.json").unlink()
    (tmp_path / "result.json").mkdir()

    reporter.finish("finished")

    assert (reporter.code(0), reporter.code(3), other.code(0)) == (1, 1, 0)
    said = [event for event in map(parse_event, lines(tmp_path)) if isinstance(event, Problem)]
    assert "result.json could not be written: Is a directory" in said[-1].message
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(said[-1].message)
    assert not list(tmp_path.glob("*.partial"))


def test_tokens_never_reach_a_file_or_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    reporter = Reporter(tmp_path)

    reporter.notice("with hf_secret")
    reporter.finish("failed", message="refused hf_secret", hint="not hf_secret")

    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"hf_secret" not in written
    assert "hf_secret" not in capsys.readouterr().out
