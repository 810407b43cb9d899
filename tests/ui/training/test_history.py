"""The history and the queue in the window: found, compared, cloned, named, put in order."""

import hashlib
import json
from dataclasses import replace
from itertools import count
from threading import Event
from types import SimpleNamespace

import flet as ft
import flet.canvas as cv
import pytest

from app.domain.errors import StudioError
from app.domain.preflight import Readiness, Remark
from app.domain.presets import NAMED, method_of, method_values, preset_values
from app.domain.queue import QueueRules
from app.domain.renting import PodOptions, plan_of
from app.domain.runpod_ports import GpuOffer, Stock
from app.domain.runs import JobPhase, JobState, Run, RunId, RunRequest, RunStatus, Target
from app.domain.setups import Setup
from app.ui.training.beginner.cloned import open_clone
from app.ui.training.draft import TrainingDraft
from app.ui.training.history.sparkline import HEIGHT, WIDTH, spots
from app.ui.training.pod_draft import PodDraft
from tests.services.conftest import NOON, ends, started, step, write_events
from tests.ui.training.conftest import _is_inside, choose_segment
from trainer_image.config import DATA_FILE, Lora, Osft, RunConfig
from trainer_image.events import Evaluation, Result

LOSSES = (3.0, 2.0, 1.5)
LIMIT = "Limit in dollars for all rented runs (optional)"


def trained(studio, name: str, *, losses=LOSSES, validation: float | None = None, **config) -> Run:
    """A finished run with a curve."""
    session = studio.services.library.sessions()[0]
    request = RunRequest(
        RunConfig(base_model="owner/model", **config), Target.LOCAL, session_id=session.id, output_name=name
    )
    run = studio.services.training.start(request)
    write_events(run, started(), *(step(i, loss, len(losses)) for i, loss in enumerate(losses, 1)))
    if validation is not None:
        write_events(run, Evaluation(time=0, step=len(losses), loss=validation, best=True))
    result = Result(status="finished", step=len(losses), total_steps=len(losses), final_loss=losses[-1])
    ends(studio.world, run, JobState(JobPhase.EXITED, 0), result)
    return studio.services.monitoring.refresh(run.id)


def queued(studio, *names: str) -> list[Run]:
    session = studio.services.library.sessions()[0]
    return [
        studio.services.queue.add(
            RunRequest(RunConfig(base_model="a/b"), Target.LOCAL, session_id=session.id, output_name=name)
        )
        for name in names
    ]


def names_in_queue(screen) -> list[str]:
    texts = screen.identified("queue")
    return [text for text in texts if text in ("one", "two", "three")]


async def pick(screen, label: str) -> None:
    """An entry of the run's menu, which stands after that of the setups."""
    *_, item = [i for i in screen.controls(ft.PopupMenuItem) if i.content == label]
    await screen.fire(item, "click")


def test_a_sparkline_fills_its_place_and_goes_down_as_the_loss_falls():
    line = spots([3.0, float("nan"), 2.0, 1.0])

    assert [x for x, _ in line] == [2.0, WIDTH / 2, WIDTH - 2]
    assert [y for _, y in line] == [2.0, HEIGHT / 2, HEIGHT - 2]
    assert spots([1.0]) == []
    assert {y for _, y in spots([1.0, 1.0])} == {HEIGHT / 2}


async def test_the_card_of_a_run_draws_its_losses(studio):
    run = studio.start("alpha")
    write_events(run, started(), step(1, 3.0), step(2, 2.0), step(3, 1.0))
    studio.finish(run)
    async with studio.opened() as screen:
        drawn = await screen.wait_for(lambda: list(screen.controls(cv.Canvas)))

    [path] = drawn[0].shapes
    places = [(element.x, element.y) for element in path.elements]
    assert places == spots([3.0, 2.0, 1.0])


