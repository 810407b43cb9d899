"""Sessions are kept in order from the command line, and nothing is destroyed unasked."""

import hashlib
import json

import pytest

from tests.cli.conftest import Shell

ROWS = "".join(
    json.dumps({"prompt": f"Question {n}?", "completion": f"Answer {n}."}) + "\n" for n in range(1, 6)
)


@pytest.fixture
def talk(shell: Shell, tmp_path) -> str:
    """The id of a fresh session."""
    (tmp_path / "talk.jsonl").write_text(ROWS)
    return shell.json("sessions", "import", str(tmp_path / "talk.jsonl"))["session"]["id"]


def test_a_session_is_renamed_tagged_copied_deleted_and_brought_back(shell: Shell, talk):
    assert shell.json("sessions", "rename", talk, f"sea {talk}")["name"] == f"sea {talk}"
    assert shell.json("sessions", "tag", talk, "b", "a")["tags"] == ["a", "b"]
    copy = shell.json("sessions", "duplicate", talk)["id"]
    assert {s["id"] for s in shell.json("sessions", "list", "--tag", "a")} >= {talk, copy}
    assert [s["id"] for s in shell.json("sessions", "list", "--search", f"{talk} (2)")] == [copy]

    text = shell.ok("sessions", "delete", talk)
    assert f"sessions undelete {talk}" in text
    assert talk in {s["id"] for s in shell.json("sessions", "list", "--deleted")}
    assert shell.run("sessions", "show", talk)[0] == 1
    shell.ok("sessions", "undelete", talk)
    assert shell.json("sessions", "show", talk)["session"]["row_count"] == 5

    shell.ok("sessions", "delete", talk, "--now")
    assert shell.run("sessions", "undelete", talk)[0] == 1


def test_rows_are_changed_each_change_is_a_version_and_old_ones_come_back(shell: Shell, talk, tmp_path):
    preview = shell.json("sessions", "replace", talk, "Question", "Riddle", "--preview")
    shell.ok("sessions", "replace", talk, "Question", "Riddle")
    (tmp_path / "more.jsonl").write_text(ROWS + "broken\n")
    report = shell.json("sessions", "append", talk, str(tmp_path / "more.jsonl"))
    (tmp_path / "odd.csv").write_text("said,asked\nSo.,How?\n")
    words = [
        talk,
        str(tmp_path / "odd.csv"),
        "--kind",
        "pair",
        "--map",
        "question=asked",
        "--map",
        "answer=said",
    ]
    shell.ok("sessions", "append", *words)
    mapped = shell.json("sessions", "show", talk, "--start", "10")["rows"][0]["messages"]
    shell.ok("sessions", "restore", talk, "3")
    shell.ok("sessions", "append", talk, talk, "--session")
    found = shell.json("sessions", "versions", talk)
    shell.ok("sessions", "restore", talk, "1")

    assert preview["row_count"] == 5
    assert (report["session"]["row_count"], report["refused_count"]) == (10, 1)
    assert [m["content"] for m in mapped] == ["How?", "So."]
    assert [v["row_count"] for v in found] == [20, 10, 11, 10, 5, 5]
    now = shell.json("sessions", "show", talk)["session"]
    assert (now["version"], now["content_hash"]) == (7, found[-1]["content_hash"])
    old = shell.json("sessions", "show", talk, "--version", "2")["rows"]
    assert old[0]["messages"][0]["content"] == "Riddle 1?"
    assert f"({talk}, version 3): 10 rows from talk.jsonl" in shell.ok(
        "sessions", "show", talk, "--version", "3"
    )
    assert f"({talk}): 5 rows from talk.jsonl" in shell.ok("sessions", "show", talk)
    shell.ok("sessions", "export", talk, str(tmp_path / "old.jsonl"), "--version", "2")
    assert hashlib.sha256((tmp_path / "old.jsonl").read_bytes()).hexdigest() == found[-2]["content_hash"]


def test_rows_are_found(shell: Shell, talk):
    found = shell.json("sessions", "find", talk, "question 3")
    some = shell.json("sessions", "find", talk, "--role", "user", "--tool-calls", "no", "--limit", "2")
    none = shell.ok("sessions", "find", talk, "zebra")
    assert shell.json("sessions", "find", talk, "question", "--limit", "0")["rows"] == []

    assert [row["position"] for row in found["rows"]] == [2]
    assert ([row["position"] for row in some["rows"]], some["next_start"]) == ([0, 1], 2)
    assert "No row is like that" in none


def test_a_row_has_one_number_wherever_it_is_said(shell: Shell, talk):
    """That of the window: rows are counted from 1."""
    assert "\nrow 3 (line 3)\n  user: Question 3?" in shell.ok("sessions", "show", talk)
    assert shell.ok("sessions", "show", talk, "--start", "2").count("row 3") == 1
    assert "\nrow 3 " in shell.ok("sessions", "find", talk, "question 3")
    assert "\nrow 3\n- Question 3?" in shell.ok("sessions", "replace", talk, "n 3", "n three", "--preview")
    assert "Question 3?" in shell.ok("sessions", "look", talk, "--model", "tunewright/tiny", "--row", "3")


def test_an_export_replaces_nothing_unless_forced_and_takes_its_format_from_the_name(
    shell: Shell, talk, tmp_path
):
    path = tmp_path / "out.csv"
    shell.ok("sessions", "export", talk, str(path))
    assert path.read_text().startswith("messages,meta")

    code, _, err = shell.run("sessions", "export", talk, str(path), "--format", "jsonl")
    assert (code, "--force" in err) == (1, True)
    assert path.read_text().startswith("messages,meta")

    assert shell.json("sessions", "export", talk, str(path), "--format", "jsonl", "--force")["rows"] == 5
    assert path.read_text().startswith('{"messages"')


def test_personal_data_is_counted_and_offline_nothing_is_published(shell: Shell, tmp_path):
    (tmp_path / "leaky.jsonl").write_text('{"prompt": "Who?", "completion": "ana@harbour.io"}\n')
    session = shell.json("sessions", "import", str(tmp_path / "leaky.jsonl"))["session"]["id"]

    [found] = shell.json("sessions", "check", session)
    shell.environment["HF_HUB_OFFLINE"] = "1"
    code, out, err = shell.run("sessions", "publish", session, "me/leaky")
    del shell.environment["HF_HUB_OFFLINE"]

    assert (found["kind"], found["count"], found["rows"]) == ("email", 1, [0])
    assert (code, "Offline mode is on" in err) == (1, True)
    assert "ana@" not in out + err
