"""A finished run is exported to GGUF, and llama.cpp answers from the file as the run's own model does."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.paths import Paths
from tests.e2e.conftest import RunningApp, running_app
from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import pick
from tests.exporting.conftest import MODEL, finished_run

pytestmark = pytest.mark.browser


@pytest.fixture
def app(tmp_path: Path):
    """With a run that has ended already; its result is the bundled model."""
    paths = Paths(tmp_path / "home")
    paths.make()
    run = finished_run(paths.outputs, MODEL, name="Ferry talk")
    database = open_database(paths.database)
    SqliteRunStore(database).add(run)
    SqliteRunStore(database).update(run.id, lambda _: run)
    database.dispose()
    with running_app(paths.home) as running:
        yield running


def test_a_run_is_exported_to_gguf_certified_and_talked_to_through_llama_cpp(
    ui: FletUI, page: Page, app: RunningApp
):
    page.set_viewport_size({"width": 1280, "height": 1000})
    ui.go_to("Training")
    ui.click("Export…")
    ui.wait_for_text(r"About 2\.9 MB", "export-estimate")
    ui.screenshot("export-form")
    ui.click("Export")
    ui.wait_for_text("As trained", "export-verdict", timeout=90)
    ui.screenshot("export-certified")
    ui.click("Close")
    ui.wait_for_text("GGUF Q8_0, ")
    [file] = (app.home / "exports").glob("*/*.gguf")

    ui.go_to("Inference")
    pick(ui, "Folder")
    ui.fill("Folder of a model or an adapter", str(file))
    pick(ui, "Deterministic")
    ui.fill("Message", "When does the ferry leave?")
    ui.click("Send")
    ui.wait_for_text(re.escape("At 8:00."), timeout=60)
    ui.screenshot("export-talk")
