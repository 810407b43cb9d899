"""The Data and Merge tabs as pictures, for `training_states`: steps of the same journey."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tests.e2e.test_data_journey import choose_file

if TYPE_CHECKING:
    from scripts.training_states import States

_WIDE: Final = {"width": 1280, "height": 1100}
_NARROW: Final = {"width": 420, "height": 860}
_SAMPLE: Final = Path(__file__).resolve().parent.parent / "assets/sample/ferry-help-desk.jsonl"


def rows(states: "States") -> None:
    """The sample's rows, and one that is edited."""
    ui = states.ui
    ui.go_to("Data")
    states.resize(_WIDE)
    ui.click("Ferry help desk", exact=False)
    ui.wait_for_text("Ahoy!", "rows")
    states.take("18-data-rows", _WIDE)
    states.take("18-data-rows-dark", _WIDE, dark=True)
    states.take("18-data-rows-narrow", _NARROW)
    states.resize(_WIDE)


def importing(states: "States") -> None:
    """A table with columns of its own, then a file with a broken row and rows that are there twice."""
    ui = states.ui
    ui.go_to("Data")
    states.resize(_WIDE)
    with _files() as (table, lines):
        choose_file(ui, table)
        ui.wait_for_text("columns", "mapping-status")
        ui.choose_option("row-kind", "Question and answer")
        ui.choose_option("column-Frage", "Question")
        ui.wait_for_text("need a column for: answer", "mapping-status")
        states.take("19-data-mapping-columns", _WIDE)
        ui.choose_option("column-Antwort", "Answer")
        ui.wait_for_text("answer ←", "mapping-status")
        ui.click("Import")
        ui.wait_for_text("200 rows imported", "import-outcome")
        choose_file(ui, lines)
        ui.click("Import")
        ui.wait_for_text("164 rows imported, 1 refused", "import-outcome")
        states.take("19-data-imported", _WIDE)
        states.take("19-data-imported-dark", _WIDE, dark=True)


def merging(states: "States") -> None:
    """Two sessions before they become one, and after. Imports them, should they not be there."""
    ui = states.ui
    ui.go_to("Data")
    if "lines" not in (ui.text("sessions") or ""):
        importing(states)
    ui.go_to("Merge")
    states.resize(_WIDE)
    ui.choose_option("add-session", "table, 200 rows")
    ui.choose_option("add-session", "lines, 164 rows")
    ui.click("Preview")
    ui.wait_for_text("20 duplicates", timeout=60)
    states.take("20-merge-preview", _WIDE)
    states.take("20-merge-preview-narrow", _NARROW)
    states.resize(_WIDE)
    ui.click("Merge now")
    ui.wait_for_text("344 rows", "merge-outcome", timeout=60)
    states.take("20-merged", _WIDE)


@contextmanager
def _files() -> Iterator[tuple[Path, Path]]:
    """The sample in two overlapping pieces: a table in another language, and lines of which one is broken."""
    messages = [json.loads(line)["messages"] for line in _SAMPLE.read_text(encoding="utf-8").splitlines()]
    pairs = [(one[0]["content"], one[1]["content"]) for one in messages]
    with TemporaryDirectory() as folder:
        table, lines = Path(folder) / "table.csv", Path(folder) / "lines.jsonl"
        with table.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows([("Thema", "Frage", "Antwort")])
            csv.writer(file, delimiter=";").writerows(("Fähren", *pair) for pair in pairs[:200])
        said = [json.dumps({"prompt": question, "completion": answer}) for question, answer in pairs[180:]]
        lines.write_text("\n".join([*said, "{broken"]) + "\n", encoding="utf-8")
        yield table, lines
