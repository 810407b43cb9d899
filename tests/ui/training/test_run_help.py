"""What the run view says and offers: stages, advice with its buttons, troubles, diagnostics, checkpoints."""

import json
from dataclasses import replace
from pathlib import Path

import flet as ft

from app.domain.coach import advise
from app.domain.renting import PodOptions
from app.domain.runs import JobPhase, JobState, RunRequest, RunStatus, Target
from app.ui.training.run.report import Report, read_report
from tests.services.conftest import NOON, ends, started, step, write_events
from tests.ui.training.conftest import choose_segment
from trainer_image.config import FINISH_COMMAND, RunConfig
from trainer_image.events import CheckpointSaved, Evaluation, Notice, Phase, Result
from trainer_image.look_protocol import Estimated


def labelled(screen, identifier: str) -> str:
    """What this piece of the screen is called; empty before it is there."""
    pieces = [s for s in screen.controls(ft.Semantics) if s.identifier == identifier]
    return (pieces[0].label or "") if len(pieces) == 1 else ""


def fail(studio, run, message: str, hint: str = "") -> None:
    ends(studio.world, run, JobState(JobPhase.EXITED, 1), Result(status="failed", message=message, hint=hint))


class KnownSizes:
    """Stands for the process that reckons: a gigabyte a row."""

    def memory(self, config, *, max_seq_len):
        size = config.per_device_batch_size * 10**9
        sizes = {"low": round(0.9 * size), "expected": size, "high": round(1.2 * size)}
        return Estimated(device="cuda", known_model=True, **sizes)

    def close(self): ...


async def test_the_strip_tells_which_stage_is_under_way(studio):
    run = studio.start()
    noon = NOON.timestamp()
    write_events(run, started(), Phase(name="load_data", time=noon), Phase(name="train", time=noon + 4))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: "Train under way" in labelled(screen, "stages"))

        assert labelled(screen, "stages").startswith("Stages: Read data done (4 s), Load done")
        assert "Save to come" in labelled(screen, "stages")


async def test_a_validation_loss_that_rises_offers_to_finish_with_the_best_model(studio):
    run = studio.start()
    write_events(run, *(step(n, 2.5 - n / 50, total=200) for n in range(1, 101)))
    losses = {20: 1.9, 40: 1.5, 60: 1.6, 80: 1.7, 100: 1.8}
    write_events(run, *(Evaluation(step=n, loss=loss, best=n <= 40) for n, loss in losses.items()))
    async with studio.opened() as screen:
        await screen.click("Finish with the model of step 40")

        await screen.wait_for((run.folder / FINISH_COMMAND).is_file)
        await screen.wait_for_text("It ends after the step at hand.")
        assert studio.world.launcher.job(run).stops == []
        assert "The validation loss rises" in screen.texts()


async def test_on_a_run_of_another_trainer_nothing_is_advised_that_depends_on_settings_nobody_knows(studio):
    folder = studio.world.home / "elsewhere"
    folder.mkdir()
    lines = (json.dumps({"step": n, "loss": 2.5}) + "\n" for n in range(1, 61))
    (folder / "training_log.jsonl").write_text("".join(lines))
    run = studio.services.history.import_run(studio.services.history.look_into(str(folder)))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("run-status") == ["Finished"])
        await screen.wait_for(lambda: any(type(c).__name__ == "LineChart" for c in screen.controls()))

        assert "Read data" not in screen.texts()
        assert "Train" in screen.texts()
        assert "The loss does not fall" not in screen.texts()
        assert not [b for b in screen.controls(ft.OutlinedButton) if str(b.content).startswith("New run")]
    report = read_report(studio.services.monitoring, run, Report())
    assert (len(report.metrics), report.advice) == (60, ())
    assert advise(run.config, report.metrics, (), run.status)


async def test_a_flat_loss_offers_another_rate_which_opens_in_the_form(studio):
    run = studio.start()
    write_events(run, *(step(n, 2.5, total=200) for n in range(1, 61)))
    async with studio.opened() as screen:
        await screen.click("New run with rate 0.00005")

        await screen.wait_for_text("It is in the form now")
        assert float(studio.draft.numbers["learning_rate"]) == 5e-5
        assert studio.draft.cloned_from == run.id
        assert studio.draft.session == run.session_id
        assert [r.id for r in studio.runs()] == [run.id]


async def test_an_advised_copy_that_was_replaced_in_the_form_says_so_when_it_is_to_be_undone(studio):
    run = studio.start()
    write_events(run, *(step(n, 2.5, total=200) for n in range(1, 61)))
    async with studio.opened() as screen:
        await screen.click("New run with rate 0.00005")
        await screen.wait_for_text("It is in the form now")
        studio.draft.everything()  # as whatever fills the form asks for it first

        await screen.click("Undo")

        await screen.wait_for_text("Something else was put into the form since; it stays as it is.")
        assert float(studio.draft.numbers["learning_rate"]) == 5e-5


