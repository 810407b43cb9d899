"""From an empty form to a run that was started once, with what the form says."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import flet as ft

from app.domain.errors import TargetError
from app.domain.preflight import Readiness, Remark
from app.domain.runpod_ports import GpuOffer, Stock
from app.domain.runs import Target
from tests.ui.training.conftest import choose_segment, choose_session


def reason(screen) -> str:
    return " ".join(screen.identified("start-reason"))


async def test_start_is_disabled_with_the_one_missing_thing_as_its_reason(studio):
    studio.add_session("another")
    async with studio.opened() as screen:
        assert screen.button("Start training").disabled
        assert reason(screen) == "Choose a dataset."

        await choose_session(screen, studio)

        assert reason(screen) == ""


async def test_the_only_session_there_is_is_chosen_before_the_first_run(studio):
    async with studio.opened() as screen:
        await screen.wait_for(lambda: not screen.button("Start training").disabled)

        assert studio.draft.session == str(studio.services.library.sessions()[0].id)


async def test_start_launches_what_the_form_says(studio):
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await screen.type("Output name (optional)", "first-try")
        await screen.type("Learning rate", "0.001")
        await screen.wait_for(lambda: not screen.button("Start training").disabled)

        await screen.click("Start training")

        [run] = studio.runs()
        assert (run.name, run.target, run.config.learning_rate) == ("first-try", Target.LOCAL, 0.001)
        assert run.config.max_steps == 50
        await screen.wait_for_text("Running")


async def test_a_run_gets_what_was_typed_just_before_the_click(studio):
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        field, start = screen.find(ft.TextField, "Max steps"), screen.button("Start training")
        dispatch = screen.client.session.dispatch_event

        await asyncio.gather(dispatch(field._i, "change", "7"), dispatch(start._i, "click", None))

        [run] = studio.runs()
        assert run.config.max_steps == 7


async def test_a_double_click_starts_one_run(studio):
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        button = screen.button("Start training")

        await asyncio.gather(screen.click(button), screen.click(button))

        assert len(studio.runs()) == 1


async def test_a_refused_launch_is_shown_with_its_hint_and_can_be_tried_again(studio):
    studio.world.launcher.refusal = TargetError("Docker is not running.", "Start Docker Desktop.")
    async with studio.opened() as screen:
        await choose_session(screen, studio)

        await screen.click("Start training")

        assert {"Docker is not running.", "Start Docker Desktop."} <= set(screen.texts())
        assert not screen.button("Start training").disabled


async def test_what_the_target_would_refuse_is_the_reason(studio):
    studio.world.launcher.problems_found = ["Docker is not running. Start it."]
    async with studio.opened() as screen:
        await screen.wait_for(lambda: reason(screen) == "Docker is not running. Start it.")

        assert screen.button("Start training").disabled


async def test_a_file_that_is_not_there_is_the_reason(studio, tmp_path):
    async with studio.opened() as screen:
        await choose_segment(screen, "source", "file")
        assert reason(screen) == "Type the path of a data file."

        await screen.type("Data file", str(tmp_path / "none.jsonl"))

        await screen.wait_for(
            lambda: reason(screen) == "Choose a data file that exists: none.jsonl does not."
        )


async def test_what_was_started_last_fills_the_form_of_the_next_start_of_the_app(studio):
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await screen.type("LoRA rank (r)", "64")
        await screen.wait_for(lambda: not screen.button("Start training").disabled)
        await screen.click("Start training")
    fresh = type(studio)(studio.services, studio.world, studio.engine)

    async with fresh.opened() as screen:
        await screen.wait_for(lambda: screen.find(ft.TextField, "LoRA rank (r)").value == "64")

        assert fresh.draft.session == studio.draft.session


async def test_a_deleted_session_is_said_and_not_replaced_by_another(studio):
    async with studio.opened() as screen:
        await choose_session(screen, studio)

        studio.services.library.delete(studio.draft.session)
        studio.draft.output_name = "again"

        await screen.wait_for(lambda: screen.button("Start training").disabled)
        assert "session" in reason(screen).lower()


async def test_a_dearer_gpu_is_agreed_to_with_one_click(studio):
    next_one = GpuOffer("NVIDIA L4", "L4", 24, 0.39, Stock.HIGH, 8)

    def check(request):
        if request.pod.highest_price == 0.39:
            return Readiness()
        return Readiness((Remark("Cost", "error", "None is free at that price."),), dearer=next_one)

    object.__setattr__(studio.services, "preflight", SimpleNamespace(check=check))
    studio.draft.target = Target.RUNPOD
    studio.draft.pod = replace(studio.draft.pod, image="ghcr.io/somebody/trainer:1")
    async with studio.opened() as screen:
        await screen.wait_for_text("None is free at that price.")
        assert screen.button("Start training").disabled

        await screen.click("Take L4 at $0.39 an hour")

        await screen.wait_for(lambda: not screen.button("Start training").disabled)
    assert studio.draft.pod.highest_price == "0.39"


async def test_once_all_rows_were_looked_at_what_the_run_takes_is_worked_out_anew(studio, monkeypatch):
    checks: list[object] = []
    check = studio.services.preflight.check
    monkeypatch.setattr(
        studio.services.preflight, "check", lambda asked: checks.append(asked) or check(asked)
    )
    async with studio.opened() as screen:
        await screen.wait_for(lambda: len(checks) == 1 and not screen.button("Start training").disabled)

        studio.draft.looks_at_rows += 1

        await screen.wait_for(lambda: len(checks) == 2)
