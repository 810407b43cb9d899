"""What the run will take stands above Start, and what speaks against it is read before it is started."""

import asyncio
import threading
from dataclasses import replace

import flet as ft

from app.domain.errors import StudioError
from app.domain.gpus import Gpu
from app.domain.preflight import Download, Extent, Readiness
from app.domain.renting import SETUP_SECONDS, CostPlan, GpuOffer, Stock
from app.domain.runs import Target
from app.ui.training.ready.card import ReadyCard
from app.ui.training.ready.latest import use_latest
from app.ui.training.start_panel import _About
from tests.preflight.conftest import preflight_of
from tests.preflight.known import GB, KnownComputer, KnownHub
from tests.ui.harness import mounted
from tests.ui.training.conftest import choose_session
from trainer_image.look_protocol import Ability, Directions, Examined, LoggerAsked


def state(screen) -> str:
    return " ".join(screen.identified("ready-state"))


def reason(screen) -> str:
    return " ".join(screen.identified("start-reason"))


def warns(studio, *cautions: str) -> None:
    studio.trainer.estimated = studio.trainer.estimated.model_copy(update={"cautions": cautions})


async def checked(screen, studio, word: str) -> None:
    """A complete form, and what the checks made of it."""
    await choose_session(screen, studio)
    await screen.wait_for(lambda: state(screen) == word)


async def test_memory_length_disk_and_download_stand_above_start(studio):
    async with studio.opened() as screen:
        await checked(screen, studio, "Ready")

        assert screen.identified("ready-memory") == [
            "Memory: 3.0 GB (2.0 GB – 4.0 GB)",
            "16.0 GB free · fits",
        ]
        figures = " | ".join(screen.identified("ready-figures"))
        assert figures.startswith("50 steps | 4.0 MB of ")
        assert "model is here | no cost" in figures


async def test_the_bar_ends_beyond_the_card_where_it_does_not_fit_and_says_so(studio):
    gpus = [Gpu("NVIDIA X", 8 * GB, 2 * GB)]
    preflight = preflight_of(studio.world, studio.trainer, KnownComputer(), gpus, KnownHub())
    object.__setattr__(studio.services, "preflight", preflight)
    studio.trainer.estimated = studio.trainer.estimated.model_copy(update={"device": "cuda"})
    async with studio.opened() as screen:
        await checked(screen, studio, "1 warning")

        assert screen.identified("ready-memory") == [
            "GPU memory: 3.0 GB (2.0 GB – 4.0 GB)",
            "2.0 GB free · too much",
        ]


async def test_a_warning_is_read_before_the_run_is_started_anyway(studio):
    warns(studio, "5 epochs are many.")
    async with studio.opened() as screen:
        await checked(screen, studio, "1 warning")
        assert "5 epochs are many." not in screen.text()

        await screen.click("Start training")

        await screen.wait_for_text("Warning · Settings: 5 epochs are many.")
        assert studio.runs() == []
        await screen.click("Start anyway")
        await screen.wait_for(studio.runs)


async def test_a_warning_that_came_after_the_others_were_read_is_read_too(studio):
    warns(studio, "5 epochs are many.")
    async with studio.opened() as screen:
        await checked(screen, studio, "1 warning")
        await screen.click("Start training")
        await screen.click("Hide details")

        warns(studio, "5 epochs are many.", "No dropout.")
        await screen.type("Learning rate", "0.001")
        await screen.wait_for(lambda: state(screen) == "2 warnings")

        await screen.click("Start training")
        await screen.wait_for_text("Warning · Settings: No dropout.")
        assert studio.runs() == []


async def test_what_is_found_at_the_click_stops_the_run_too(studio):
    async with studio.opened() as screen:
        await checked(screen, studio, "Ready")
        field, begin = screen.find(ft.TextField, "Learning rate"), screen.button("Start training")
        dispatch = screen.client.session.dispatch_event
        warns(studio, "A rate like this is seldom wise.")

        await asyncio.gather(dispatch(field._i, "change", "0.1"), dispatch(begin._i, "click", None))

        await screen.wait_for_text("A rate like this is seldom wise.")
        assert studio.runs() == []


async def test_an_error_keeps_start_closed_with_its_reason(studio, tmp_path):
    (tmp_path / "empty").mkdir()
    async with studio.opened() as screen:
        await checked(screen, studio, "Ready")
        studio.draft.is_model_typed, studio.draft.typed_model = True, str(tmp_path / "empty")

        await screen.wait_for(lambda: state(screen) == "Not ready")

        assert "is not whole: it has no config.json" in reason(screen)
        assert screen.button("Start training").disabled


async def test_an_incomplete_form_is_not_ready_and_nobody_is_asked(studio):
    studio.add_session("another")
    async with studio.opened() as screen:
        await screen.wait_for(lambda: reason(screen) == "Choose a dataset.")

        assert state(screen) == "Not ready"
        assert studio.trainer.asked == []