async def test_chart_settings_change_the_picture_and_nothing_else(studio):
    run = studio.start()
    write_events(run, *(step(n, 0.5 + 0.3 * 0.97**n, total=200) for n in range(1, 61)))
    before = (run.folder / "config.json").exists()
    async with studio.opened() as screen:
        await screen.click("Chart settings")
        await choose_segment(screen, "chart-window", "50")
        await choose_segment(screen, "chart-span", "1")
        await screen.set_value(screen.find(ft.Switch, "Logarithmic axis"), True)

        assert "at step 11" in labelled(screen, "loss-chart")
        [chart] = [c for c in screen.controls() if type(c).__name__ == "LineChart"]
        assert (len(chart.data_series), chart.min_x, chart.max_y < 0) == (1, 11, True)

        await choose_segment(screen, "chart-kind", "rate")
        assert labelled(screen, "loss-chart").startswith("Learning rate: 0.0001 at step 11")
        assert (run.folder / "config.json").exists() == before
        assert not (run.folder / "commands").exists()


async def test_the_numbers_and_the_chart_can_be_saved(studio):
    run = studio.start("saved")
    write_events(run, step(1, 2.5), step(2, 1.5))
    async with studio.opened() as screen:
        screen.client.answers["save_file"] = lambda args: f"/somewhere/{args['file_name']}"
        await screen.click("Chart settings")

        await screen.click("Save numbers as CSV")
        await screen.wait_for_text("Saved to /somewhere/saved-curve.csv.")
        await screen.click("Save chart as SVG")
        await screen.wait_for_text("Saved to /somewhere/saved-curve.svg.")
        await screen.click("Save chart as PNG")
        await screen.wait_for_text("Saved to /somewhere/saved-curve.png.")

        numbers, chart, picture = [
            args["src_bytes"] for name, args in screen.client.calls if name == "save_file"
        ]
        assert numbers.decode().splitlines()[2].startswith("2,")
        assert chart.startswith(b"<svg")
        assert picture.startswith(b"\x89PNG")


async def test_a_run_that_ran_out_of_memory_is_tried_again_with_one_click_and_a_question(studio):
    run = studio.start()
    fail(studio, run, "There is not enough memory for this run.")
    studio.services = replace(studio.services, previews=KnownSizes())
    async with studio.opened() as screen:
        await screen.click("Retry with 1 row at once instead of 2…")
        assert "the same result" in screen.text()
        assert len(studio.runs()) == 1
        await screen.wait_for_text("About 1.00 GB at the peak (0.90 GB to 1.20 GB) instead of about 2.00 GB")

        await screen.click("Start it")

        await screen.wait_for(lambda: len(studio.runs()) == 2)
        newest = studio.runs()[0]
        assert (newest.config.per_device_batch_size, newest.config.gradient_accumulation_steps) == (1, 8)
        assert newest.cloned_from == run.id
        await screen.wait_for(lambda: studio.draft.selection.run_id == newest.id)


async def test_the_next_change_can_be_looked_at_in_the_form_first(studio):
    run = studio.start()
    fail(studio, run, "There is not enough memory for this run.")
    before = studio.draft.numbers["per_device_batch_size"]
    async with studio.opened() as screen:
        await screen.click("Open in the form")

        await screen.wait_for_text("It is in the form now")
        assert studio.draft.numbers["per_device_batch_size"] == "1"
        assert len(studio.runs()) == 1
        assert studio.draft.cloned_from == run.id

        studio.draft.type_number("per_device_batch_size", "7")
        await screen.click("Undo")
        await screen.wait_for(lambda: "It is in the form now" not in screen.text())
        assert (studio.draft.numbers["per_device_batch_size"], studio.draft.cloned_from) == (before, None)


async def test_a_rented_run_is_tried_again_by_way_of_the_form_where_its_price_stands(studio):
    pod = PodOptions(image="ghcr.io/somebody/trainer:1")
    run = studio.world.runs.update(studio.start().id, lambda r: replace(r, target=Target.RUNPOD, pod=pod))
    fail(studio, run, "There is not enough memory for this run.")
    async with studio.opened() as screen:
        await screen.click("Retry with 1 row at once instead of 2…")

        await screen.wait_for_text("nothing was ordered. Look at the price there")
        assert studio.draft.numbers["per_device_batch_size"] == "1"
        assert studio.draft.target is Target.RUNPOD
        assert not screen.has_button("Start it")
    assert len(studio.runs()) == 1


async def test_every_failure_can_be_copied_and_saved_without_secrets(studio):
    run = studio.start("broken")
    studio.world.launcher.job(run).log.append("SOME_API_KEY is never-to-be-shown, hf_abcdefghijklmnopq")
    write_events(run, started(), step(7, total=10))
    fail(studio, run, "Something nobody foresaw.")
    async with studio.opened() as screen:
        await screen.click("Copy diagnostics")
        await screen.wait_for_text("Copied: versions")
        await screen.click("Save diagnostics")
        await screen.wait_for_text(f"broken-{run.id}-diagnostics.zip")

        [copied] = [args["data"] for name, args in screen.client.calls if name == "set"]
        assert "Something nobody foresaw." in copied
        assert "step: 7 of 10" in copied
        assert "SOME_API_KEY" in copied
        assert "never-to-be-shown" not in copied
        assert "hf_abc" not in copied
        assert (studio.world.home / "exports" / f"broken-{run.id}-diagnostics.zip").is_file()


