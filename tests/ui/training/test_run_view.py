"""A run on the screen: it appears, it grows, it ends, and what can be done with it."""

from dataclasses import replace

import flet as ft
import pytest

from app.domain.errors import StoreError, TargetError
from app.domain.runs import JobPhase, JobState, RunId, RunStatus
from app.ui.training import run_actions
from app.ui.training.saving import MOST_BYTES, offer_file
from tests.services.conftest import ends, started, step, whole_checkpoint, write_events
from tests.ui.harness import mounted
from tests.ui.training.conftest import choose_segment
from trainer_image.config import SAMPLE_COMMAND, Logging
from trainer_image.events import CheckpointSaved, Evaluation, Notice, Phase, Plan, Result, Sample


def status(screen) -> str:
    return " ".join(screen.identified("run-status"))


def chart_points(screen) -> int:
    """How many points the first line of the loss chart has."""
    return len(first_line(screen))


def first_line(screen) -> list:
    charts = [c for c in screen.controls() if type(c).__name__ == "LineChart"]
    return charts[0].data_series[0].points if charts else []


async def test_progress_loss_and_timeline_appear_as_the_trainer_reports(studio):
    run = studio.start("lively")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Running")
        write_events(run, started(), Phase(name="train"), Notice(message="Half a day left"))
        write_events(run, step(1, 2.5), step(2, 1.25, total=10))

        await screen.wait_for(lambda: screen.identified("run-step") == ["Step 2 of 10"])

        assert screen.identified("run-loss") == ["Loss now", "1.250"]
        await screen.wait_for_text("Half a day left")
        await screen.wait_for(lambda: chart_points(screen) == 2)
        before = first_line(screen)

        write_events(run, step(3, 1.0))
        await screen.wait_for(lambda: chart_points(screen) == 3)
        assert all(old is new for old, new in zip(before, first_line(screen), strict=False))


async def test_while_a_run_goes_on_only_its_new_steps_are_read(studio, monkeypatch):
    read = counted(studio, monkeypatch)
    run = studio.start("long")
    write_events(run, started(), *(step(n, total=500) for n in range(1, 301)))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("run-step") == ["Step 300 of 500"])
        await screen.wait_for(lambda: 300 in read)
        before = len(read)
        for newest in (301, 302, 303):
            write_events(run, step(newest, total=500))
            await screen.wait_for_text(f"Step {newest} of 500")
            looks = len(read)
            await screen.wait_for(lambda looks=looks: len(read) > looks + 1)

    assert max(read[before:]) <= 3


def counted(studio, monkeypatch) -> list[int]:
    """How many steps each look of the run's view reads."""
    read, metrics = [], studio.services.monitoring.metrics

    def counting(run_id, **which):
        found = metrics(run_id, **which)
        read.append(len(found))
        return found

    monkeypatch.setattr(studio.services.monitoring, "metrics", counting)
    return read


async def test_of_a_run_that_went_back_no_step_of_before_stays_in_the_chart(studio):
    run = studio.start()
    kept = whole_checkpoint(run, 5, 5)
    write_events(run, started(), Plan(**PLAN), *(step(n) for n in range(1, 9)))
    write_events(run, CheckpointSaved(step=5, path=f"checkpoints/{kept.name}"))
    ends(studio.world, run, JobState(JobPhase.EXITED, 3), Result(status="stopped", step=8))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Stopped" and chart_points(screen) == 8)
        await screen.wait_for(lambda: not screen.button("Resume").disabled)
        await screen.click("Resume")
        await screen.wait_for(lambda: status(screen) == "Running")

        write_events(run, started(2), step(6, 9.0), step(7, 9.0))
        await screen.wait_for(lambda: [p.y for p in first_line(screen)][5:] == [9.0, 9.0, 1.0])
        write_events(run, step(8, 9.0), step(9, 9.0))
        await screen.wait_for(lambda: [p.y for p in first_line(screen)][5:] == [9.0] * 4)


async def test_measurements_are_in_the_chart_and_samples_below_it(studio):
    run = studio.start("measured")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Running")
        write_events(run, started(), Evaluation(step=0, loss=3.5, best=False), Sample(
            step=0, prompt="Which way?", answer="Up.", reference="This way.",
        ))  # fmt: skip
        write_events(run, step(1, 2.5), Evaluation(step=1, loss=2.25, best=True), step(2, 1.5))
        write_events(run, Sample(step=1, prompt="Which way?", answer="That way.", reference="This way."))

        await screen.wait_for(lambda: len(screen.identified("samples")) == 6)
        assert screen.identified("samples") == [
            "After step 1: Which way?", "That way.", "In the data: This way.",
            "Before training: Which way?", "Up.", "In the data: This way.",
        ]  # fmt: skip
        assert screen.identified("run-gain") == ["Validation loss, before and best", "3.500 → 2.250"]
        [chart] = [s for s in screen.controls(ft.Semantics) if s.identifier == "loss-chart"]
        assert chart.label.endswith("1.500 at step 2; validation loss 2.250 at step 1")
        assert "validation" in screen.texts()


