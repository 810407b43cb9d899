"""Sessions come in whole, with an account of what did not."""

import csv
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet
import pytest

from app.adapters.row_sources import RowSources
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.domain.errors import ImportFailedError, StudioError, UnknownSessionError
from app.domain.sessions import ExportFormat
from app.services.library import SAMPLE_NAME, ImportCancelledError, LibraryService, random_prompts
from app.services.row_files import ExportCancelledError
from tests.store import children
from trainer_image.rows import Row, to_messages


def write(path, *records):
    path.write_text("".join(r if isinstance(r, str) else json.dumps(r) + "\n" for r in records))
    return path


PAIR = {"prompt": "Q", "completion": "A"}


def test_every_line_is_imported_or_refused_with_its_number_and_reason(world, tmp_path):
    path = write(tmp_path / "rows.jsonl", PAIR, "not json\n", "\n", {"prompt": "Q", "completion": " "}, PAIR)

    report = world.library.import_file(path)

    assert (report.total, report.accepted_count, report.refused_count) == (4, 2, 2)
    assert [(row.source_line, row.reason) for row in report.refused] == [
        (2, "the line is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (4, "the answer is empty"),
    ]
    assert [row.source_line for row in world.library.rows(report.session.id)] == [1, 5]


def test_a_file_without_one_usable_row_leaves_no_session(world, tmp_path):
    path = write(tmp_path / "bad.jsonl", {"foo": 1})

    with pytest.raises(ImportFailedError, match="line 1: no known format: the row has foo"):
        world.library.import_file(path)

    assert world.library.sessions() == []


def test_an_empty_file_is_said_to_be_empty(world, tmp_path):
    with pytest.raises(ImportFailedError, match="empty"):
        world.library.import_file(write(tmp_path / "empty.jsonl"))


def test_a_cancelled_import_leaves_nothing(world, tmp_path):
    def cancel(count):
        raise ImportCancelledError

    path = write(tmp_path / "rows.jsonl", *[PAIR] * 600)

    with pytest.raises(ImportCancelledError):
        world.library.import_file(path, progress=cancel)
    assert world.library.sessions() == []


def test_a_second_import_of_the_same_file_gets_its_own_name(world, tmp_path):
    path = write(tmp_path / "rows.jsonl", PAIR)

    names = [world.library.import_file(path).session.name for _ in range(3)]

    assert names == ["rows", "rows (2)", "rows (3)"]


def test_what_is_exported_imports_as_the_same_rows(world, tmp_path):
    first = world.library.import_file(
        write(tmp_path / "rows.jsonl", PAIR, {"instruction": "I", "output": "O"})
    )

    count = world.library.export(first.session.id, tmp_path / "out" / "rows.jsonl")
    second = world.library.import_file(tmp_path / "out" / "rows.jsonl")

    assert count == 2
    assert second.session.content_hash == first.session.content_hash


def test_half_an_emoji_survives_export_and_import(world, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "cut \\ud83d", "completion": "A"}\n')
    first = world.library.import_file(path)

    world.library.export(first.session.id, tmp_path / "out.jsonl")

    again = world.library.import_file(tmp_path / "out.jsonl")
    assert again.session.content_hash == first.session.content_hash


def test_an_export_that_cannot_be_written_says_so(world, session, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StudioError, match="could not be written"):
        world.library.export(session.id, tmp_path / "file" / "below.jsonl")


def test_the_sample_comes_once_and_stays_deleted(world):
    sample = world.library.ensure_sample()
    world.library.delete(sample.id)

    assert world.library.ensure_sample() is None
    assert world.library.sessions() == []


def test_of_two_first_starts_at_once_one_brings_the_sample(world, tmp_path):
    both_are_there = threading.Barrier(2)

    class Slow(RowSources):
        def read_file(self, path, options):
            both_are_there.wait(20)
            return super().read_file(path, options)

    settings = SqliteSettingsStore(open_database(tmp_path / "tunewright.db"))
    sample = tmp_path / "ferries.jsonl"
    sample.write_text('{"prompt": "Ferry?", "completion": "At noon."}\n')
    starts = [LibraryService(world.sessions, Slow(), settings, None, sample) for _ in range(2)]

    with ThreadPoolExecutor(2) as threads:
        said = list(threads.map(LibraryService.ensure_sample, starts))

    (kept,) = world.library.sessions()
    assert kept.name == SAMPLE_NAME
    assert {session.id for session in said} == {kept.id}


def test_a_session_needs_a_name(world, session):
    with pytest.raises(StudioError, match="needs a name"):
        world.library.rename(session.id, "  ")
    assert world.library.rename(session.id, " Ferry ").name == "Ferry"


def test_an_unknown_session_is_said(world):
    with pytest.raises(UnknownSessionError):
        world.library.find("nothing like this")


def test_a_path_that_is_no_file_is_refused_and_left_alone(world, session, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/dev/null")

    for path in (tmp_path / "folder", tmp_path / "link", Path("/")):
        with pytest.raises(StudioError, match="is no file"):
            world.library.export(session.id, path)

    assert (tmp_path / "link").is_symlink()
    assert sorted(file.name for file in tmp_path.glob("*.partial")) == []


def test_a_reason_does_not_carry_the_whole_row_along(world, tmp_path):
    path = write(tmp_path / "rows.jsonl", PAIR, {"k" * 100_000: 1})

    [refused] = world.library.import_file(path).refused

    assert "no known format" in refused.reason
    assert len(refused.reason) <= 300


def test_a_name_of_blanks_counts_as_none(world, tmp_path):
    assert world.library.import_file(write(tmp_path / "rows.jsonl", PAIR), "  ").session.name == "rows.jsonl"


def test_random_prompts_come_from_any_format_and_pass_over_what_is_no_row(tmp_path):
    path = write(
        tmp_path / "rows.jsonl", "\n", "{broken\n", {"instruction": "I", "output": "O"}, PAIR, {"a": 1}
    )

    assert sorted(random_prompts(path, 5)) == ["I", "Q"]


def test_random_prompts_are_distinct_questions_of_the_data(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": f"Q{n}"}, {"role": "assistant", "content": "A"}]}
        for n in range(50)
    ]
    path = write(tmp_path / "rows.jsonl", *rows)

    picks = [random_prompts(path, 5, seed=seed) for seed in range(20)]

    assert all(len(set(pick)) == 5 for pick in picks)
    assert len({prompt for pick in picks for prompt in pick}) > 30
    assert random_prompts(tmp_path / "gone.jsonl", 5) == []


def rows_with_everything(world):
    call = {"type": "function", "function": {"name": "sound", "arguments": {"place": "harbour"}}}
    return world.sessions.add(
        "all",
        "test",
        iter(
            [
                Row(
                    1,
                    (
                        {
                            "role": "user",
                            "content": 'How deep, "exactly"?\nNow.',
                            "tools": [{"name": "sound"}],
                        },
                        {
                            "role": "assistant",
                            "content": "",
                            "tool_calls": [call],
                            "reasoning_content": "Hm.",
                        },
                        {"role": "tool", "content": "3", "name": "sound", "tool_call_id": "1"},
                        {"role": "assistant", "content": "Drei Faden 🚢.", "unmask": True},
                    ),
                    {"url": "https://example.org", "page": 3, "unused": {"deep": [1]}},
                ),
                Row(2, ({"role": "user", "content": "cut \ud83d"}, {"role": "assistant", "content": "A"})),
            ]
        ),
    )


def test_a_session_and_what_is_known_of_its_rows_survive_export_and_import(world, tmp_path):
    session = rows_with_everything(world)

    world.library.export(session.id, tmp_path / "all.jsonl")
    again = world.library.import_file(tmp_path / "all.jsonl").session

    assert again.content_hash == session.content_hash
    assert [row.meta for row in world.library.rows(again.id)] == [
        row.meta for row in world.library.rows(session.id)
    ]


def test_csv_holds_messages_as_json_text_and_reads_back_as_the_same_rows(world, tmp_path):
    session = rows_with_everything(world)

    world.library.export(session.id, tmp_path / "all.csv", ExportFormat.CSV)

    with (tmp_path / "all.csv").open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    assert [to_messages(record) for record in records] == [
        row.messages for row in world.library.rows(session.id)
    ]
    assert json.loads(records[0]["meta"])["page"] == 3


@pytest.mark.parametrize("file_format", [ExportFormat.CSV, ExportFormat.PARQUET])
def test_a_row_of_which_nothing_is_known_comes_back_so_from_among_others(world, tmp_path, file_format):
    talk = ({"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."})
    session = world.sessions.add("s", "x", iter([Row(1, talk, {"page": 1}), Row(2, talk)]))

    world.library.export(session.id, tmp_path / "file", file_format)
    again = world.library.import_file(tmp_path / "file").session

    assert [dict(row.meta) for row in world.library.rows(again.id)] == [{"page": 1}, {}]


def test_parquet_holds_conversations_and_reads_back_as_the_same_rows(world, tmp_path):
    session = world.library.editing.delete_rows(rows_with_everything(world), {1})

    world.library.export(session.id, tmp_path / "all.parquet", ExportFormat.PARQUET)

    [record] = pyarrow.parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert to_messages(record) == world.library.rows(session.id)[0].messages
    assert json.loads(record["meta"])["unused"] == {"deep": [1]}


def test_parquet_refuses_what_it_cannot_hold_and_leaves_no_file(world, tmp_path):
    session = rows_with_everything(world)

    with pytest.raises(StudioError, match="rows 1 to 2 has half a character"):
        world.library.export(session.id, tmp_path / "all.parquet", ExportFormat.PARQUET)

    assert list(tmp_path.glob("all*")) == []


def test_a_file_that_is_there_is_not_overwritten_unasked(world, session, tmp_path):
    (tmp_path / "mine.jsonl").write_text("mine")

    with pytest.raises(StudioError, match="exists already"):
        world.library.export(session.id, tmp_path / "mine.jsonl")
    assert (tmp_path / "mine.jsonl").read_text() == "mine"

    world.library.export(session.id, tmp_path / "mine.jsonl", overwrite=True)
    assert (tmp_path / "mine.jsonl").read_text() != "mine"


@pytest.mark.parametrize("file_format", list(ExportFormat))
def test_a_cancelled_export_leaves_the_file_that_was_there(world, tmp_path, file_format):
    path = write(tmp_path / "rows.jsonl", *[PAIR] * 600)
    session = world.library.import_file(path).session
    (tmp_path / "out").write_text("old")

    def cancel(count):
        raise ExportCancelledError

    with pytest.raises(ExportCancelledError):
        world.library.export(session.id, tmp_path / "out", file_format, overwrite=True, progress=cancel)

    assert (tmp_path / "out").read_text() == "old"
    assert list(tmp_path.glob("*.partial")) == []


def test_an_export_that_is_killed_leaves_the_file_that_was_there(tmp_path):
    path = write(tmp_path / "rows.jsonl", PAIR)
    before = path.read_bytes()
    hear, tell = children.FRESH.Pipe(duplex=False)
    [exporter] = children.start_all(children.FRESH, children.export_without_end, iter([(path, tell)]))
    assert hear.poll(60)
    while hear.recv() < 5_000:
        pass

    exporter.kill()
    exporter.join()

    assert path.read_bytes() == before


def test_of_two_sessions_called_like_the_sample_one_is_taken_and_no_third_made(world):
    first, second = world.library.sample(), world.library.duplicate(world.library.sample())
    world.library.rename(second.id, first.name)

    assert world.library.sample().id in {first.id, second.id}
    assert len(world.library.sessions()) == 2


def test_a_text_that_is_appended_says_how_it_was_read_as_one_that_is_imported_does(world, tmp_path):
    (tmp_path / "old.txt").write_bytes(
        "Die Fähre fährt über die Förde, und der Käpt’n grüßt.\n".encode("cp1252")
    )
    imported = world.library.import_file(tmp_path / "old.txt")

    appended = world.library.append_file(world.library.sample(), tmp_path / "old.txt")

    assert (appended.unit, appended.notes) == (imported.unit, imported.notes)
    assert "passage" in appended.unit
    assert "Read as" in " ".join(appended.notes)
