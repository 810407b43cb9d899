"""Two sources made one in a real browser: looked at, merged, found in the Data tab."""

import json
import re
from pathlib import Path

import pytest

from tests.e2e.flet_ui import FletUI

pytestmark = pytest.mark.browser


def test_a_file_is_added_to_a_session_previewed_merged_and_read(ui: FletUI, tmp_path: Path):
    file = tmp_path / "odd.jsonl"
    rows = [{"prompt": "What are you?", "completion": "A ferry."}, {"prompt": "Really?", "completion": "Aye."}]
    file.write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    ui.go_to("Merge")
    ui.page.get_by_text("File", exact=True).first.click()
    ui.fill("Path of a file to merge", str(file))
    ui.click("Add file")
    ui.wait_for_text("A JSONL file", "columns")

    ui.click("Preview")
    ui.wait_for_text("3 rows in = 2 rows out . 1 duplicates", "balance")
    ui.click("Merge now")
    ui.wait_for_text("2 rows in a new session", "merge-outcome")
    ui.click("Show it in Data")
    ui.button(re.compile("^Merged")).first.click()

    ui.wait_for_text("A ferry.", "rows")