async def test_the_dashboard_of_a_run_is_opened_by_a_button(studio):
    run = studio.start("shown")
    logging = Logging(trackio_space_id="me/curves", tensorboard_log_dir="tb")
    config = run.config.model_copy(update={"logging": logging})
    studio.world.runs.update(run.id, lambda stored: replace(stored, config=config))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("dashboards"))
        assert f"tensorboard --logdir {run.folder / 'tb'}" in screen.identified("dashboards")

        await screen.click("Open dashboard: Trackio")
        opened = [call[1] for call in screen.client.calls if call[0] == "launch_url"]
        assert "https://huggingface.co/spaces/me/curves" in str(opened)


async def test_a_run_says_which_version_of_the_session_it_trains_on(studio):
    run = studio.start("exact")
    async with studio.opened() as screen:
        await screen.wait_for_text(f"Ferry help desk (sample), version 1 ({run.content_hash[:8]})")


async def test_sample_now_asks_the_trainer_and_leaves_the_run_going(studio):
    run = studio.start()
    async with studio.opened() as screen:
        await screen.click("Sample now")

        await screen.wait_for((run.folder / SAMPLE_COMMAND).is_file)
        assert status(screen) == "Running"


async def test_what_the_gpu_does_is_shown_where_it_is_known(studio):
    run = studio.start()
    async with studio.opened() as screen:
        write_events(run, step(1).model_copy(update={"gpu_memory_gb": 7.25, "gpu_utilisation": 93.0}))

        await screen.wait_for(lambda: screen.identified("run-gpu") == ["GPU", "7.2 GB, 93 % busy"])


async def test_how_warm_the_gpu_is_stands_in_the_figures_and_in_its_chart(studio):
    run = studio.start()
    warm = {"gpu_memory_gb": 7.25, "gpu_utilisation": 93.0}
    write_events(run, *(step(n).model_copy(update={**warm, "gpu_temperature": 60.0 + n}) for n in (1, 2, 3)))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("run-gpu") == ["GPU", "7.2 GB, 93 % busy, 63 °C"])

        await choose_segment(screen, "chart-kind", "gpu")

        [chart] = [c for c in screen.controls() if type(c).__name__ == "LineChart"]
        drawn = [[(p.x, p.y) for p in series.points] for series in chart.data_series]
        assert [(1, 61.0), (2, 62.0), (3, 63.0)] in drawn


async def test_the_time_left_is_on_the_screen_while_it_goes_and_not_after(studio):
    run = studio.start()
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("run-eta") == ["Time left", "–"])

        write_events(run, started(), step(60, total=200).model_copy(update={"eta_seconds": 754.0}))
        await screen.wait_for(lambda: screen.identified("run-eta") == ["Time left", "about 12 min 34 s"])

        studio.finish(run)
        await screen.wait_for(lambda: status(screen) == "Finished")
        assert screen.identified("run-eta") == []


async def test_the_gpus_chart_draws_its_values_and_legends_tell_lines_apart_without_colour(studio):
    run = studio.start()
    told = [
        step(n).model_copy(update={"gpu_utilisation": 90.0 + n, "gpu_temperature": 60.0 + n}) for n in (1, 2)
    ]
    async with studio.opened() as screen:
        write_events(run, started(), *told, step(3))
        await screen.wait_for(lambda: chart_points(screen) == 3)
        [smooth], [each] = (line_before(screen, name) for name in ("Loss, smoothed", "each step"))
        assert smooth.height > each.height
        await choose_segment(screen, "chart-kind", "gpu")
        await screen.wait_for(lambda: "Busy, %" in screen.identified("loss-chart"))

        [chart] = [c for c in screen.controls() if type(c).__name__ == "LineChart"]
        busy, temperature = chart.data_series
        assert [(p.x, p.y) for p in busy.points] == [(1, 91), (2, 92)]
        assert [(p.x, p.y) for p in temperature.points] == [(1, 61), (2, 62)]
        assert (busy.dash_pattern, temperature.dash_pattern) == (None, [6, 3])
        assert [len(line_before(screen, name)) for name in ("Busy, %", "Temperature, °C")] == [1, 2]