async def test_two_runs_are_compared_by_their_curves_numbers_and_settings(studio):
    trained(studio, "alpha", validation=1.7)
    trained(studio, "beta", validation=1.2, learning_rate=1e-5, method=Osft())
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Compare alpha"))
        await screen.click("Compare alpha")
        await screen.click("Compare beta")
        await screen.wait_for(lambda: "1.200 · best" in screen.text())

        table, differences = screen.identified("compare-table"), screen.identified("compare-differences")

    assert table[7:9] == ["1. alpha", "LoRA"]
    assert "1.700" in table
    assert "2. 0.00001" in differences


async def test_curves_lie_over_each_other_on_the_steps_they_were_reported_at(studio):
    """One logged each step and the other each tenth: by number of points they would seem as long."""
    curves = {"alpha": {1: 3.0, 2: 2.0, 3: 1.0}, "beta": {10: 2.5, 20: 1.5, 40: 0.5}}
    for name, losses in curves.items():
        run = studio.start(name)
        write_events(run, started(), *(step(at, loss, 40) for at, loss in losses.items()))
        ends(studio.world, run, JobState(JobPhase.EXITED, 0), Result(status="finished", step=40))
        studio.services.monitoring.refresh(run.id)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Compare alpha"))
        await screen.click("Compare alpha")
        await screen.click("Compare beta")
        await screen.wait_for(lambda: len(drawn_over_each_other(screen)) == 2)

        await choose_segment(screen, "compare-smoothing", "raw")

        wanted = [list(losses.items()) for losses in curves.values()]
        await screen.wait_for(lambda: drawn_over_each_other(screen) == wanted)


def drawn_over_each_other(screen) -> list[list[tuple[float, float]]]:
    """The points of each line of the comparison."""
    [piece] = [s for s in screen.controls(ft.Semantics) if s.identifier == "compare-chart"] or [None]
    charts = [c for c in screen.controls() if type(c).__name__ == "LineChart" and _is_inside(c, piece)]
    return [[(p.x, p.y) for p in line.points] for chart in charts for line in chart.data_series]


@pytest.mark.parametrize("with_files", [False, True])
async def test_a_deleted_run_leaves_its_folder_unless_its_files_are_to_go_too(studio, with_files):
    run = trained(studio, "alpha")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Delete alpha"))
        await screen.click("Delete alpha")
        await screen.wait_for(lambda: screen.controls(ft.Checkbox))
        if with_files:
            await screen.set_value(screen.find(ft.Checkbox, "Also delete its files"), True)
        await screen.click("Delete")

        await screen.wait_for(lambda: studio.runs() == [])
        assert run.folder.is_dir() is not with_files
        assert (run.folder / DATA_FILE).is_file() is not with_files


async def test_two_runs_on_different_rows_are_not_said_to_be_alike(studio):
    trained(studio, "alpha")
    session = studio.services.library.sessions()[0]
    more = studio.world.home / "more.jsonl"
    more.write_text('{"prompt": "More?", "completion": "More."}\n')
    studio.services.library.append_file(session, more)
    trained(studio, "beta")
    trained(studio, "gamma")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Compare alpha"))
        await screen.click("Compare alpha")
        await screen.click("Compare beta")
        await screen.wait_for(lambda: bool(screen.identified("compare-differences")))

        label, one, other = screen.identified("compare-differences")
        assert label == "Rows"
        assert "version 1" in one
        assert "version 2" in other

        await screen.click("Stop comparing alpha")
        await screen.click("Compare gamma")
        await screen.wait_for_text("None: both have the same settings, rows and place.")


async def test_in_a_narrow_window_a_runs_name_is_read_to_its_end_and_its_state_stands_above(studio):
    """Names are made of data and method, so that only their ends tell them apart."""
    trained(studio, "alpha")
    async with studio.opened(width=420) as screen:
        await screen.wait_for(lambda: screen.has_button("Compare alpha"))
        [tile] = [t for t in screen.controls(ft.ListTile) if t.title.value == "alpha"]
        assert (tile.title.max_lines, tile.leading) == (3, None)
        state, facts, *_ = tile.subtitle.controls
        assert (type(state), facts.max_lines) == (ft.Row, 3)

    async with studio.opened(width=1280) as screen:
        await screen.wait_for(lambda: screen.has_button("Compare alpha"))
        [tile] = [t for t in screen.controls(ft.ListTile) if t.title.value == "alpha"]
        assert (tile.title.max_lines, tile.leading.width) == (1, 104)