async def test_loggers_are_chips_that_say_who_asked_and_whether_they_are_there(studio):
    studio.trainer.examined = Examined(
        abilities=(
            Ability(name="lora", group="methods"),
            Ability(name="unsloth", group="backends", why_not="There is no NVIDIA GPU here."),
        ),
        loggers=(
            LoggerAsked(program="wandb", label="W&B", origin="WANDB_PROJECT", is_installed=True),
            LoggerAsked(program="trackio", label="Trackio", origin="the config", is_installed=True),
        ),
    )
    async with studio.opened() as screen:
        await checked(screen, studio, "Ready")

        figures = screen.identified("ready-figures")
        assert {"W&B (installed, from WANDB_PROJECT)", "Trackio (installed)"} <= set(figures)

        await screen.click("Details")
        abilities = screen.identified("ready-abilities")
        assert {"LoRA", "Unsloth", "Not here: Unsloth. There is no NVIDIA GPU here."} <= set(abilities)


async def test_the_details_name_the_directions_of_osft_and_can_be_asked_for_again(studio):
    kind = Directions(name="mlp.up_proj", rows=512, columns=256, copies=4, trained=128, rank=256)
    async with studio.opened() as screen:
        await checked(screen, studio, "Ready")
        await screen.click("Details")
        studio.trainer.estimated = studio.trainer.estimated.model_copy(update={"directions": (kind,)})

        await screen.click("Check again")

        await screen.wait_for_text("128 of 256 directions in each of 4 mlp.up_proj (512 × 256)")


async def test_the_output_folder_is_opened_in_the_file_manager_or_it_is_said_why_not(studio, tmp_path):
    def refuse(folder) -> None:
        raise StudioError("The folder cannot be shown: there is no desktop here.", f"It is {folder}")

    async with studio.opened() as screen:
        await screen.click("Open folder")
        assert studio.world.opened == [tmp_path]

        studio.services.training._open_folder = refuse
        await screen.click("Open folder")

        await screen.wait_for_text("there is no desktop here. It is")


@ft.component
def _Asker(ask, on_result):
    typed, set_typed = ft.use_state("a")
    use_latest(lambda: ask(typed), on_result, on=typed, delay_seconds=0)
    return ft.TextField(label="Typed", value=typed, on_change=lambda event: set_typed(event.control.value))


async def test_never_two_questions_at_a_time_and_the_last_one_counts():
    begun, answers, gate = [], [], threading.Event()

    def ask(typed: str) -> str:
        begun.append(typed)
        gate.wait(10)
        return typed

    async with mounted(_Asker, ask, answers.append) as screen:
        await screen.wait_for(lambda: begun)
        for text in ("ab", "abc"):
            await screen.type("Typed", text)
            await screen.settle()
        assert begun == ["a"]

        gate.set()

        await screen.wait_for(lambda: answers)
        assert (begun, answers) == (["a", "abc"], ["abc"])


def test_while_something_is_looked_up_it_is_neither_ready_nor_not():
    waiting = _About("Checking “Local (Docker)”…", None, False, frozenset())
    blocked = _About("Choose a dataset", None, False, frozenset())

    assert (waiting.waits, waiting.is_blocked) == (True, False)
    assert (blocked.waits, blocked.is_blocked) == (False, True)


async def test_figures_that_are_no_longer_those_of_the_form_are_said_to_be_of_before(studio):
    async with studio.opened() as screen:
        await checked(screen, studio, "Ready")
        assert not screen.identified("ready-of-before")

        studio.draft.choose_target(Target.RUNPOD)
        await screen.wait_for(lambda: state(screen) == "Not ready")

        assert "as it was before" in " ".join(screen.identified("ready-of-before"))
        assert "no cost" in screen.identified("ready-figures")

        studio.draft.choose_target(Target.LOCAL)
        await screen.wait_for(lambda: state(screen) == "Ready")
        assert not screen.identified("ready-of-before")


async def test_what_could_not_be_looked_up_is_said_on_the_card_and_in_its_state(studio, monkeypatch):
    check = studio.services.preflight.check

    def in_part(*asked, **more):
        return replace(check(*asked, **more), unknown=("The Hub's account could not be checked.",))

    monkeypatch.setattr(studio.services.preflight, "check", in_part)
    async with studio.opened() as screen:
        await checked(screen, studio, "Ready, not all checked")

        assert screen.identified("ready-unknown") == ["The Hub's account could not be checked."]


@ft.component
def Card(found):
    return ReadyCard(found)


async def test_the_card_says_the_download_the_time_and_what_a_rented_gpu_costs():
    a100 = GpuOffer("NVIDIA A100 80GB PCIe", "A100 PCIe", 80, 1.5, Stock.HIGH, 8)
    found = Readiness(
        download=Download(total=5 * GB, here=2 * GB),
        extent=Extent(steps=120, seconds=1800),
        plan=CostPlan(a100, (), budget=9, hours=4, train_seconds=3600 - SETUP_SECONDS),
    )

    async with mounted(Card, found) as screen:
        assert screen.identified("ready-figures") == [
            "120 steps, roughly 30 min",
            "downloads 3.0 GB",
            "A100 PCIe: $1.50/h, about $1.50, at most $6.00",
        ]
