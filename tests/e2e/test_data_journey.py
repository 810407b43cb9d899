"""From a table with columns of its own to a run: import, mapping, preview, merge, train, in a browser."""

import csv
import json
import re
from pathlib import Path

import pytest

from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import SAMPLE

pytestmark = pytest.mark.browser


def pairs() -> list[tuple[str, str]]:
    rows = [json.loads(line)["messages"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    return [(messages[0]["content"], messages[1]["content"]) for messages in rows]


def choose_file(ui: FletUI, file: Path) -> None:
    ui.click("Import data")
    with ui.page.expect_file_chooser() as chooser:
        ui.click("Choose a file…")
    chooser.value.set_files(str(file))
    ui.wait_for_text(file.name)


def write_table(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-16", newline="") as file:
        csv.writer(file, delimiter=";").writerows([("Thema", "Frage", "Antwort"), *(("x", *r) for r in rows)])
    return path


def write_lines(path: Path, rows: list[tuple[str, str]]) -> Path:
    lines = [json.dumps({"prompt": question, "completion": answer}) for question, answer in rows]
    path.write_text("\n".join([*lines, "{broken"]) + "\n", encoding="utf-8")
    return path


def test_from_a_table_with_columns_of_its_own_to_a_run_on_a_merge(ui: FletUI, tmp_path: Path):
    rows = pairs()
    ui.page.set_viewport_size({"width": 1280, "height": 1900})

    choose_file(ui, write_table(tmp_path / "table.csv", rows[:200]))
    ui.wait_for_text("3 columns|`Thema`", "mapping-status")
    ui.choose_option("row-kind", "Question and answer")
    ui.choose_option("column-Frage", "Question")
    ui.wait_for_text("need a column for: answer", "mapping-status")
    ui.choose_option("column-Antwort", "Answer")
    ui.wait_for_text("answer ← `Antwort`; 1 column kept as extra: `Thema`", "mapping-status")
    ui.screenshot("mapping")
    ui.click("Import")
    ui.wait_for_text("200 rows imported", "import-outcome")

    choose_file(ui, write_lines(tmp_path / "lines.jsonl", rows[180:]))
    ui.click("Import")
    ui.wait_for_text("164 rows imported, 1 refused", "import-outcome")
    assert "Line 165" in (ui.text() or "")

    ui.go_to("Merge")
    ui.choose_option("add-session", "table, 200 rows")
    ui.choose_option("add-session", "lines, 164 rows")
    ui.click("Preview")
    ui.wait_for_text("364 rows in = 344 rows out \\+ 20 duplicates", timeout=60)
    ui.screenshot("merge-preview")
    ui.click("Merge now")
    ui.wait_for_text("344 rows", "merge-outcome", timeout=60)

    ui.go_to("Training")
    ui.choose_option("dataset", "Merged, 344 rows")
    ui.fill("Max steps", "5")
    ui.wait_for(lambda: ui.button("Start training").is_enabled(), lambda: str(ui.text("start-reason")))
    ui.click("Start training")
    ui.wait_for_text("Finished", "run-status", timeout=120)
    assert re.search(r"\bMerged\b", ui.text() or "")
    ui.screenshot("trained-on-a-merge")