async def test_a_run_is_cloned_into_the_form_with_its_data_and_what_changed_since_is_said(studio):
    run = trained(studio, "alpha", learning_rate=7e-5)
    more = studio.world.home / "more.jsonl"
    more.write_text('{"prompt": "More?", "completion": "More."}\n')
    studio.services.library.append_file(studio.services.library.sessions()[0], more)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("alpha"))
        await pick(screen, "Clone into the form")
        await screen.wait_for(lambda: "Its settings are in the form now." in screen.text())

        assert "the run saw version 1, now it is version 2" in screen.text()
        assert (studio.draft.numbers["learning_rate"], studio.draft.session) == ("0.00007", run.session_id)
        assert studio.draft.cloned_from == run.id


async def test_a_half_filled_form_comes_back_by_undo_after_a_clone(studio):
    trained(studio, "alpha", learning_rate=7e-5)
    studio.draft.type_number("learning_rate", "0.0")
    studio.draft.hub_repo = "half/typed"
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("alpha"))
        await pick(screen, "Clone into the form")
        await screen.wait_for(lambda: studio.draft.numbers["learning_rate"] == "0.00007")

        await screen.click("Undo")

        await screen.wait_for(lambda: "Its settings are in the form now." not in screen.text())
        assert (studio.draft.numbers["learning_rate"], studio.draft.hub_repo) == ("0.0", "half/typed")
        assert studio.draft.cloned_from is None


def test_what_is_loaded_over_a_clone_is_no_clone_and_undo_makes_it_one_again():
    draft = TrainingDraft()
    open_clone(draft, RunId("a"), Setup(session="x", config=RunConfig(base_model="a/b")))
    clone = draft.everything()

    draft.load(Setup(session="y", config=RunConfig(base_model="c/d")))
    assert draft.cloned_from is None

    draft.put_back(clone)
    assert draft.cloned_from == "a"


def test_only_what_filled_the_form_last_is_undone():
    draft = TrainingDraft(hub_repo="typed", sought="rate")
    clone = open_clone(draft, RunId("a"), Setup(session="x", config=RunConfig(base_model="a/b")))
    advice = open_clone(draft, RunId("a"), Setup(session="x", config=RunConfig(base_model="c/d")))
    draft.sought = "rank"

    assert not clone.can_undo()
    assert not clone.undo()
    assert draft.base_model == "c/d"

    assert advice.undo()
    assert (draft.base_model, draft.cloned_from, draft.sought) == ("a/b", "a", "rank")
    assert not advice.undo()


async def test_a_run_started_from_a_setup_that_was_loaded_over_a_clone_is_not_said_to_be_cloned(studio):
    origin = trained(studio, "alpha")
    setup = Setup(session=str(origin.session_id), config=RunConfig(base_model="owner/other"))
    studio.services.setups.save("mine", setup)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("alpha"))
        await pick(screen, "Clone into the form")
        await screen.wait_for(lambda: studio.draft.cloned_from == origin.id)
        await screen.choose("Saved setup", "mine")
        await screen.click("Load")
        await screen.wait_for(lambda: not screen.button("Start training").disabled)

        await screen.click("Start training")

        await screen.wait_for(lambda: len(studio.runs()) == 2)
        assert studio.runs()[0].cloned_from is None


@pytest.mark.parametrize("preset", [name for name in NAMED if method_of(name) in {None, "lora"}])
def test_a_beginners_run_is_cloned_for_a_beginner_whichever_preset_it_had(preset):
    draft, method = TrainingDraft(), Lora(**method_values(preset))
    config = RunConfig(base_model="a/b", method=method, **preset_values(preset, "lora"))

    said = open_clone(draft, RunId("a"), Setup(session="x", skill="expert", config=config)).said

    assert (said, draft.skill) == ("", "beginner")
    assert draft.to_setup().config == config


