"""Every verb that needs no training, and how mistakes are told."""

import argparse
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from app.__main__ import program
from app.cli.parser import make_parser
from app.cli.window_words import window_words
from app.domain.errors import StudioError
from app.services.setup_files import read_setup
from tests.cli.conftest import ROOT, Shell
from trainer_image.config import Lora, Osft, Sft

PAIR = '{"prompt": "Q", "completion": "A"}\n'


def words_of(parser: argparse.ArgumentParser, before: str = "tunewright"):
    """Every verb with its options: ("tunewright runs stop", {"--save", "--json"})."""
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    options = {o for a in parser._actions for o in a.option_strings if o.startswith("--") and o != "--help"}
    yield before, options
    for group in groups:
        for name, leaf in group.choices.items():
            yield from words_of(leaf, f"{before} {name}")


def test_the_documentation_names_every_verb_and_option():
    text = (ROOT / "docs/cli.md").read_text()

    for verb, options in words_of(make_parser()):
        assert verb in text
        assert {o for o in options if o not in text} == set()


def test_every_verb_takes_json():
    leaves = [(verb, options) for verb, options in words_of(make_parser()) if verb != "tunewright"]
    groups = {verb.rsplit(" ", 1)[0] for verb, _ in leaves}

    assert [verb for verb, options in leaves if "--json" not in options and verb not in groups] == []


def test_a_file_is_imported_listed_shown_and_exported(shell: Shell, tmp_path):
    (tmp_path / "rows.jsonl").write_text(PAIR + "broken\n" + PAIR)

    report = shell.json("sessions", "import", str(tmp_path / "rows.jsonl"), "--name", "mine")
    listed = shell.json("sessions", "list")
    shown = shell.json("sessions", "show", "mine", "--limit", "1")
    exported = shell.json("sessions", "export", "mine", str(tmp_path / "out.jsonl"))

    assert (report["session"]["row_count"], report["refused_count"]) == (2, 1)
    assert report["refused"][0]["source_line"] == 2
    assert [session["name"] for session in listed] == ["mine", "Ferry help desk (sample)"]
    assert [row["position"] for row in shown["rows"]] == [0]
    assert exported["rows"] == 2
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


def test_columns_are_given_their_parts_after_a_look_at_them(shell: Shell, tmp_path):
    table = tmp_path / "depths.csv"
    table.write_text("frage,antwort,hafen\nWie tief?,Drei Faden.,Nord\nWo?,Hier.,Ost\n")

    look = shell.ok("sessions", "import", str(table), "--preview")
    code, _, error = shell.run("sessions", "import", str(table), "--map", "question=nein")
    chosen = ("--map", "question=frage", "--map", "answer=antwort")
    report = shell.json("sessions", "import", str(table), *chosen)
    row = shell.json("sessions", "show", report["session"]["id"])["rows"][1]

    assert "name them with --map" in look
    assert "Drei Faden." in look
    assert (code, "has no column 'nein'" in error) == (1, True)
    assert [message["content"] for message in row["messages"]] == ["Wo?", "Hier."]
    assert row["meta"] == {"hafen": "Ost"}


def test_columns_of_a_hub_dataset_are_given_their_parts_after_a_look_at_them(shell: Shell, tmp_path):
    repository = tmp_path / "depths"  # `datasets` takes a folder for a repository
    repository.mkdir()
    rows = [{"frage": f"Wie tief {n}?", "antwort": "Drei Faden.", "hafen": "Nord"} for n in range(20_000)]
    parquet.write_table(pa.Table.from_pylist(rows), repository / "rows.parquet", row_group_size=1000)
    words = ("sessions", "import", str(repository), "--hub")

    look = shell.ok(*words, "--preview")
    report = shell.json(*words, "--map", "question=frage", "--map", "answer=antwort")
    row = shell.json("sessions", "show", report["session"]["id"])["rows"][1]

    assert "It is a dataset of the Hugging Face Hub." in look
    assert "name them with --map" in look
    assert [message["content"] for message in row["messages"]] == ["Wie tief 1?", "Drei Faden."]
    assert row["meta"] == {"hafen": "Nord"}


def test_people_get_sentences_and_the_refused_lines(shell: Shell, tmp_path):
    (tmp_path / "rows.jsonl").write_text(PAIR + "broken\n")

    text = shell.ok("sessions", "import", str(tmp_path / "rows.jsonl"))

    assert "1 row imported" in text
    assert "line 2: the line is not JSON" in text