def line_before(screen, name: str) -> list[ft.Control]:
    """The pieces of the line beside a name in the legend."""
    [entry] = [
        row for row in screen.controls(ft.Row)
        if len(row.controls) == 2 and getattr(row.controls[1], "value", "") == name
    ]  # fmt: skip
    return list(entry.controls[0].controls)


async def test_log_lines_appear_and_can_be_downloaded(studio):
    run = studio.start("talkative")
    studio.world.launcher.job(run).log.extend(f"line {n}" for n in range(120))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: "line 119" in "\n".join(screen.identified("log")))
        screen.client.answers["save_file"] = lambda args: "/somewhere/log.txt"

        await screen.click("Download log")
        await screen.wait_for(lambda: screen.identified("log-saved") == ["Saved to /somewhere/log.txt."])

        [sent] = [args for name, args in screen.client.calls if name == "save_file"]
        assert sent["src_bytes"].decode().splitlines()[-1] == "line 119"


@ft.component
def Offer(path):
    said, say = ft.use_state("")

    async def offer() -> None:
        say(await offer_file(path, "log.txt", path.parent))

    return ft.Column([ft.TextButton("Download", on_click=offer), ft.Text(said)])


@pytest.mark.parametrize(("size", "is_sent"), [(MOST_BYTES, True), (MOST_BYTES + 1, False)])
async def test_a_file_larger_than_the_page_takes_is_not_sent_but_its_place_is_said(tmp_path, size, is_sent):
    path, sent = tmp_path / "log.txt", []
    with path.open("wb") as file:
        file.truncate(size)
    async with mounted(Offer, path) as screen:
        screen.client.answers["save_file"] = lambda args: sent.append(len(args["src_bytes"])) or "/x/log.txt"
        await screen.click("Download")
        where = "Saved to /x/log.txt." if is_sent else f"The file is too big to download. It is at {path}."
        await screen.wait_for_text(where)

    assert sent == ([size] if is_sent else [])


async def test_after_a_restart_the_running_run_is_on_the_screen_by_itself(studio):
    going = studio.start("still-going")
    studio.finish(studio.start("newer-but-done"))

    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Running")

        assert studio.draft.selection.run_id == going.id


async def test_stop_asks_says_what_is_lost_and_ends_the_run(studio):
    run = studio.start()
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Stop"))

        await screen.click("Stop")
        assert "It has no checkpoint yet, so everything it learned is lost." in screen.texts()
        assert studio.world.launcher.job(run).stops == []
        await screen.click("Stop now")

        await screen.wait_for(lambda: status(screen) != "Running")
        assert studio.world.launcher.job(run).stops == [False]


async def test_stop_and_save_asks_the_trainer_to_save(studio):
    run = studio.start()
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Stop and save"))

        await screen.click("Stop and save")

        await screen.wait_for(lambda: status(screen) != "Running")
        assert studio.world.launcher.job(run).stops == [True]


async def test_a_stop_asked_for_elsewhere_is_said_and_not_offered_again(studio):
    run = studio.start()
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Running")

        studio.world.runs.update(run.id, lambda r: replace(r, stop_requested=True))

        await screen.wait_for(lambda: status(screen) == "Stopping…")
        assert screen.identified("run-phase") == ["Stopping…"]
        assert screen.button("Stop").disabled
        assert screen.button("Stop and save").disabled
        assert "It has been asked to stop and is on its way out." in screen.texts()


async def test_a_run_that_ignores_a_stop_can_be_asked_again(studio, monkeypatch):
    monkeypatch.setattr(run_actions, "_PATIENCE_SECONDS", 0.0)
    run = studio.start()
    studio.world.runs.update(run.id, lambda r: replace(r, stop_requested=True))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Stopping…")

        await screen.click("Stop")

        assert screen.has_button("Stop now")


async def test_save_now_asks_for_a_checkpoint_and_stops_nothing(studio):
    run = studio.start()
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Save now"))

        await screen.click("Save now")

        await screen.wait_for((run.folder / "commands" / "save").is_file)
        assert status(screen) == "Running"
        assert studio.world.launcher.job(run).stops == []


async def test_a_stop_that_fails_keeps_its_question_open_with_the_reason(studio):
    studio.start()
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Stop"))
        await screen.click("Stop")
        studio.world.launcher.unreachable = TargetError("Docker does not answer.", "Start Docker.")

        await screen.click("Stop now")

        await screen.wait_for(lambda: "Docker does not answer." in screen.texts())  # the run says more
        assert screen.has_button("Stop now")