def test_a_clone_is_an_experts_if_the_form_was_or_if_bits_are_not_a_beginners():
    draft, expert = TrainingDraft(), TrainingDraft(skill="expert")
    usual = Setup(session="x", config=RunConfig(base_model="a/b"))
    in_8_bits = Setup(session="x", config=RunConfig(base_model="a/b", method=Lora(load_in_8bit=True)))

    assert open_clone(expert, RunId("a"), usual).said == ""
    assert "Frozen model in 8 bits." in open_clone(draft, RunId("a"), in_8_bits).said

    assert (expert.skill, draft.skill) == ("expert", "expert")


async def test_a_clone_with_settings_a_beginner_does_not_see_is_an_experts_and_names_them(studio):
    studio.draft.skill = "beginner"
    trained(studio, "alpha", weight_decay=0.2, seed=7, packing=True, lr_scheduler="linear")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("alpha"))
        await pick(screen, "Clone into the form")
        await screen.wait_for(lambda: "Its settings are in the form now." in screen.text())

        hidden = "Learning rate schedule and Weight decay and Seed and 1 more"
        assert f"Beginner does not show all that was set: {hidden}." in screen.text()
        assert studio.draft.skill == "expert"


async def test_a_run_gets_another_name_and_a_note(studio):
    trained(studio, "alpha")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("alpha"))
        await pick(screen, "Rename…")
        await screen.type("Name", "The good one")
        await screen.click("Save")
        await screen.wait_for(lambda: screen.has_button("The good one"))
        await pick(screen, "Note…")
        await screen.type("Note", "Best so far")
        await screen.click("Save")
        await screen.wait_for(lambda: "Best so far" in screen.text())


async def test_deleting_says_who_would_miss_the_run(studio):
    parent = studio.finish(studio.start("parent"))
    child = trained(studio, "child")
    base = RunConfig(base_model=str(parent.output_dir))
    studio.world.runs.update(child.id, lambda run: type(run)(**vars(run) | {"config": base}))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: "Continued from parent" in screen.text())
        await screen.click("Delete parent")
        await screen.wait_for(lambda: "Its files are the base model of child." in screen.text())

        assert screen.find(ft.Checkbox, "Also delete its files, which other runs need")


async def test_any_whole_checkpoint_can_be_resumed_from_and_a_damaged_one_says_why(studio):
    run = studio.start("alpha")
    for samples, at in ((4, 2), (8, 4)):
        folder = run.folder / "checkpoints" / f"samples_{samples}"
        folder.mkdir(parents=True)
        (folder / "model.bin").write_bytes(b"12")
        marker = {"step": at, "samples_seen": samples, "saved_at": samples, "files": {"model.bin": 2}}
        (folder / "COMPLETE.json").write_text(json.dumps(marker))
    (run.folder / "checkpoints" / "samples_8" / "model.bin").write_bytes(b"1")
    result = Result(status="stopped", step=4, total_steps=10, checkpoint="checkpoints/samples_4")
    ends(studio.world, run, JobState(JobPhase.EXITED, 3), result)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("alpha"))
        await pick(screen, "Checkpoints…")
        await screen.wait_for(lambda: screen.identified("checkpoint-samples_4"))
        assert "Cannot be resumed from: its file model.bin is damaged or missing." in screen.text()
        buttons = [b for b in screen.controls(ft.OutlinedButton) if b.content == "Resume from here"]
        assert [button.disabled for button in buttons] == [True, False]

        await screen.fire(buttons[1], "click")
        await screen.wait_for(lambda: studio.runs()[0].status is RunStatus.RUNNING)

    assert studio.world.launcher.job(run).resume_from == "samples_4"