@pytest.mark.parametrize("length", ["", "5", "num_epochs", "num_epochs=many", "learning_rate=1"])
def test_what_is_no_length_is_refused_with_those_there_are(shell: Shell, length: str):
    code, _, err = shell.run("runs", "resume", "x", "--extend", length)

    assert code == 2
    assert "num_epochs=N or max_steps=N" in err


def test_an_error_is_a_sentence_on_stderr_and_json_when_asked(shell: Shell):
    code, out, err = shell.run("sessions", "import", "/nowhere/rows.jsonl", "--json")

    assert code == 1
    assert json.loads(out)["error"]["message"] in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [
        ["runs", "show", "nothing"],
        ["runs", "stop", "nothing"],
        ["runs", "resume", "nothing"],
        ["runs", "log", "nothing"],
        ["runs", "metrics", "nothing"],
        ["chat", "nothing", "--prompt", "x"],
        ["sessions", "show", "nothing"],
        ["sessions", "export", "nothing", "x.jsonl"],
        ["train", "--config", "nothing.toml"],
    ],
)
def test_what_does_not_exist_is_said_without_a_traceback(shell: Shell, words):
    code, _, err = shell.run(*words)

    assert code == 1
    assert "nothing" in err
    assert "Traceback" not in err


def test_times_are_those_of_the_clock_on_the_wall(shell: Shell, monkeypatch):
    monkeypatch.setitem(shell.environment, "TZ", "XXX-9:30")  # POSIX for half past nine hours ahead of UTC

    [session, *_] = shell.json("sessions", "list")
    there = datetime.fromisoformat(session["created_at"]) + timedelta(hours=9, minutes=30)

    assert f"{there:%Y-%m-%d %H:%M}" in shell.ok("sessions", "list")


def test_what_the_terminal_has_no_letter_for_is_printed_as_an_escape(shell: Shell, tmp_path, monkeypatch):
    odd = '{"\\ud83d": 1}\n{"prompt": "日本", "completion": "A"}\n'
    (tmp_path / "rows.jsonl").write_text(PAIR + odd)
    monkeypatch.setitem(shell.environment, "PYTHONIOENCODING", "ascii")

    text = shell.ok("sessions", "import", str(tmp_path / "rows.jsonl"), "--name", "日本")
    shown = shell.ok("sessions", "show", "日本")
    report = shell.json("sessions", "import", str(tmp_path / "rows.jsonl"), "--name", "ルビ")

    assert "the row has \\ud83d" in text
    assert "user: \\u65e5\\u672c" in shown
    assert report["session"]["name"] == "ルビ"


@pytest.mark.parametrize(
    "words",
    [
        ["sessions", "import", "~nobody-of-that-name/rows.jsonl"],
        ["sessions", "export", "Ferry help desk (sample)", "/"],
        ["train", "--config", "~nobody-of-that-name/setup.toml"],
    ],
)
def test_an_odd_path_is_an_error_of_the_person_not_of_the_app(shell: Shell, words):
    code, _, err = shell.run(*words)

    assert code == 1
    assert "inside Tunewright" not in err


def test_a_home_of_a_user_nobody_knows_is_said():
    code, _, err = Shell(Path("~nobody-of-that-name")).run("runs", "list")

    assert code == 1
    assert "TUNEWRIGHT_HOME" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "abc"],
        ["chat", "run", "--prompt", "x", "--seed", str(10**30)],
        ["sessions", "show", "s", "--limit", "-1"],
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(shell: Shell, words):
    code, _, err = shell.run(*words)

    assert code == 2
    assert "whole number from" in err


def test_wrong_words_exit_with_two(shell: Shell):
    assert shell.run("--port", "0")[0] == 2
    assert shell.run("runs")[0] == 2


def test_a_home_that_cannot_be_used_is_said(tmp_path):
    (tmp_path / "file").write_text("")

    code, _, err = Shell(tmp_path / "file" / "home").run("runs", "list")

    assert code == 1
    assert "TUNEWRIGHT_HOME" in err


def test_the_console_script_is_this_program():
    [script] = entry_points(group="console_scripts", name="tunewright")

    assert script.load() is program


def test_one_variable_moves_everything_the_app_owns(tmp_path):
    shell, elsewhere = Shell(tmp_path / "home"), tmp_path / "person"
    elsewhere.mkdir()
    shell.environment |= {"HOME": str(elsewhere), "TMPDIR": str(elsewhere)}
    for name in [n for n in shell.environment if n.startswith("XDG_")]:
        del shell.environment[name]

    shell.ok("sessions", "export", "Ferry help desk (sample)", str(tmp_path / "out.jsonl"))

    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "home" / "tunewright.db").is_file()


