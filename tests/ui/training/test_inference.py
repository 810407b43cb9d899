"""Talking to a finished run: settings, the streamed answer, the conversation."""

import flet as ft
import pytest

from app.domain.chat import PRESETS, EngineStatus
from app.domain.errors import EngineError
from app.domain.setups import BUNDLED_MODEL
from app.services.talkers import model_of
from tests.ui.training.conftest import choose_segment


@pytest.fixture
def run(studio):
    return studio.finish(studio.start("talker"))


def answer(screen, number=1) -> str:
    return " ".join(screen.identified(f"chat-answer-{number}"))


async def ask(screen, prompt):
    await screen.wait_for(lambda: screen.has_button("Run Inference"))
    await screen.type("Prompt", prompt)
    await screen.click("Run Inference")


async def test_a_run_that_is_going_has_nobody_to_talk_to(studio):
    studio.start()
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Stop"))

        assert not screen.has_button("Run Inference")


async def test_a_run_whose_result_is_gone_has_nobody_to_talk_to(studio, run):
    (run.folder / "output" / "adapter_model.safetensors").unlink()
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("run-status") == ["Finished"])

        assert not screen.has_button("Run Inference")


async def test_the_base_model_is_called_as_it_was_chosen(studio):
    studio.finish(studio.start("talker", base_model=BUNDLED_MODEL))
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.identified("chat-meta"))

        assert "Base model: Tiny demo model (no download)" in screen.identified("chat-meta")[0]


async def test_an_answer_streams_in_and_stays_in_the_conversation(studio, run):
    async with studio.opened() as screen:
        await ask(screen, "Where is Sorrel?")
        await screen.wait_for_text("Loading fine-tuned model and generating response…")
        assert screen.button("Run Inference").disabled

        studio.engine.say("In ", "the ")
        await screen.wait_for(lambda: answer(screen) == "Fine-tuned model In the ")
        assert "Generating response from fine-tuned model…" in screen.texts()
        studio.engine.say("north.")
        await screen.wait_for(lambda: answer(screen) == "Fine-tuned model In the north.")
        studio.engine.finish()

        await screen.wait_for(lambda: not screen.button("Run Inference").disabled)
        await screen.wait_for(lambda: answer(screen) == "Fine-tuned model In the north.")
        assert screen.identified("chat-prompt-1") == ["Where is Sorrel?"]
        [(prompt, voice, sampling)] = studio.engine.asked
        assert (prompt, voice, sampling) == ("Where is Sorrel?", "tuned", PRESETS["Balanced"])


async def test_a_model_in_memory_is_not_said_to_be_loading(studio, run):
    studio.engine.held = model_of(run, "tuned")
    async with studio.opened() as screen:
        await ask(screen, "Hello")

        await screen.wait_for_text("Generating response from fine-tuned model…")
        assert "Loading" not in " ".join(screen.identified("chat-progress"))
        studio.engine.finish()


async def test_with_another_model_in_memory_the_right_one_is_said_to_be_loading(studio, run):
    studio.engine.state = EngineStatus("ready")
    studio.engine.held = model_of(run, "base")
    async with studio.opened() as screen:
        await ask(screen, "Hello")

        await screen.wait_for(lambda: "Loading" in " ".join(screen.identified("chat-progress")))
        studio.engine.say("Hi.")
        studio.engine.finish()
        await screen.wait_for(lambda: not screen.button("Run Inference").disabled)


async def test_the_base_model_answers_when_it_is_chosen(studio, run):
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Run Inference"))
        await choose_segment(screen, "voice", "base")

        await ask(screen, "Hello")
        studio.engine.say("Eh?")
        studio.engine.finish()

        await screen.wait_for(lambda: answer(screen) == "Base model Eh?")
        assert studio.engine.asked[0][1] == "base"


async def test_stop_ends_the_answer_and_keeps_what_was_said(studio, run):
    async with studio.opened() as screen:
        await ask(screen, "Hello")
        studio.engine.say("As I was ")
        await screen.wait_for(lambda: "As I was" in answer(screen))

        await screen.click("Stop answer")

        await screen.wait_for(lambda: not screen.button("Run Inference").disabled)
        assert [turn.answer for turn in studio.services.chats.turns(run.id)] == ["As I was "]


async def test_stop_in_the_first_moment_of_a_question_holds(studio, run):
    studio.engine.may_begin.clear()
    async with studio.opened() as screen:
        await ask(screen, "Hello")
        await screen.wait_for(lambda: screen.has_button("Stop answer"))
        await screen.click("Stop answer")
        await screen.wait_for(lambda: studio.engine.stops)

        studio.engine.may_begin.set()

        await screen.wait_for(lambda: not screen.button("Run Inference").disabled)
        assert studio.engine.asked == []