async def test_a_checkpoint_that_no_longer_is_what_was_written_says_so_before_it_is_resumed_from(studio):
    run = studio.start("alpha")
    for samples in (4, 8):
        folder = run.folder / "checkpoints" / f"samples_{samples}"
        folder.mkdir(parents=True)
        (folder / "model.bin").write_bytes(b"12")
        sums = {"model.bin": hashlib.sha256(b"12").hexdigest()}
        marker = {"step": samples, "samples_seen": samples, "saved_at": samples, "files": {"model.bin": 2}}
        (folder / "COMPLETE.json").write_text(json.dumps(marker | {"sums": sums}))
    (run.folder / "checkpoints" / "samples_8" / "model.bin").write_bytes(b"13")
    result = Result(status="stopped", step=4, total_steps=10, checkpoint="checkpoints/samples_8")
    ends(studio.world, run, JobState(JobPhase.EXITED, 3), result)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("alpha"))
        await pick(screen, "Checkpoints…")

        await screen.wait_for_text("Cannot be resumed from: its file model.bin is not as it was written.")
        await screen.wait_for_text("checksums are right")
        await screen.wait_for_text("passes what is damaged over")
        buttons = [b for b in screen.controls(ft.OutlinedButton) if b.content == "Resume from here"]
        assert [button.disabled for button in buttons] == [True, False]
        assert "Comparing with checksums…" not in screen.text()


async def test_what_waits_is_put_in_order_paused_and_taken_out(studio):
    studio.services.queue.pause()
    queued(studio, "one", "two", "three")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: names_in_queue(screen) == ["one", "two", "three"])
        assert screen.identified("queue-reason") == ["The queue is paused."]
        await screen.click("Move three up")
        await screen.wait_for(lambda: names_in_queue(screen) == ["one", "three", "two"])
        await screen.click("Take one out of the queue")
        await screen.wait_for(lambda: names_in_queue(screen) == ["three", "two"])
        await screen.click("Go on")
        await screen.wait_for(lambda: names_in_queue(screen) == ["two"])

    assert [r.name for r in studio.runs() if r.status is RunStatus.RUNNING] == ["three"]


async def test_a_rule_changed_in_the_window_keeps_a_pause_of_another_window(studio):
    studio.services.queue.change_rules(only_at_night=True, night_from=0, night_to=1)
    studio.world.queue._clock = lambda: NOON
    queued(studio, "one")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("queue-reason"))
        read = studio.services.queue.rules
        studio.services.queue.rules = lambda: QueueRules(only_at_night=True, night_from=0, night_to=1)
        studio.services.queue.pause()  # and this window has not read it yet

        await screen.fire(screen.find(ft.Switch, "Only when the GPU is idle"), "change", True)

        await screen.wait_for(lambda: read().only_idle)
    assert read() == QueueRules(is_paused=True, only_idle=True, only_at_night=True, night_from=0, night_to=1)


async def test_rented_runs_are_held_to_a_limit_that_is_typed_shown_and_lifted(studio):
    queue = studio.services.queue
    queue._spent_since = lambda _: 0.421
    queue.pause()
    queued(studio, "one")
    async with studio.opened() as screen:
        await screen.type(LIMIT, "1.5")
        await screen.click("Set limit")
        await screen.wait_for(lambda: queue.rules().most_dollars == 1.5)
        await screen.wait_for(lambda: screen.identified("queue-spent") == ["So far $0.43 of $1.50."])
        assert screen.find(ft.TextField, LIMIT).value == "1.50"

        await screen.type(LIMIT, "")
        await screen.click("Lift limit")
        await screen.wait_for(lambda: queue.rules().most_dollars is None)
        await screen.wait_for(lambda: screen.identified("queue-spent") == [])


async def test_what_is_typed_as_a_limit_stays_while_what_was_spent_grows(studio):
    queue = studio.services.queue
    cents = count()
    queue._spent_since = lambda _: next(cents) / 100
    queue.limit_money(1.5)
    queue.pause()
    queued(studio, "one")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("queue-spent"))
        before = screen.identified("queue-spent")
        screen.put_in(screen.find(ft.TextField, LIMIT), "2")  # and nobody was told yet
        await screen.wait_for(lambda: screen.identified("queue-spent") != before)

        assert screen.find(ft.TextField, LIMIT).value == "2"