def test_the_doctor_looks_at_everything(shell: Shell):
    code, out, _ = shell.run("doctor", "--json")

    findings = {finding["name"]: finding for finding in json.loads(out)}
    assert set(findings) == {
        "Python",
        "Disk",
        "GPU",
        "This computer (no Docker)",
        "Local (Docker)",
        "Runpod - Pod",
        "Hugging Face token",
    }
    assert code == (1 if any(f["state"] == "problem" for f in findings.values()) else 0)


def test_a_token_is_never_printed(tmp_path):
    shell = Shell(tmp_path)
    shell.environment["HF_TOKEN"] = "hf_verysecret"

    _, out, err = shell.run("doctor", "--json")

    assert "Found" in out
    assert "verysecret" not in out + err
    leaks = [p for p in tmp_path.rglob("*") if p.is_file() and b"verysecret" in p.read_bytes()]
    assert leaks == []


def test_the_curve_another_trainer_left_is_printed(shell: Shell, tmp_path):
    (tmp_path / "training_log.jsonl").write_text('{"step": 7, "avg_loss": 0.5}\n')

    assert shell.json("losses", str(tmp_path))["points"] == [{"step": 7, "loss": 0.5}]
    assert "0.5000" in shell.ok("losses", str(tmp_path))


def test_a_run_is_checked_before_it_is_started(shell: Shell, tmp_path):
    setup = (ROOT / "docs/examples/lora.toml").read_text()
    broken = tmp_path / "broken.toml"
    broken.write_text(setup.replace('tunewright/tiny"', 'nobody/no-model"\noffline = true'))

    found = shell.json("check", str(ROOT / "docs/examples/lora.toml"))
    code, out, _ = shell.run("check", str(broken))
    refused, _, why = shell.run("train", "--config", str(broken))

    assert found["can_start"]
    assert found["memory"]["low"] <= found["memory"]["expected"] <= found["memory"]["high"]
    assert code == refused == 1
    assert "Error: The base model nobody/no-model is not on this computer" in out
    assert "nobody/no-model is not on this computer" in why
    assert shell.json("runs", "list") == []


def test_the_example_setups_are_valid():
    for path in (ROOT / "docs/examples").glob("*.toml"):
        setup = read_setup(path)
        assert setup.config.base_model
        assert setup.file is None or (path.parent / setup.file).is_file()


def test_there_is_an_example_per_method():
    methods = [read_setup(path).config.method for path in (ROOT / "docs/examples").glob("*.toml")]

    assert {method.kind for method in methods} == {Sft().kind, Lora().kind, Osft().kind}
    assert any(method.load_in_4bit for method in methods if isinstance(method, Lora))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[config]\nbase_model = 'a/b'\nlearning_rat = 1e-4", "config.learning_rat"),
        ("session = 'x'\n[config]\nbase_model = 'a/b'\nlearning_rate = 7", "config.learning_rate"),
        ("[config]\nbase_model = 'a/b'", "no data"),
        ("session = 'x'\nfile = 'y'\n[config]\nbase_model = 'a/b'", "one source"),
        ("session = ", "is not TOML"),
    ],
)
def test_a_setup_with_a_mistake_names_the_place(tmp_path, text, words):
    path = tmp_path / "setup.toml"
    path.write_text(text)

    with pytest.raises(StudioError, match=re.escape(words)):
        read_setup(path)


@pytest.mark.parametrize("name", ["setup.toml", "setup.json"])
def test_a_setup_nested_without_end_is_refused(tmp_path, name):
    (tmp_path / name).write_text("a = " * name.endswith("toml") + "[" * 100_000)

    with pytest.raises(StudioError, match="nested too deeply"):
        read_setup(tmp_path / name)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nsys.argv=['tunewright','--help']\nimport app.__main__ as m\n"
        "try: m.main()\nexcept SystemExit: pass\n"
        "heavy={'torch','sqlalchemy','flet','docker','pydantic','datasets'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT, env=os.environ
    )

    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("words", [[], ["--web", "--port", "8123"], ["--no-browser"], ["--version"]])
def test_words_for_the_window_mean_the_same_without_the_words_of_verbs(words):
    assert window_words(words) == make_parser().parse_args(words)


@pytest.mark.parametrize(
    "words", [["doctor"], ["--help"], ["--port", "0"], ["--port"], ["--wbe"], ["--web", "runs", "list"]]
)
def test_all_other_words_are_for_the_whole_command_line(words):
    assert window_words(words) is None


def test_the_window_is_not_kept_waiting_by_what_verbs_need():
    look = "import sys, app.__main__; print({'app.cli.parser', 'app.domain.runs'} & {*sys.modules})"

    assert subprocess.check_output([sys.executable, "-c", look], text=True) == "set()\n"