async def test_after_a_stop_that_failed_the_run_is_not_said_to_stop_and_stop_can_be_pressed_again(studio):
    run = studio.start()
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Stop and save"))
        good_stop = studio.world.launcher.stop

        def bad_stop(handle, *, save, passed_on):
            raise TargetError("Docker does not answer.", "Start Docker.")

        studio.world.launcher.stop = bad_stop
        await screen.click("Stop and save")
        await screen.wait_for_text("Docker does not answer.")
        await screen.wait_for(lambda: status(screen) == "Running")
        assert not studio.services.monitoring.find(run.id).stop_requested

        studio.world.launcher.stop = good_stop
        await screen.wait_for(lambda: not screen.button("Stop and save").disabled)
        await screen.click("Stop and save")
        await screen.wait_for(lambda: status(screen) != "Running")
        assert studio.world.launcher.job(run).stops == [True]


async def test_a_failed_run_shows_why_and_why_it_cannot_be_resumed(studio):
    run = studio.start()
    studio.world.launcher.end(run, 137, out_of_memory=True)
    async with studio.opened() as screen:
        await screen.wait_for_text("The run was ended because memory ran out.")
        await screen.wait_for_text("Cannot be resumed: it ended before its first checkpoint.")

        assert screen.button("Resume").disabled


async def test_a_stopped_run_with_a_checkpoint_goes_on(studio):
    run = studio.start()
    whole_checkpoint(run, 20, 5)
    saved = CheckpointSaved(step=5, path="checkpoints/samples_20")
    write_events(run, started(), Plan(**PLAN), step(5), saved)
    ends(studio.world, run, JobState(JobPhase.EXITED, 3), Result(status="stopped", step=5))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Stopped")
        await screen.wait_for(lambda: not screen.button("Resume").disabled)
        await screen.wait_for_text("Resume goes on from the checkpoint of step 5.")

        await screen.click("Resume")

        await screen.wait_for(lambda: status(screen) == "Running")
        assert studio.world.launcher.job(run).resume


async def test_resume_says_from_which_step_it_goes_on_when_the_newest_checkpoint_is_lost(studio):
    run = studio.start()
    whole_checkpoint(run, 20, 5)
    (whole_checkpoint(run, 40, 10) / "model.bin").unlink()
    saved = CheckpointSaved(step=10, path="checkpoints/samples_40")
    write_events(run, started(), Plan(**PLAN), step(10), saved)
    ends(studio.world, run, JobState(JobPhase.EXITED, -9))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Failed")
        await screen.wait_for_text(
            "Resume goes on from step 5: the newer checkpoint samples_40 is damaged or no longer on disk."
        )
        assert not screen.button("Resume").disabled


async def test_resume_is_not_offered_from_a_checkpoint_that_lacks_a_file(studio):
    run = studio.start()
    (whole_checkpoint(run, 20, 5) / "model.bin").unlink()
    write_events(run, started(), step(5), CheckpointSaved(step=5, path="checkpoints/samples_20"))
    ends(studio.world, run, JobState(JobPhase.EXITED, -9))
    async with studio.opened() as screen:
        await screen.wait_for_text(
            "Cannot be resumed: no checkpoint of it is whole: its file model.bin is damaged or missing."
        )
        assert screen.button("Resume").disabled


async def test_a_finished_run_is_made_longer_by_a_number_and_only_by_one_that_is_more(studio):
    run = studio.start()
    whole_checkpoint(run, 10, 10)
    write_events(run, started(), step(10), CheckpointSaved(step=10, path="checkpoints/samples_10"))
    studio.finish(run)
    async with studio.opened() as screen:
        await screen.click("Train longer…")
        await screen.type("In all, epochs", "1")
        await screen.click("Train longer")
        await screen.wait_for_text("The run was planned for 1 epoch already.")

        await screen.type("In all, epochs", "4")
        await screen.click("Train longer")

        await screen.wait_for(lambda: status(screen) == "Running")
        job = studio.world.launcher.job(run)
        assert (job.resume, job.extend, job.run.config.num_epochs) == (True, True, 4)


async def test_a_run_without_a_checkpoint_offers_no_longer_training(studio):
    studio.finish(studio.start())
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Finished")
        await screen.settle()

        assert not screen.has_button("Train longer…")


PLAN = {
    "total_steps": 10,
    "num_rows": 5,
    "effective_batch_size": 1,
    "parameters": 10,
    "trainable_parameters": 1,
}