@pytest.mark.parametrize("typed", ["0", "-3", "nan", "a lot", "1e400"])
async def test_what_is_no_limit_in_money_is_said_and_kept_nowhere(studio, typed):
    studio.services.queue.pause()
    queued(studio, "one")
    async with studio.opened() as screen:
        await screen.type(LIMIT, typed)
        await screen.click("Set limit")
        await screen.wait_for_text("The limit is no amount of dollars.")

        assert studio.services.queue.rules().most_dollars is None
        assert screen.find(ft.TextField, LIMIT).value == typed


async def test_what_keeps_a_waiting_run_from_starting_stands_on_its_card(studio):
    error = Remark("Model", "error", "There is no such model.", "Check its name.")
    studio.services.queue.pause()
    studio.services.queue._check = lambda request: Readiness((error,))
    queued(studio, "one")

    async with studio.opened() as screen:
        await screen.wait_for_text(
            "As things are, it will not start: There is no such model. Check its name."
        )


async def test_what_keeps_a_run_from_the_queue_is_said_before_the_click(studio):
    finished = studio.finish(studio.start("done"))
    gone = studio.start("gone")
    studio.services.training.stop(gone.id, save=False)
    (gone.folder / DATA_FILE).unlink()

    async with studio.opened() as screen:
        await screen.wait_for(lambda: "Return to queue: it has finished" in menu_of(screen, finished))
        assert "Return to queue: its rows are no longer on disk" in menu_of(screen, gone)
        [item] = [i for i in screen.controls(ft.PopupMenuItem) if "it has finished" in str(i.content)]
        assert item.disabled


def menu_of(screen, run) -> list[str]:
    """What its menu offers, or says of what it cannot offer; nothing before it is there."""
    pieces = [s for s in screen.controls(ft.Semantics) if s.identifier == f"more-{run.id}"]
    items = screen.controls(ft.PopupMenuItem)
    return [str(i.content) for i in items if any(_is_inside(i, piece) for piece in pieces)]


async def test_a_stopped_run_is_returned_to_the_queue_from_its_menu(studio):
    studio.services.queue.pause()
    stopped = studio.start("again")
    studio.services.training.stop(stopped.id, save=False)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: "Return to queue" in menu_of(screen, stopped))
        await pick(screen, "Return to queue")
        await screen.wait_for_text("again waits at the end of the queue.")

        await screen.wait_for(lambda: screen.identified("queue"))
    assert [run.id for run in studio.services.queue.standing().runs] == [stopped.id]


A4000 = GpuOffer("NVIDIA RTX A4000", "RTX A4000", 16, 0.25, Stock.HIGH, 8)
POD = PodOptions(image="ghcr.io/somebody/trainer:1", budget=5)


class Prices:
    """A check before a run that says what a rented GPU costs, once it may."""

    def __init__(self, studio) -> None:
        self.may_say, self.asked = Event(), []
        self._here = studio.services.preflight.check
        object.__setattr__(studio.services, "preflight", SimpleNamespace(check=self.check))

    def check(self, request: RunRequest) -> Readiness:
        if request.target is not Target.RUNPOD:
            return self._here(request)
        self.asked.append(request)
        assert self.may_say.wait(20)
        return Readiness(plan=plan_of([A4000], request.pod, balance=12.0))


async def test_a_rented_run_goes_back_to_the_queue_only_with_its_price_on_the_screen(studio):
    prices = Prices(studio)
    studio.services.queue.pause()
    run = studio.start("rented")
    studio.services.training.stop(run.id, save=False)
    studio.world.runs.update(run.id, lambda r: replace(r, target=Target.RUNPOD, pod=POD))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: "Return to queue" in menu_of(screen, run))
        await pick(screen, "Return to queue")
        await screen.wait_for_text("a pod is ordered at this price at most, without a further question")
        assert screen.button("Agree and add to queue").disabled
        assert studio.services.queue.standing().runs == ()

        prices.may_say.set()
        await screen.wait_for_text("$0.25 an hour for RTX A4000")
        await screen.click("Agree and add to queue")
        await screen.wait_for_text("rented waits at the end of the queue.")

    [waits] = studio.services.queue.standing().runs
    assert (waits.pod.gpus, waits.pod.highest_price) == (("NVIDIA RTX A4000",), 0.25)


