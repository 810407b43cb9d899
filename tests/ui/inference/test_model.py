"""Which model is chosen in the Inference tab, how it is put into memory, and what the engine gets of it."""

import flet as ft

from app.adapters.worker_requests import load_request
from app.domain.chat import EngineStatus, LoadedFacts
from app.domain.talkers import Placing
from tests.ui.training.conftest import choose_segment


async def load(screen, parlour):
    """Press Load, and what the model process would be asked for then."""
    before = len(parlour.engine.loads)
    await screen.click("Load now")
    await screen.wait_for(lambda: len(parlour.engine.loads) > before)
    return parlour.engine.loads[-1]


async def test_the_base_model_of_a_run_answers_where_it_is_wanted_instead(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await screen.wait_for_text("GB are free in this computer's memory")
        [toggle] = [s for s in screen.controls(ft.Switch) if s.label == "Its base model instead"]
        for is_on, voice in ((True, "base"), (False, "tuned")):
            await screen.set_value(toggle, is_on)
            await screen.type("Message", "Hello")
            await screen.click("Send")
            parlour.engine.say("Ahoy.")
            parlour.engine.finish()
            await screen.wait_for(lambda: not parlour.draft.chat.is_busy)

            assert parlour.engine.asked[-1][1] == voice


async def test_a_typed_name_of_the_hub_is_what_the_model_process_is_asked_for(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "model-source", "hub")
        await screen.type("Or any model, by its name", " island-labs/ferry-1b ")

        asked = load_request(await load(screen, parlour))

        assert (asked.base_model, asked.words, asked.adapter) == (
            "island-labs/ferry-1b",
            "island-labs/ferry-1b",
            "",
        )


async def test_chosen_bits_and_device_reach_the_engine_with_the_model_and_with_a_question(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await screen.click("Memory")
        for bits, device in (("4bit", "cpu"), ("8bit", "cuda"), ("full", "mps")):
            await choose_segment(screen, "precision", bits)
            await choose_segment(screen, "device", device)

            asked = load_request(await load(screen, parlour))
            assert (asked.precision, asked.device) == (bits, device)
            await screen.type("Message", "Hello")
            await screen.click("Send")
            parlour.engine.say("Ahoy.")
            parlour.engine.finish()
            await screen.wait_for(lambda: not parlour.draft.chat.is_busy)
            assert parlour.engine.models[-1].placing == Placing(bits, device)


async def test_unload_lets_go_of_the_model_and_is_offered_only_where_there_is_one(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await screen.wait_for_text("GB are free in this computer's memory")
        assert not screen.has_button("Unload")
        parlour.engine.state = EngineStatus("ready", loaded=LoadedFacts("ferry", "cpu", 2.5, 2**30))

        await screen.click("Unload")

        await screen.wait_for(lambda: parlour.engine.unloads == 1)
        await screen.wait_for(lambda: not screen.has_button("Unload"))