async def test_what_a_helper_needs_of_a_run_that_was_stopped_without_a_result_is_offered_too(studio):
    run = studio.start("cut")
    studio.world.launcher.job(run).stubborn = True
    studio.services.training.stop(run.id, save=False)
    async with studio.opened() as screen:
        await screen.wait_for_text("It was ended before it could write a result.")

        await screen.click("Copy diagnostics")

        await screen.wait_for_text("Copied: versions")


async def test_what_a_helper_needs_of_a_run_that_cannot_be_read_is_offered_too(studio):
    studio.start("odd")

    def broken(handle):
        raise ValueError("nobody foresaw this")

    studio.world.launcher.state = broken
    async with studio.opened() as screen:
        await screen.wait_for_text("cannot be read because of an error inside the app")

        await screen.click("Copy diagnostics")

        await screen.wait_for_text("Copied: versions")


async def test_a_run_that_was_taken_out_of_the_queue_has_nothing_to_show_to_a_helper(studio):
    studio.services.queue.pause()
    session = studio.services.library.sessions()[0]
    request = RunRequest(RunConfig(base_model="a/b"), Target.LOCAL, session_id=session.id)
    studio.services.queue.cancel(studio.services.queue.add(request).id)
    async with studio.opened() as screen:
        await screen.wait_for_text("It was taken out of the queue before it started.")

        assert not screen.has_button("Copy diagnostics")


async def test_checkpoints_are_listed_with_what_was_measured_there(studio):
    run = studio.start()
    whole_checkpoint(run, 40)
    write_events(
        run,
        step(5, 2.0), CheckpointSaved(step=5, path="checkpoints/samples_20"),
        Evaluation(step=10, loss=1.5, best=True), step(10, 1.25),
        CheckpointSaved(step=10, path="checkpoints/samples_40"),
    )  # fmt: skip
    async with studio.opened() as screen:
        await screen.wait_for(lambda: len(screen.identified("checkpoints")) == 2)

        assert screen.identified("checkpoints") == [
            "Step 10 · 40 examples · epoch 0.10 · loss 1.250 · validation 1.500 · the best",
            "Step 5 · 20 examples · epoch 0.10 · loss 2.000 · removed since",
        ]
        assert screen.has_button("Copy the folder of step 10")


def whole_checkpoint(run, samples: int) -> Path:
    folder = run.folder / "checkpoints" / f"samples_{samples}"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"12")
    marker = {"step": 1, "samples_seen": samples, "saved_at": 1, "files": {"model.bin": 2}}
    (folder / "COMPLETE.json").write_text(json.dumps(marker))
    return folder


async def test_a_checkpoint_that_is_broken_or_lacks_a_file_is_not_listed_as_whole(studio):
    run = studio.start()
    whole_checkpoint(run, 4)
    (whole_checkpoint(run, 8) / "model.bin").write_bytes(b"1")
    (whole_checkpoint(run, 12) / "COMPLETE.json").unlink()
    saved = (CheckpointSaved(step=n, path=f"checkpoints/samples_{4 * n}") for n in (1, 2, 3))
    write_events(run, *saved)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: len(screen.identified("checkpoints")) == 3)

        assert screen.identified("checkpoints") == [
            "Step 3 · 12 examples · cannot be used: its file COMPLETE.json is damaged or missing",
            "Step 2 · 8 examples · cannot be used: its file model.bin is damaged or missing",
            "Step 1 · 4 examples",
        ]


async def test_what_was_changed_because_memory_ran_out_stands_in_the_run(studio):
    run = studio.start()
    write_events(run, Notice(message="Half a day left"))
    write_events(run, Notice(level="warning", message="Memory ran out with 4 rows at once. From here on 2."))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("memory-changes"))

        [title, change] = screen.identified("memory-changes")
        assert title == "Changed because memory ran out"
        assert change.endswith("Memory ran out with 4 rows at once. From here on 2.")


async def test_a_finished_run_leads_to_talking_to_it(studio):
    run = studio.finish(studio.start())
    async with studio.opened() as screen:
        await screen.click("Talk to it")

        [call] = [args for name, args in screen.client.calls if name == "scroll_to"]
        assert "talk" in str(call.get("scroll_key"))
        assert run.status is RunStatus.FINISHED


async def test_a_word_is_looked_for_in_the_whole_log(studio):
    run = studio.start()
    studio.world.launcher.job(run).log.extend(
        f"line {n} {'WARNING' if n % 400 == 0 else ''}" for n in range(900)
    )
    async with studio.opened() as screen:
        await screen.wait_for(lambda: "line 899" in "\n".join(screen.identified("log")))
        await screen.type("Search the log", "warning")

        await screen.wait_for(lambda: screen.identified("log-found-count") == ["3 lines say that."])
        assert "   401  line 400 WARNING" in "\n".join(screen.identified("log-found")).splitlines()

        await screen.type("Search the log", "no such thing")
        await screen.wait_for(lambda: screen.identified("log-found-count") == ["No line says that."])