async def rented_form(screen, studio) -> None:
    studio.draft.target = Target.RUNPOD
    studio.draft.pod = PodDraft.of(POD)
    await screen.choose("Session", str(studio.services.library.sessions()[0].id))


async def test_a_rented_run_of_the_form_is_added_to_the_queue_only_with_its_price_on_the_screen(studio):
    prices = Prices(studio)
    studio.services.queue.pause()
    async with studio.opened() as screen:
        await rented_form(screen, studio)
        await screen.wait_for(lambda: not screen.button("Add to queue").disabled)
        await screen.click("Add to queue")
        await screen.wait_for_text("Add to the queue?")
        assert screen.identified("queue-prices") == ["Asking Runpod what it costs now…"]
        assert screen.button("Agree and add to queue").disabled
        assert studio.services.queue.standing().runs == ()

        prices.may_say.set()
        await screen.wait_for(lambda: not screen.button("Agree and add to queue").disabled)
        assert "$0.25 an hour for RTX A4000" in " ".join(screen.identified("queue-prices"))
        assert screen.identified("queue-price") == ["RTX A4000: $0.25/h, at most $1.00"]
        await screen.click("Agree and add to queue")
        await screen.wait_for(lambda: studio.services.queue.standing().runs)

    [waits] = studio.services.queue.standing().runs
    assert (waits.pod.gpus, waits.pod.highest_price) == (("NVIDIA RTX A4000",), 0.25)


async def test_methods_are_compared_on_rented_gpus_only_with_the_price_of_each_on_the_screen(studio):
    prices = Prices(studio)
    studio.services.queue.pause()
    async with studio.opened() as screen:
        await rented_form(screen, studio)
        await screen.wait_for(lambda: not screen.button("Compare methods…").disabled)
        await screen.click("Compare methods…")
        await screen.wait_for_text("Asking Runpod what it costs now…")
        assert screen.button("Agree and add 3 runs to the queue").disabled

        prices.may_say.set()
        await screen.wait_for(
            lambda: screen.identified("queue-price") == ["At most $0.25/h, and $3.00 together"]
        )
        await screen.click("Agree and add 3 runs to the queue")
        await screen.wait_for(lambda: len(studio.services.queue.standing().runs) == 3)

    assert {run.pod.highest_price for run in studio.services.queue.standing().runs} == {0.25}


async def add_three_of_which_one_fails(screen, studio, *, is_rented: bool) -> str:
    """What the button says that adds so many."""
    studio.services.queue.pause()
    many = "Agree and add {} runs to the queue" if is_rented else "Add {} runs to the queue"
    await rented_form(screen, studio)
    studio.draft.target = Target.RUNPOD if is_rented else Target.LOCAL
    await screen.wait_for(lambda: not screen.button("Compare methods…").disabled)
    await screen.click("Compare methods…")
    await screen.wait_for(lambda: not screen.button(many.format(3)).disabled)
    await screen.click(many.format(3))
    await screen.wait_for_text("The disk is full.")
    return many


@pytest.mark.parametrize("is_rented", [True, False])
async def test_methods_of_which_one_could_not_be_added_are_not_added_twice(studio, monkeypatch, is_rented):
    prices, add, asked = Prices(studio), studio.services.queue.add, []
    prices.may_say.set()

    def add_or_fail(request: RunRequest):
        asked.append(request.config.method.kind)
        if len(asked) == 2:
            raise StudioError("The disk is full.", "Make room.")
        return add(request)

    monkeypatch.setattr(studio.services.queue, "add", add_or_fail)
    async with studio.opened() as screen:
        many = await add_three_of_which_one_fails(screen, studio, is_rented=is_rented)
        assert "Already in the queue: LoRA." in screen.texts()

        await screen.wait_for(lambda: not screen.button(many.format(2)).disabled)
        await screen.click(many.format(2))
        await screen.wait_for_text("Compare 3 runs")
    assert asked == ["lora", "osft", "osft", "sft"]
    assert [r.config.method.kind for r in studio.services.queue.standing().runs] == ["lora", "osft", "sft"]


