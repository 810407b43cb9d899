"""The Export button: what it takes said beforehand, progress, cancel, a tick or the exact reason."""

import itertools
import threading
from pathlib import Path

import flet as ft
import pytest

from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.exports import SqliteExportStore
from app.domain.exports import ExportCancelledError, Replacing
from app.domain.gpus import Gpu
from app.domain.runs import Run
from app.domain.sizes import sized
from app.services.exporting import ExportService
from app.ui.inference.export_dialog import ExportHost
from app.ui.inference.export_part import ExportPart, export_button
from app.ui.inference.export_window import ExportWindow
from tests.exporting.conftest import (
    MODEL,
    adapter,
    add_checkpoint,
    add_run,
    left_over,
    service_of,
    unheard,
    wish,
)
from tests.exporting.writer import Writer
from tests.services.conftest import make_world
from tests.ui.harness import mounted

__all__ = ["adapter"]


@ft.component
def Exports(exporting: ExportService, run: Run) -> ft.Control:
    """As the Training tab has it: button and part in the run's view, and the dialog beside it."""
    window = ft.use_memo(ExportWindow, dependencies=[])
    part = ExportPart(exporting, run, window)
    return ft.Column([export_button(run, window), part, ExportHost(exporting, window)])


@pytest.fixture
def world(tmp_path: Path):
    database = open_database(tmp_path / "tunewright.db")
    made = make_world(tmp_path, database)
    yield made
    database.dispose()


def service(world, writer: Writer):
    return service_of(world, SqliteExportStore(world.runs._engine), writer)


async def test_an_export_ends_with_a_tick_and_stands_in_the_list(world) -> None:
    run, exporting = add_run(world, MODEL), service(world, Writer())
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        await screen.click("Export")
        await screen.wait_for_text("As trained")
        await screen.click("Close")

        [export] = exporting.exports(run.id)
        await screen.wait_for(lambda: screen.identified(f"export-{export.id}"))
        assert "GGUF Q8_0" in screen.identified(f"export-{export.id}")[0]
        await screen.click("Open folder")
        await screen.wait_for(lambda: world.opened == [export.folder])