async def test_a_run_deleted_meanwhile_leaves_the_screen_without_a_crash(studio):
    run = studio.start("gone")
    studio.finish(run)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Finished")

        studio.services.training.delete(run.id, files=True)

        await screen.wait_for_text("No run yet")


async def test_history_shows_another_run_and_deletes_one_with_its_files(studio):
    older, newer = studio.finish(studio.start("older")), studio.finish(studio.start("newer"))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("older"))

        await screen.click("older")
        await screen.wait_for(lambda: studio.draft.selection.run_id == older.id)

        await screen.click("Delete older")
        [files] = screen.controls(ft.Checkbox)
        await screen.set_value(files, True)
        await screen.click("Delete")

        await screen.wait_for(lambda: not screen.has_button("older"))
        assert [run.id for run in studio.runs()] == [newer.id]
        assert not older.folder.exists()


async def test_every_icon_button_has_a_name(studio):
    studio.finish(studio.start("talker"))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Other sample prompts"))

        assert all(button.icon.semantics_label for button in screen.controls(ft.IconButton))


async def test_a_target_that_cannot_be_asked_is_said_while_the_run_may_go_on(studio):
    studio.start()
    studio.world.launcher.unreachable = TargetError("Docker does not answer.", "Start Docker.")
    async with studio.opened() as screen:
        await screen.wait_for_text("What the run is doing cannot be seen now: Docker does not answer.")

        assert status(screen) == "Running"


async def test_a_store_that_cannot_be_read_is_said_and_forgotten_once_it_can(studio, monkeypatch):
    studio.start("lively")
    read = studio.world.runs.all
    monkeypatch.setattr(studio.world.runs, "all", unreadable)
    async with studio.opened() as screen:
        await screen.wait_for_text("The database cannot be read.")

        monkeypatch.setattr(studio.world.runs, "all", read)

        await screen.wait_for(lambda: status(screen) == "Running")
        assert "The database cannot be read." not in screen.text()


def unreadable():
    raise StoreError("The database cannot be read.", "Look whether its disk is there.")


async def test_typing_into_the_form_goes_on_while_a_run_ticks(studio):
    run = studio.start()
    async with studio.opened() as screen:
        for number in range(1, 6):
            write_events(run, step(number))
            await screen.type("Output name (optional)", "n" * number)
        await screen.wait_for(lambda: screen.identified("run-step") == ["Step 5 of 10"])

        assert screen.find(ft.TextField, "Output name (optional)").value == "nnnnn"
        assert studio.runs()[0].status is RunStatus.RUNNING


async def test_a_run_that_was_chosen_or_started_is_brought_into_sight_and_no_other(studio):
    older, newer = studio.finish(studio.start("older")), studio.finish(studio.start("newer"))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("older"))
        assert studio.draft.selection.run_id == newer.id
        assert scrolled(screen) == [], "what is shown by itself moves nothing"

        await screen.click("older")

        await screen.wait_for(lambda: scrolled(screen) == ["run"])
        third = studio.start("third")
        await screen.wait_for(lambda: screen.has_button("third"))
        assert scrolled(screen) == ["run"], "it was started by somebody else"
        studio.draft.selection.choose(third.id)
        await screen.wait_for(lambda: scrolled(screen) == ["run", "run"])
        assert studio.draft.selection.run_id not in (older.id, newer.id)


async def test_until_a_new_run_is_read_the_one_before_stays_on_the_screen(studio):
    before = studio.finish(studio.start("before"))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: status(screen) == "Finished")

        studio.draft.selection.run_id = RunId("not read yet")
        await screen.settle()

        assert status(screen) == "Finished"
        assert before.name in screen.texts()


def scrolled(screen) -> list[str]:
    """The pieces that were brought into sight, in order."""
    return [args["scroll_key"] for name, args in screen.client.calls if name == "scroll_to"]


async def test_an_export_dialog_stays_open_and_as_it_was_filled_when_the_window_becomes_narrow(studio):
    studio.finish(studio.start("ferry"))
    async with studio.opened() as screen:
        await screen.click("Export…")
        await screen.type("Another folder", "/elsewhere")
        [dialog] = screen.controls(ft.AlertDialog)

        frame = next(c for c in screen.controls(ft.Container) if c.on_size_change is not None)
        await screen.fire(frame, "size_change", {"w": 420, "h": 800})

        await screen.wait_for(lambda: not screen.identified("training-form"))
        [same] = screen.controls(ft.AlertDialog)
        assert (same._i, screen.find(ft.TextField, "Another folder").value) == (dialog._i, "/elsewhere")