async def test_a_failing_engine_is_shown_with_its_hint_and_can_be_asked_again(studio, run):
    studio.engine.fail_with = EngineError("The model could not be loaded.", "Free some memory.")
    async with studio.opened() as screen:
        await ask(screen, "Hello")

        await screen.wait_for_text("The model could not be loaded.")
        assert "Free some memory." in screen.texts()
        assert not screen.button("Run Inference").disabled


async def test_an_empty_prompt_cannot_be_run(studio, run):
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Run Inference"))

        assert screen.button("Run Inference").disabled


async def test_a_preset_sets_what_is_sent_and_a_slider_leaves_it(studio, run):
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Run Inference"))
        await choose_segment(screen, "sampling", "Deterministic")
        assert "Temperature 0: always the likeliest word" in screen.texts()
        assert studio.draft.chat.settings.sampling == PRESETS["Deterministic"]

        temperature = next(iter(screen.controls(ft.CupertinoSlider)))
        await screen.set_value(temperature, 0.9)

        assert "Temperature 0.9" in screen.texts()
        assert studio.draft.chat.settings.preset == ""


async def test_sample_prompts_come_from_the_training_data(studio, run):
    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Where is Sorrel?"))

        focused: list[int] = []
        screen.client.answers["focus"] = lambda _, control: focused.append(control)

        await screen.click("Where is Sorrel?")

        assert screen.find(ft.TextField, "Prompt").value == "Where is Sorrel?"
        await screen.wait_for(lambda: focused == [screen.button("Run Inference")._i])
        assert not screen.button("Run Inference").disabled


async def test_the_conversation_is_exported_and_cleared(studio, run, tmp_path):
    async with studio.opened() as screen:
        await ask(screen, "Hello")
        studio.engine.say("Hi.")
        studio.engine.finish()
        await screen.wait_for(lambda: screen.has_button("Export chats"))
        await screen.wait_for(lambda: not screen.button("Export chats").disabled)

        await screen.click("Export chats")
        await screen.wait_for_text("Exported to")
        [file] = (tmp_path / "exports").iterdir()
        assert "You: Hello\nFine-tuned model: Hi." in file.read_text()

        await screen.click("Clear history")
        await screen.click("Clear")

        await screen.wait_for_text("Prompts and answers appear here.")
        assert studio.services.chats.turns(run.id) == []


async def test_leaving_the_tab_while_it_answers_keeps_the_answer(studio, run):
    async with studio.opened() as screen:
        await ask(screen, "Hello")
        studio.engine.say("First. ")
        await screen.wait_for(lambda: "First." in answer(screen))

    studio.engine.say("Second.")
    studio.engine.finish()

    async with studio.opened() as screen:
        await screen.wait_for(lambda: answer(screen) == "Fine-tuned model First. Second.")


async def test_deleting_the_run_while_it_answers_does_not_crash(studio, run):
    async with studio.opened() as screen:
        await ask(screen, "Hello")
        studio.engine.say("Still ")
        await screen.wait_for(lambda: "Still" in answer(screen))

        studio.services.training.delete(run.id, files=True)
        await screen.wait_for_text("No run yet")
        studio.engine.finish()

        await screen.wait_for(lambda: not studio.draft.chat.answering.is_busy)


async def test_the_focus_is_on_stop_while_an_answer_comes_and_on_the_button_again_afterwards(studio, run):
    """Run Inference cannot be pressed meanwhile, and what cannot be pressed loses the focus."""
    async with studio.opened() as screen:
        focused: list[int] = []
        screen.client.answers["focus"] = lambda _, control: focused.append(control)
        await ask(screen, "Hello")
        stop = screen.button("Stop answer")._i
        await screen.wait_for(lambda: set(focused) == {stop})

        studio.engine.finish()

        await screen.wait_for(lambda: focused[-1] == screen.button("Run Inference")._i)


async def test_stop_stays_in_sight_as_long_as_it_has_the_focus(studio, run):
    """The focus of what is hidden goes to no one knows where."""
    async with studio.opened() as screen:
        shown_when_it_went: list[bool] = []

        def note(_, control: int) -> None:
            if control == screen.button("Run Inference")._i:
                shown_when_it_went.append(screen.has_button("Stop answer"))

        screen.client.answers["focus"] = note
        await ask(screen, "Hello")
        await screen.fire(screen.button("Stop answer"), "focus")

        studio.engine.finish()
        await screen.wait_for(lambda: shown_when_it_went)
        await screen.fire(screen.button("Stop answer"), "blur")

        assert shown_when_it_went[0]
        assert not screen.has_button("Stop answer")