@pytest.mark.parametrize("is_rented", [True, False])
async def test_where_the_rest_cannot_be_added_one_goes_on_with_those_that_wait(
    studio, monkeypatch, is_rented
):
    prices, add = Prices(studio), studio.services.queue.add
    prices.may_say.set()

    def add_or_fail(request: RunRequest):
        if request.config.method.kind == "sft":
            raise StudioError("The disk is full.", "Make room.")
        return add(request)

    monkeypatch.setattr(studio.services.queue, "add", add_or_fail)
    async with studio.opened() as screen:
        await add_three_of_which_one_fails(screen, studio, is_rented=is_rented)

        await screen.set_value(screen.find(ft.Checkbox, "SFT (all weights)"), False)
        await screen.click("Go on with 2 runs in the queue")

        await screen.wait_for(lambda: screen.identified("compare-table"))
        assert "Compare 2 runs" in screen.texts()


async def test_a_run_of_the_form_waits_beside_the_one_that_is_going(studio):
    studio.start("going")
    async with studio.opened() as screen:
        session = studio.services.library.sessions()[0]
        await screen.choose("Session", str(session.id))
        await screen.wait_for(lambda: not screen.button("Add to queue").disabled)
        await screen.click("Add to queue")
        await screen.wait_for(lambda: "Waits until going has ended." in screen.text())

    [waits] = studio.services.queue.standing().runs
    assert waits.data_label == session.name


async def test_one_dataset_is_trained_on_by_every_method_and_they_are_compared(studio):
    studio.services.queue.pause()
    async with studio.opened() as screen:
        session = studio.services.library.sessions()[0]
        await screen.choose("Session", str(session.id))
        await screen.wait_for(lambda: not screen.button("Compare methods…").disabled)
        await screen.click("Compare methods…")
        await screen.click("Add 3 runs to the queue")
        await screen.wait_for(lambda: screen.identified("compare-table"))

        methods = [r.config.method.kind for r in studio.services.queue.standing().runs]
        assert methods == ["lora", "osft", "sft"]
        assert "Compare 3 runs" in screen.texts()


async def test_methods_that_a_setting_rules_out_are_named_with_that_setting(studio):
    session = str(studio.services.library.sessions()[0].id)
    config = RunConfig(base_model="owner/model", backend="unsloth")
    async with studio.opened() as screen:
        studio.draft.load(Setup(session=session, config=config))
        await screen.wait_for(lambda: not screen.button("Compare methods…").disabled)
        await screen.click("Compare methods…")
        await screen.click("Add 3 runs to the queue")

        await screen.wait_for_text("OSFT cannot be compared here: the backend unsloth trains LoRA only.")
    assert studio.services.queue.standing().runs == ()


async def test_a_finished_run_of_another_trainer_comes_into_the_history(studio, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    lines = [json.dumps({"step": i, "loss": 3.0 - i}) for i in (1, 2)]
    (folder / "training_metrics_0.jsonl").write_text("\n".join(lines))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Import a run…"))
        await screen.click("Import a run…")
        await screen.type("Folder", str(folder))
        await screen.click("Look")
        await screen.wait_for(lambda: "From mini-trainer." in screen.text())
        assert "No whole model was found: there is nothing to talk to." in screen.text()
        await screen.click("Import")
        await screen.wait_for(lambda: screen.has_button("theirs"))

    [run] = studio.runs()
    assert (run.origin, run.loss, run.step) == ("mini-trainer", 1.0, 2)


@pytest.mark.parametrize(("words", "found"), [("alpha", ["alpha"]), ("osft owner", ["beta"]), ("zzz", [])])
async def test_runs_are_found_by_what_they_are(studio, words, found):
    trained(studio, "beta", method=Osft())
    trained(studio, "alpha")
    for name in ("c", "d", "e"):
        trained(studio, name)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("alpha"))
        await screen.type("Search runs", words)
        await screen.wait_for(lambda: not screen.has_button("e"))

        assert [name for name in ("alpha", "beta", "c") if screen.has_button(name)] == found