async def test_a_checkpoint_is_chosen_and_exported(world) -> None:
    run, writer = add_run(world, MODEL), Writer()
    add_checkpoint(run, "samples_40", step=10)
    async with mounted(Exports, service(world, writer), run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        await screen.choose("What", "samples_40")
        await screen.wait_for_text("-samples_40-q8_0")
        await screen.click("Export")
        await screen.wait_for_text("As trained")

    assert writer.jobs[-1].model == run.checkpoints_dir / "samples_40"


async def test_an_export_that_is_not_as_trained_says_the_exact_reason(world) -> None:
    run, exporting = add_run(world, MODEL), service(world, Writer(passes=False))
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        await screen.click("Export")
        await screen.wait_for_text("Not as trained: Letter 3 differs.")


async def test_an_export_that_nobody_could_try_says_why_and_has_neither_tick_nor_cross(world) -> None:
    run, exporting = add_run(world, MODEL), service(world, Writer(untried="no prompt was short enough."))
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        await screen.click("Export")
        await screen.wait_for_text("Not tried: no prompt was short enough.")

        icons = {icon.icon for icon in screen.controls(ft.Icon)}
        assert ft.Icons.HELP_OUTLINE in icons
        assert not {ft.Icons.CHECK_CIRCLE, ft.Icons.ERROR} & icons


async def test_a_copy_to_merge_into_is_no_business_of_an_adapter_alone(world, adapter) -> None:
    writer = Writer()
    run = add_run(world, adapter("one"))
    async with mounted(Exports, service(world, writer), run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("while it is made")
        await screen.type("Merge into another copy of the base", "someone/else")
        await screen.choose("Format", "adapter")
        await screen.wait_for_text("-adapter")
        await screen.click("Export")
        await screen.wait_for_text("As trained")

    assert writer.jobs[-1].base_model == str(MODEL)


@pytest.mark.parametrize("gpus", [(), (Gpu("RTX 4070", 12_000_000_000, 11_000_000_000),)])
async def test_where_there_is_a_card_the_processor_can_be_chosen_and_the_memory_is_named(world, gpus) -> None:
    run, writer = add_run(world, MODEL), Writer()
    exporting = service_of(world, SqliteExportStore(world.runs._engine), writer, gpus=gpus)
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        if not gpus:
            assert not any(f.label == "On" for f in screen.controls(ft.Dropdown))
            assert any("of this computer's memory" in said for said in screen.identified("export-estimate"))
            return
        assert any("of the graphics card's memory" in said for said in screen.identified("export-estimate"))
        await screen.choose("On", "cpu")
        await screen.wait_for_text("of this computer's memory")
        await screen.click("Export")
        await screen.wait_for_text("As trained")

    assert writer.jobs[-1].computes_on == "cpu"


async def test_a_cancel_leaves_nothing_and_says_so(world) -> None:
    writer = Writer()
    writer.may_go_on.clear()
    run, exporting = add_run(world, MODEL), service(world, writer)
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        screen.start(screen.click("Export"))
        await screen.wait_for_text("Writing…")
        await screen.click("Cancel")
        await screen.wait_for_text("Nothing of it is left.")

    assert left_over(world.home / "exports") == []
    assert exporting.exports() == []


async def test_an_export_goes_on_where_its_dialog_is_closed_and_its_run_is_left(world) -> None:
    writer = Writer()
    writer.may_go_on.clear()
    run, exporting = add_run(world, MODEL), service(world, writer)
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        screen.start(screen.click("Export"))
        await screen.wait_for_text("Writing…")
        await screen.click("Go on working")
        await screen.wait_for(lambda: not list(screen.controls(ft.AlertDialog)))

        async with mounted(Exports, exporting, run) as other:
            await other.wait_for(lambda: "GGUF Q8_0: Writing…" in str(other.identified("export-making")))
            assert other.has_button("Cancel export")

        writer.may_go_on.set()
        await screen.wait_for_text("As trained")
        await screen.wait_for(lambda: not screen.identified("export-making"))


async def test_a_proposal_that_was_taken_while_the_dialog_stood_open_is_made_anew(world) -> None:
    run, exporting = add_run(world, MODEL), service(world, Writer())
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        exporting.export(run.id, wish(world.home / "exports" / "Ferry-talk-1-q8_0"), unheard)
        await screen.click("Export")
        await screen.wait_for_text("As trained")

    assert left_over(world.home / "exports") == ["Ferry-talk-1-q8_0", "Ferry-talk-1-q8_0-2"]


async def test_where_the_folder_was_taken_while_it_was_written_the_other_one_is_named(world) -> None:
    writer = Writer()
    writer.may_go_on.clear()
    run, exporting = add_run(world, MODEL), service(world, writer)
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        screen.start(screen.click("Export"))
        await screen.wait_for_text("Writing…")
        folder = world.home / "exports" / "Ferry-talk-1-q8_0"
        folder.mkdir(parents=True)
        (folder / "mine.txt").write_text("mine")
        writer.may_go_on.set()
        await screen.wait_for_text("As trained")

        assert f"{folder} was taken meanwhile, so the export is in {folder}-2." in screen.text()


async def test_an_export_that_was_left_can_be_cancelled_in_the_list(world) -> None:
    writer = Writer()
    writer.may_go_on.clear()
    run, exporting = add_run(world, MODEL), service(world, writer)
    making = threading.Thread(target=_ends, args=(exporting, run, world.home / "exports/out"), daemon=True)
    making.start()
    while not exporting.under_way(run.id):
        assert making.is_alive()
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Cancel export")
        await screen.wait_for(lambda: not screen.identified("export-making"))

    making.join(20)
    assert left_over(world.home / "exports") == []
    assert exporting.exports() == []


def _ends(exporting: ExportService, run: Run, folder: Path) -> None:
    with pytest.raises(ExportCancelledError):
        exporting.export(run.id, wish(folder), unheard)


async def test_what_is_missing_is_said_before_anything_is_tried(world) -> None:
    run, exporting = add_run(world, MODEL), service(world, Writer(lacks="GGUF needs xllamacpp."))
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("GGUF needs xllamacpp.")

        assert screen.button("Export").disabled


async def test_a_run_that_trained_all_weights_has_no_adapter_to_export(world) -> None:
    run, exporting = add_run(world, MODEL), service(world, Writer())
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.choose("Format", "adapter")
        await screen.wait_for_text("This run trained all weights: there is no adapter.")

        assert screen.button("Export").disabled
        assert not any(f.label == "Bits of a weight" for f in screen.controls(ft.Dropdown))


async def test_of_an_mlx_model_the_bits_are_chosen_and_eight_is_the_first_choice(world) -> None:
    run, writer = add_run(world, MODEL), Writer()
    async with mounted(Exports, service(world, writer), run) as screen:
        await screen.click("Export…")
        await screen.choose("Format", "mlx")
        await screen.wait_for_text("-mlx-8bit")
        await screen.choose("Bits of a weight", "4")
        await screen.wait_for_text("-mlx-4bit")
        await screen.wait_for_text("About 1.5 MB")
        await screen.click("Export")
        await screen.wait_for_text("As trained")

    assert writer.jobs[-1].mlx_bits == "4"


async def test_how_long_it_takes_is_said_where_one_like_it_was_made(world) -> None:
    writer, clock = Writer(), itertools.count(step=60.0)
    store = SqliteExportStore(world.runs._engine)
    run, exporting = add_run(world, MODEL), service_of(world, store, writer, seconds=lambda: next(clock))
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("How long it takes is not known yet")
        exporting.export(run.id, wish(world.home / "out"), unheard)
        await screen.click("Close")
        await screen.click("Export…")
        await screen.wait_for_text("by the last one like it on this computer")
        writer.may_go_on.clear()
        screen.start(screen.click("Export"))
        await screen.wait_for(lambda: any("left." in said for said in screen.identified("export-progress")))
        writer.may_go_on.set()
        await screen.wait_for_text("As trained")


async def test_an_export_is_deleted_after_a_question(world) -> None:
    run, exporting = add_run(world, MODEL), service(world, Writer())
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        await screen.click("Export")
        await screen.wait_for_text("As trained")
        await screen.click("Close")
        [export] = exporting.exports(run.id)
        await screen.click(f"Delete the export GGUF Q8_0, {sized(export.size_bytes)}")
        await screen.wait_for_text("it can be exported again")
        await screen.click("Delete")
        await screen.wait_for(lambda: not exporting.exports())

    assert not export.folder.exists()


async def test_what_a_deletion_leaves_in_the_folder_is_said(world) -> None:
    run, exporting = add_run(world, MODEL), service(world, Writer())
    made = exporting.export(run.id, wish(world.home / "out"), unheard)
    (made.folder / "mine.txt").write_text("mine")
    async with mounted(Exports, exporting, run) as screen:
        await screen.wait_for_text("As trained")
        await screen.click(f"Delete the export GGUF Q8_0, {sized(made.size_bytes)}")
        await screen.wait_for_text("files of yours in there stay")
        await screen.click("Delete")
        await screen.wait_for_text("or it was changed since: mine.txt.")

    assert left_over(made.folder) == ["mine.txt"]


async def test_pushing_offline_says_why_not(world) -> None:
    run = add_run(world, MODEL)
    exporting = service_of(
        world, SqliteExportStore(world.runs._engine), Writer(), offline="Offline mode is on."
    )
    async with mounted(Exports, exporting, run) as screen:
        await screen.click("Export…")
        await screen.wait_for_text("About 2.9 MB")
        await screen.click("Export")
        await screen.wait_for_text("As trained")
        await screen.click("Close")
        await screen.click("Push to the Hub…")
        await screen.wait_for_text("Offline mode is on. Nothing can be pushed now.")

        assert screen.button("Push privately").disabled


async def test_a_push_under_way_stays_in_sight_until_it_has_ended(world) -> None:
    writer = Writer()
    run, exporting = add_run(world, MODEL), service(world, writer)
    world.secrets.token = "hf_writing"
    exporting.export(run.id, wish(world.home / "out"), unheard)
    writer.may_go_on.clear()
    async with mounted(Exports, exporting, run) as screen:
        await screen.wait_for_text("As trained")
        await screen.click("Push to the Hub…")
        await screen.type("Model (your-name/ferry-talk)", "me/ferry")
        screen.start(screen.click("Push privately"))
        await screen.wait_for_text("Uploading file 1 of 2…")
        assert [dialog.modal for dialog in screen.controls(ft.AlertDialog)] == [True]
        writer.may_go_on.set()
        await screen.wait_for_text("On the Hub: https://hub/me/ferry")


async def test_a_push_is_cancelled_between_two_files(world) -> None:
    writer = Writer()
    run, exporting = add_run(world, MODEL), service(world, writer)
    world.secrets.token = "hf_writing"
    made = exporting.export(run.id, wish(world.home / "out"), unheard)
    writer.may_go_on.clear()
    async with mounted(Exports, exporting, run) as screen:
        await screen.wait_for_text("As trained")
        await screen.click("Push to the Hub…")
        await screen.type("Model (your-name/ferry-talk)", "me/ferry")
        screen.start(screen.click("Push privately"))
        await screen.wait_for_text("Uploading file 1 of 2…")
        await screen.click("Cancel push")
        await screen.wait_for_text("Cancelled. No file of it shows on the Hub")

    assert writer.pushed == []
    assert exporting.find(made.id).pushed_to == ""


async def test_what_a_push_would_replace_is_asked_before_anything_is_sent(world) -> None:
    writer = Writer()
    writer.there = Replacing("me/ferry", ("model.gguf",), ("notes.txt",))
    run, exporting = add_run(world, MODEL), service(world, writer)
    world.secrets.token = "hf_writing"
    exporting.export(run.id, wish(world.home / "out"), unheard)
    async with mounted(Exports, exporting, run) as screen:
        await screen.wait_for_text("As trained")
        await screen.click("Push to the Hub…")
        await screen.type("Model (your-name/ferry-talk)", "me/ferry")
        await screen.click("Push privately")
        await screen.wait_for_text("Replaced would be: model.gguf. Kept beside the new files: notes.txt.")
        assert writer.pushed == []
        await screen.click("Replace, privately")
        await screen.wait_for_text("On the Hub: https://hub/me/ferry")

    assert [asked.replaces for _, _, asked, _ in writer.pushed] == [True]
