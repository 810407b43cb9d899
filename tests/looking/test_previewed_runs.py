"""A preview beside the form of a run: followed by the form, kept with the run."""

import json

import flet as ft
import pytest

from app.adapters.sqlite.engine import open_database
from app.domain.setups import BUNDLED_MODEL
from tests.ui.training.conftest import Studio, choose_session, make_studio
from trainer_image.config import PREVIEW_FILE, RunConfig

CONFIG = RunConfig(base_model=BUNDLED_MODEL, max_seq_len=64, offline=True)
ROWS = [{"prompt": f"What is {n}?", "completion": f"It is {n}{' indeed' * n}."} for n in range(40)]


@pytest.fixture
def studio(tmp_path, monkeypatch, services, sample):
    """A training tab whose previews are those of a process that runs already: to start, it takes longer than
    a screen is patient."""
    services.previews.survey(services.previews.of_session(sample), CONFIG, lambda _: None)
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path))
    database = open_database(tmp_path / "tunewright.db")
    made = make_studio(tmp_path, database)
    own = made.services.previews
    own._looker = services.previews._looker
    made.draft.offline = True  # as the process that runs already
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    made.services.library.import_file(file)
    yield made
    database.dispose()


async def preview(screen, studio: Studio) -> None:
    await choose_session(screen, studio)
    await screen.click("Preview data")
    await screen.wait_for_text("40 in → ")


async def test_a_run_keeps_what_its_preview_showed(studio):
    async with studio.opened() as screen:
        await preview(screen, studio)
        assert "40 in → 24 trained: 16 kept aside for validation" in screen.identified("ledger")

        await screen.click("Start training")

        await screen.wait_for(studio.runs)
        [run] = studio.runs()
        told = json.loads((run.folder / PREVIEW_FILE).read_text())
        assert told == {"buckets": {"trained": 24, "validation": 16}}


async def test_a_run_that_nobody_previewed_promises_nothing(studio):
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await screen.click("Start training")

        await screen.wait_for(studio.runs)
        [run] = studio.runs()
        assert not (run.folder / PREVIEW_FILE).exists()


async def test_the_preview_follows_the_form_and_sets_its_longest_row(studio):
    async with studio.opened() as screen:
        await preview(screen, studio)
        await screen.type("Max sequence length", "20")
        await screen.wait_for_text("too long")

        [buttons] = [
            b for b in screen.controls(ft.SegmentedButton) if "lengths" in {s.value for s in b.segments}
        ]
        screen.page.session.apply_patch(buttons._i, {"selected": ["lengths"]})
        await screen.fire(buttons, "change", ["lengths"])
        await screen.wait_for_text("The run's max sequence length is 20.")
        [use] = [b for b in screen.controls(ft.OutlinedButton) if str(b.content).startswith("Use p95")]
        await screen.click(use)

        length = str(use.content).removeprefix("Use p95 (").removesuffix(")")
        assert studio.draft.numbers["max_seq_len"] == length
        await screen.wait_for_text(f"The run's max sequence length is {length}.")
