"""Talking to a model in the Inference tab."""

import shutil
import threading

import flet as ft

from app.domain.chat import EngineStatus, LoadedFacts, Sampling
from app.domain.errors import BusyError, EngineError
from app.services.conversing import ConversationService
from tests.ui.training.conftest import choose_segment


def markdown(screen) -> list[str]:
    """What the messages say, in order of the controls."""
    return [control.value for control in screen.controls(ft.Markdown)]


async def send(screen, text, label="Message", button="Send"):
    await screen.type(label, text)
    await screen.click(button)


async def answered(screen, parlour, text, answer):
    await send(screen, text)
    parlour.engine.say(answer)
    parlour.engine.finish()
    await screen.wait_for(lambda: answer in markdown(screen) and screen.has_button("Answer again"))
    await screen.wait_for(lambda: not screen.button("Answer again").disabled)


async def test_a_run_is_chosen_by_itself_and_several_turns_are_answered_in_context(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await screen.wait_for_text("GB are free in this computer's memory")
        await answered(screen, parlour, "Where is Sorrel?", "In the **north**.")
        await answered(screen, parlour, "And Quill?", "South.")

        assert [m["content"] for m in parlour.engine.messages[-1]] == [
            "Where is Sorrel?",
            "In the **north**.",
            "And Quill?",
        ]
        assert screen.identified("chat-name") == ["Where is Sorrel?"]
        assert "1 tokens, 2.0 tokens/s; 11 tokens in the conversation" in screen.text()


async def test_an_answer_streams_in_and_stop_keeps_what_was_said(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await send(screen, "Hello")
        parlour.engine.say("As I was ")
        await screen.wait_for(lambda: "As I was " in markdown(screen))
        assert screen.button("Send").disabled

        await screen.click("Stop answer")

        await screen.wait_for(lambda: not parlour.draft.chat.is_busy)
        await screen.wait_for(lambda: markdown(screen) == ["Hello", "As I was "])


async def test_an_answer_stays_on_the_screen_until_it_is_read_from_what_is_kept(parlour, monkeypatch):
    parlour.run("ferry")
    messages, may_read = parlour.services.conversations.messages, threading.Event()
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "Hi.")
        await send(screen, "And back?")
        parlour.engine.say("At seven.")
        await screen.wait_for(lambda: "At seven." in markdown(screen))
        monkeypatch.setattr(
            parlour.services.conversations, "messages", lambda one: may_read.wait(20) and messages(one)
        )
        parlour.engine.finish()
        await screen.wait_for(lambda: not parlour.draft.chat.is_busy)

        assert markdown(screen)[::-1] == ["Hello", "Hi.", "And back?", "At seven."]  # newest first

        may_read.set()
        await screen.wait_for(lambda: screen.identified("live-answer") == [] and len(markdown(screen)) == 4)


async def test_stop_in_the_first_moment_of_a_question_holds(parlour):
    parlour.run("ferry")
    parlour.engine.may_begin.clear()
    async with parlour.opened() as screen:
        await send(screen, "Hello")
        await screen.wait_for(lambda: screen.has_button("Stop answer"))
        await screen.click("Stop answer")
        await screen.wait_for(lambda: parlour.engine.stops)

        parlour.engine.may_begin.set()

        await screen.wait_for(lambda: not parlour.draft.chat.is_busy)
        assert parlour.engine.asked == []
        await screen.wait_for(lambda: markdown(screen) == ["Hello"] and screen.has_button("Answer this"))
        await screen.click("Answer this")
        parlour.engine.say("Hi.")
        parlour.engine.finish()
        await screen.wait_for(lambda: markdown(screen) == ["Hello", "Hi."])


async def test_another_answer_takes_the_place_of_the_last_one(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "First.")

        await screen.click("Answer again")
        parlour.engine.say("Second.")
        parlour.engine.finish()

        await screen.wait_for(lambda: markdown(screen) == ["Hello", "Second."])


async def test_a_changed_question_is_answered_anew(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "First.")

        await screen.click("Edit this message")
        [field] = [f for f in screen.controls(ft.TextField) if f.value == "Hello"]
        await screen.set_value(field, "Good morning")
        await screen.click("Save and answer")
        parlour.engine.say("Morning!")
        parlour.engine.finish()

        await screen.wait_for(lambda: markdown(screen) == ["Good morning", "Morning!"])


CORRECT = "Correct this answer"


def values(screen, label):
    return [field.value for field in screen.controls(ft.TextField) if field.label == label]


async def every(screen, tooltip):
    """The buttons of this name, the newest message's first, once they can be pressed."""

    def enabled():
        found = [b for b in screen.controls(ft.IconButton) if b.tooltip == tooltip]
        return [] if any(b.disabled for b in found) else found

    return await screen.wait_for(enabled)


async def change_first(screen, old, new):
    """Edit the oldest question of several."""
    await screen.click((await every(screen, "Edit this message"))[-1])
    await screen.wait_for(lambda: [f for f in screen.controls(ft.TextField) if f.value == old])
    [field] = [f for f in screen.controls(ft.TextField) if f.value == old]
    await screen.set_value(field, new)
    await screen.click("Save and answer")


async def test_a_changed_question_stays_in_its_editor_where_another_answer_has_just_begun(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "First.")
        await screen.click("Edit this message")
        await screen.wait_for(lambda: [f for f in screen.controls(ft.TextField) if f.value == "Hello"])
        [field] = [f for f in screen.controls(ft.TextField) if f.value == "Hello"]
        await screen.set_value(field, "Good morning")

        save = screen.button("Save and answer").on_click
        parlour.draft.chat.is_busy = True
        save()  # before it is drawn that this cannot be pressed
        await screen.settle()
        parlour.draft.chat.is_busy = False
        await screen.settle()

        await screen.wait_for(
            lambda: any(field.value == "Good morning" for field in screen.controls(ft.TextField))
        )


async def test_what_a_changed_question_took_the_place_of_comes_back(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "First.")
        await answered(screen, parlour, "And Quill?", "Second.")
        await change_first(screen, "Hello", "Good morning")
        parlour.engine.say("Morning!")
        await screen.wait_for(lambda: markdown(screen) == ["Good morning", "Morning!"])
        parlour.engine.finish()
        await screen.wait_for(lambda: not parlour.draft.chat.is_busy)

        await screen.click("Undo")

        whole = ["Hello", "First.", "And Quill?", "Second."]
        await screen.wait_for(lambda: markdown(screen)[::-1] == whole)
        assert not screen.has_button("Undo")


async def test_a_changed_question_that_cannot_be_answered_forgets_nothing(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "First.")
        await answered(screen, parlour, "And Quill?", "Second.")
        parlour.engine.fail_with = EngineError("Memory ran out.")
        await screen.type("Message", "And when?")
        await change_first(screen, "Hello", "Good morning")
        await screen.wait_for_text("Memory ran out.")

        await screen.wait_for(lambda: markdown(screen)[::-1] == ["First.", "And Quill?", "Second."])
        assert values(screen, "Message") == ["Good morning", "And when?"]
        assert not screen.has_button("Undo")
        await screen.click("Cancel")
        await screen.wait_for(lambda: markdown(screen)[-1] == "Hello")


async def test_a_stop_before_the_first_word_of_a_changed_question_leaves_its_editor_open(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "First.")
        await change_first(screen, "Hello", "Good morning")
        await screen.wait_for(lambda: parlour.engine.state.state == "generating")

        await screen.click("Stop answer")

        await screen.wait_for(lambda: not parlour.draft.chat.is_busy)
        await screen.wait_for(lambda: values(screen, "Message") == ["Good morning", ""])
        assert markdown(screen) == ["First."]
        assert not screen.has_button("Undo")


async def test_a_changed_question_whose_answer_broke_off_can_be_undone(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "First.")
        await change_first(screen, "Hello", "Good morning")
        parlour.engine.say("Morn")
        await screen.wait_for(lambda: markdown(screen) == ["Good morning", "Morn"])

        await screen.click("Stop answer")

        await screen.wait_for(lambda: screen.has_button("Undo"))
        assert values(screen, "Message") == [""]


async def test_a_correction_is_not_taken_back_with_a_changed_question(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "First.")
        await answered(screen, parlour, "And Quill?", "Second.")
        await screen.click((await every(screen, "Edit this message"))[0])
        [field] = [f for f in screen.controls(ft.TextField) if f.value == "And Quill?"]
        await screen.set_value(field, "And Sorrel?")
        await screen.click("Save and answer")
        parlour.engine.say("Third.")
        parlour.engine.finish()
        await screen.wait_for(lambda: screen.has_button("Undo"))

        await screen.click((await every(screen, CORRECT))[-1])
        await screen.type("What the answer should have been", "Best.")
        await screen.click("Save correction")

        await screen.wait_for(lambda: "Best." in markdown(screen))
        assert not screen.has_button("Undo")


async def test_nothing_is_asked_while_a_changed_question_is_taken_back(parlour, monkeypatch):
    parlour.run("ferry")
    chats = parlour.services.conversations
    restore, may_restore = chats.restore, threading.Event()

    def held(*how):
        assert may_restore.wait(20)
        restore(*how)

    monkeypatch.setattr(chats, "restore", held)
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "First.")
        await change_first(screen, "Hello", "Good morning")
        parlour.engine.say("Morning!")
        parlour.engine.finish()
        await screen.wait_for(lambda: screen.has_button("Undo"))
        await screen.type("Message", "And when?")

        await screen.click("Undo")
        await screen.wait_for(lambda: screen.button("Send").disabled)
        may_restore.set()

        await screen.wait_for(lambda: markdown(screen) == ["Hello", "First."])
        await screen.wait_for(lambda: not screen.button("Send").disabled)


async def test_a_correction_that_cannot_be_kept_stays_in_its_editor(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "When does it leave?", "At nine.")
        await screen.click("Correct this answer")
        await screen.type("What the answer should have been", "At six.")
        parlour.services.conversations.delete(parlour.draft.chat.conversation)

        await screen.click("Save correction")

        await screen.wait_for_text("This chat was deleted meanwhile.")
        await screen.wait_for(lambda: values(screen, "What the answer should have been") == ["At six."])


async def test_a_question_that_fails_before_it_is_asked_loses_nothing_that_was_typed(parlour, monkeypatch):
    parlour.run("ferry")
    may_fail = threading.Event()

    def refused(*_, **__):
        assert may_fail.wait(20)
        raise EngineError("There is no room.")

    monkeypatch.setattr(parlour.services.talking, "require_fit", refused)
    async with parlour.opened() as screen:
        await send(screen, "Hello")
        await screen.wait_for(lambda: values(screen, "Message") == [""])
        await screen.type("Message", "And back?")
        may_fail.set()

        await screen.wait_for_text("There is no room.")
        assert values(screen, "Message") == ["Hello\n\nAnd back?"]


async def test_a_new_chat_that_begins_shows_nothing_of_the_one_before(parlour, monkeypatch):
    parlour.run("ferry")
    is_asked, may_fail = threading.Event(), threading.Event()

    def refused(*_, **__):
        is_asked.set()
        assert may_fail.wait(20)
        raise EngineError("There is no room.")

    async with parlour.opened() as screen:
        await answered(screen, parlour, "About harbours", "Yes.")
        await screen.click("New chat")
        await screen.wait_for(lambda: markdown(screen) == [])
        monkeypatch.setattr(parlour.services.talking, "require_fit", refused)
        await send(screen, "About inns")
        await screen.wait_for(lambda: is_asked.is_set() and markdown(screen))

        assert markdown(screen) == ["…"]
        may_fail.set()
        await screen.wait_for_text("There is no room.")


async def opening_is_held(screen, chats, name, monkeypatch) -> threading.Event:
    """A click on a saved chat, of two, that is looked up until the event is set."""
    is_opening, may_open = threading.Event(), threading.Event()

    def held(_) -> str:
        is_opening.set()
        assert may_open.wait(20)
        return ""

    await screen.click("Saved chats (2)")
    monkeypatch.setattr(chats, "missing", held)
    screen.start(screen.click(name))
    await screen.wait_for(is_opening.is_set)
    return may_open


async def test_a_question_goes_to_the_chat_on_the_screen_though_another_is_being_opened(parlour, monkeypatch):
    parlour.run("ferry")
    chats = parlour.services.conversations
    async with parlour.opened() as screen:
        await answered(screen, parlour, "About harbours", "Yes.")
        first = parlour.draft.chat.conversation
        await screen.click("New chat")
        await answered(screen, parlour, "About inns", "No.")
        second = parlour.draft.chat.conversation
        may_open = await opening_is_held(screen, chats, "About harbours", monkeypatch)
        await send(screen, "And back?")
        await screen.wait_for(lambda: parlour.engine.state.state == "generating")
        may_open.set()
        await screen.wait_for(lambda: not screen._started)  # it would be open now
        parlour.engine.say("Well.")
        parlour.engine.finish()

        await screen.wait_for(lambda: "Well." in markdown(screen))
        assert (parlour.draft.chat.conversation, parlour.draft.chat.notice) == (second, "")
        assert len(chats.messages(first)) == 2


async def test_a_chat_opens_though_a_thumb_was_given_while_it_was_looked_up(parlour, monkeypatch):
    parlour.run("ferry")
    chats = parlour.services.conversations
    async with parlour.opened() as screen:
        await answered(screen, parlour, "About harbours", "Yes.")
        first = parlour.draft.chat.conversation
        await screen.click("New chat")
        await answered(screen, parlour, "About inns", "No.")
        may_open = await opening_is_held(screen, chats, "About harbours", monkeypatch)
        await screen.click("Good answer")
        await screen.wait_for(lambda: screen.has_button("Good answer (marked)"))
        may_open.set()

        await screen.wait_for(lambda: parlour.draft.chat.conversation == first)


async def test_a_changed_prompt_is_answered_where_it_stands(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "prompts")
        for prompt, answer in (("One", "1"), ("Two", "2")):
            await send(screen, prompt, label="Prompt", button="Run")
            parlour.engine.say(answer)
            parlour.engine.finish()
            await screen.wait_for(lambda answer=answer: answer in markdown(screen))
            await screen.wait_for(lambda: not parlour.draft.prompts.is_busy)

        await change_first(screen, "One", "Uno")
        parlour.engine.say("I")
        await screen.wait_for(lambda: markdown(screen)[::-1] == ["Uno", "I", "Two", "2"])
        parlour.engine.finish()

        await screen.wait_for(lambda: screen.has_button("Undo"))
        await screen.wait_for(lambda: markdown(screen)[::-1] == ["Uno", "I", "Two", "2"])
        assert len(parlour.engine.messages[-1]) == 1


async def test_an_open_editor_keeps_its_text_while_an_answer_is_made(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "When does it leave?", "At nine.")
        await screen.click("Correct this answer")
        await screen.type("What the answer should have been", "At six.")
        await send(screen, "And back?")
        parlour.engine.say("At noon.")
        parlour.engine.finish()
        await screen.wait_for(lambda: "At noon." in markdown(screen))

        await screen.click("Save correction")

        await screen.wait_for(lambda: "At six." in markdown(screen))


async def test_what_is_typed_into_the_editor_of_an_answer_goes_with_the_answer(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "When does it leave?", "At nine.")
        await answered(screen, parlour, "And back?", "At ten.")
        await screen.click((await every(screen, CORRECT))[0])
        await screen.wait_for(lambda: parlour.draft.chat.edits.value)

        await change_first(screen, "When does it leave?", "When?")
        parlour.engine.say("At noon.")
        parlour.engine.finish()

        await screen.wait_for(lambda: markdown(screen) == ["When?", "At noon."])
        await screen.wait_for(lambda: not parlour.draft.chat.edits.value)


async def test_a_thumb_while_a_question_is_answered_shows_the_question_once(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "Hi.")
        await send(screen, "And back?")
        parlour.engine.say("At ")
        await screen.wait_for(lambda: "At " in markdown(screen))

        await screen.click("Good answer")
        await screen.wait_for(lambda: screen.has_button("Good answer (marked)"))

        assert markdown(screen)[::-1] == ["Hello", "Hi.", "And back?", "At "]
        parlour.engine.finish()
        await screen.wait_for(lambda: not parlour.draft.chat.is_busy)


async def test_a_corrected_answer_becomes_a_session(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "When does it leave?", "At nine.")

        await screen.click("Correct this answer")
        await screen.type("What the answer should have been", "At six.")
        await screen.click("Save correction")
        await screen.wait_for(lambda: markdown(screen) == ["When does it leave?", "At six."])
        assert "ferry · corrected by you" in screen.texts()
        await screen.click("Make a session of this chat")

        await screen.wait_for_text("Made the session When does it leave? of 1 row")
        [row] = parlour.services.library.rows(parlour.services.library.sessions()[0].id)
        assert [m["content"] for m in row.messages] == ["When does it leave?", "At six."]


async def test_a_thumb_is_kept_and_taken_back(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "Hi.")

        await screen.click("Good answer")
        await screen.wait_for(lambda: screen.has_button("Good answer (marked)"))
        await screen.click("Good answer (marked)")

        await screen.wait_for(lambda: screen.has_button("Good answer"))


async def test_saved_chats_are_searched_opened_deleted_and_brought_back(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "About harbours", "Yes.")
        await screen.click("New chat")
        await screen.wait_for(lambda: screen.identified("chat-name") == ["New chat"])
        await answered(screen, parlour, "About inns", "No.")

        await screen.click("Saved chats (2)")
        await screen.type("Search chats", "harbours")
        await screen.wait_for(lambda: screen.has_button("Saved chats (1)"))
        await screen.click("About harbours")
        await screen.wait_for(lambda: markdown(screen) == ["About harbours", "Yes."])
        await screen.click("Delete chat About harbours")
        await screen.wait_for_text("Deleted “About harbours”")
        await screen.wait_for(lambda: screen.identified("chat-name") == ["New chat"])
        await screen.click("Undo")

        await screen.wait_for(lambda: screen.has_button("About harbours"))


async def test_a_saved_chat_comes_back_with_its_model_and_its_settings(parlour):
    first = parlour.run("ferry")
    parlour.run("inns")
    draft = parlour.draft
    draft.model.run, draft.model.uses_base = f"run:{first.id}", True
    draft.settings.take(Sampling(0.3, 640, 1.25, seed=2**53 + 1, top_p=0.9, stop=("END",)))
    async with parlour.opened() as screen:
        await answered(screen, parlour, "About harbours", "Yes.")
        kept = draft.settings.sampling
        await screen.click("New chat")
        draft.model.run, draft.model.uses_base = f"checkpoint:{first.id}/samples_4", False
        draft.settings.take(Sampling())

        await screen.click("Saved chats (1)")
        await screen.click("About harbours")
        await screen.wait_for(lambda: draft.settings.sampling == kept)
        await answered(screen, parlour, "And inns?", "No.")

        assert (draft.model.run, draft.model.uses_base) == (f"run:{first.id}", True)
        assert parlour.engine.asked[-1] == ("And inns?", "base", kept)
        assert kept.seed == 2**53 + 1


async def test_where_the_model_of_a_saved_chat_is_gone_it_is_said_who_answers(parlour):
    gone, there = parlour.run("ferry"), parlour.run("inns")
    parlour.draft.model.run = f"run:{gone.id}"
    async with parlour.opened() as screen:
        await answered(screen, parlour, "About harbours", "Yes.")
        await screen.click("New chat")
        shutil.rmtree(gone.folder / "output")
        parlour.draft.model.run = f"run:{there.id}"

        await screen.click("Saved chats (1)")
        await screen.click("About harbours")

        await screen.wait_for_text("This chat was with ferry, which cannot answer now")
        assert screen.identified("talk-notice")[0].endswith("inns answers what you say next.")
        assert parlour.draft.model.run == f"run:{there.id}"

        parlour.draft.model.uses_base = True
        await screen.wait_for(lambda: not screen.identified("talk-notice"))
        parlour.draft.model.uses_base = False
        await screen.wait_for(lambda: screen.identified("talk-notice"))


async def test_a_chat_that_was_deleted_in_the_other_view_is_not_talked_to_on(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "About harbours", "Yes.")
        old = parlour.draft.chat.conversation
        await choose_segment(screen, "inference-view", "prompts")
        await screen.click("Saved chats (1)")
        await screen.click("Delete chat About harbours")
        await screen.wait_for_text("Deleted “About harbours”")
        await choose_segment(screen, "inference-view", "chat")
        await screen.wait_for_text("This chat was deleted elsewhere.")

        await answered(screen, parlour, "Are you there?", "Here.")

        assert markdown(screen) == ["Are you there?", "Here."]
        [notice] = screen.identified("talk-notice")
        assert "deleted meanwhile" in notice
        assert [one.name for one in parlour.services.conversations.find()] == ["Are you there?"]
        assert len(parlour.services.conversations.messages(old)) == 2


async def test_a_chat_that_was_deleted_elsewhere_is_brought_back_where_it_stands(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "About harbours", "Yes.")
        parlour.services.conversations.delete(parlour.draft.chat.conversation)
        await choose_segment(screen, "inference-view", "prompts")
        await choose_segment(screen, "inference-view", "chat")

        await screen.click("Bring it back")
        await screen.wait_for(lambda: "This chat was deleted elsewhere." not in screen.text())
        await answered(screen, parlour, "And inns?", "No.")

        assert markdown(screen)[::-1] == ["About harbours", "Yes.", "And inns?", "No."]  # newest first


async def test_a_chat_is_renamed_and_exported(parlour, tmp_path):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Hello", "Hi.")

        await screen.click("Rename this chat")
        await screen.type("Name of this chat", "Greetings")
        await screen.click("Save name")
        await screen.wait_for(lambda: screen.identified("chat-name") == ["Greetings"])
        await screen.click("Markdown")

        await screen.wait_for_text("Exported to")
        [file] = (tmp_path / "exports").iterdir()
        assert file.read_text().startswith("# Greetings")


async def test_prompts_and_responses_are_asked_one_by_one(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "prompts")
        await screen.wait_for(lambda: screen.has_button("Where is Sorrel?"))
        await screen.click("Where is Sorrel?")
        for _ in range(2):
            await screen.click("Run")
            parlour.engine.say("North.")
            parlour.engine.finish()
            await screen.wait_for(lambda: not parlour.draft.prompts.is_busy)
            await screen.type("Prompt", "And Quill?")

        assert [len(messages) for messages in parlour.engine.messages] == [1, 1]


async def test_a_failing_model_is_shown_and_the_question_can_be_answered_then(parlour):
    parlour.run("ferry")
    parlour.engine.fail_with = EngineError("The model could not be loaded.", "Free some memory.")
    async with parlour.opened() as screen:
        await send(screen, "Hello")
        await screen.wait_for_text("The model could not be loaded.")

        parlour.engine.fail_with = None
        await screen.click("Answer this")
        parlour.engine.say("Now.")
        parlour.engine.finish()

        await screen.wait_for(lambda: markdown(screen) == ["Hello", "Now."])


async def test_an_answer_without_a_word_is_said_and_the_question_stays(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await send(screen, "Hello")
        parlour.engine.finish()

        await screen.wait_for_text("The model ended its answer at once.")
        await screen.wait_for(lambda: markdown(screen) == ["Hello"])
        assert screen.has_button("Answer this")


async def test_what_cannot_be_answered_now_is_in_the_field_again_and_nowhere_else(parlour):
    parlour.run("ferry")
    parlour.engine.fail_with = BusyError("Another answer is being generated.", "Wait for it to end.")
    async with parlour.opened() as screen:
        await send(screen, "Hello")
        await screen.wait_for_text("Another answer is being generated.")
        await screen.wait_for(
            lambda: [f.value for f in screen.controls(ft.TextField) if f.label == "Message"] == ["Hello"]
        )
        await screen.wait_for(lambda: markdown(screen) == [])  # what was said is read anew a moment later

        parlour.engine.fail_with = None
        await screen.click("Send")
        parlour.engine.say("Ahoy.")
        parlour.engine.finish()

        await screen.wait_for(lambda: markdown(screen) == ["Hello", "Ahoy."])


async def test_a_model_that_does_not_fit_is_loaded_only_by_insisting(parlour):
    parlour.run("ferry")
    parlour.free[0] = 2 * 2**30
    async with parlour.opened() as screen:
        await screen.wait_for_text("It does not fit.")
        await send(screen, "Hello")
        await screen.wait_for_text("press Load anyway")
        assert parlour.engine.asked == []

        await screen.click("Load anyway")
        await screen.wait_for(lambda: parlour.engine.state.state == "ready")
        await screen.type("Message", "Hello")
        await screen.click("Send")
        await screen.wait_for(lambda: parlour.engine.asked)
        parlour.engine.finish()


async def test_what_is_in_memory_and_that_its_adapter_works_is_said(parlour):
    parlour.run("ferry")
    facts = LoadedFacts("ferry", "cpu", 2.5, 3 * 2**30, 0.4321)
    parlour.engine.state = EngineStatus("ready", loaded=facts)
    async with parlour.opened() as screen:
        await screen.wait_for_text("In memory: ferry, 3.0 GB on cpu, loaded in 2.5 s.")

        assert "moves the score of a next word by up to 0.432" in screen.text()


async def test_without_any_run_the_bundled_model_is_offered(parlour):
    async with parlour.opened() as screen:
        await screen.wait_for_text("GB are free in this computer's memory")

        assert parlour.draft.model.ref == parlour.services.talkers.hub_models()[0].ref
        assert (parlour.draft.model.source, screen.has_button("Load now")) == ("hub", True)


async def test_finer_settings_are_sent_and_a_wrong_one_is_said(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await screen.click("More settings")
        for name, text in (("Top-p", "0.9"), ("Top-k", "40"), ("Min-p", "0.05"), ("Seed", "7")):
            await screen.type(name, text)
        await screen.type("Stop texts", "END\n\nUser:")
        await screen.type("Repetition penalty", "9")
        await screen.wait_for_text("Repetition penalty: A number from 0.5 to 2.")
        await screen.type("Message", "Hello")
        assert screen.button("Send").disabled

        await screen.type("Repetition penalty", "1.3")
        await screen.click("Send")
        await screen.wait_for(lambda: parlour.engine.asked)
        parlour.engine.finish()

        _, _, sampling = parlour.engine.asked[-1]
        found = (sampling.top_p, sampling.top_k, sampling.min_p, sampling.seed, sampling.repetition_penalty)
        assert found == (0.9, 40, 0.05, 7, 1.3)
        assert sampling.stop == ("END", "User:")


async def test_enter_asks_where_the_button_would_and_nothing_while_a_setting_is_wrong(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await screen.click("More settings")
        await screen.type("Repetition penalty", "9")
        await screen.type("Message", "Hello")

        await screen.fire(screen.find(ft.TextField, "Message"), "submit", "Hello")
        assert values(screen, "Message") == ["Hello"]
        assert not parlour.engine.asked

        await screen.type("Repetition penalty", "1.3")
        parlour.draft.compare.is_busy = True
        await screen.fire(screen.find(ft.TextField, "Message"), "submit", "Hello")
        assert values(screen, "Message") == ["Hello"]
        assert not parlour.engine.asked

        parlour.draft.compare.is_busy = False
        await screen.fire(screen.find(ft.TextField, "Message"), "submit", "Hello")
        await screen.wait_for(lambda: parlour.engine.asked)
        parlour.engine.finish()
        await screen.wait_for(lambda: not parlour.draft.chat.is_busy)


async def test_an_answer_that_cannot_be_read_from_what_is_kept_stays_and_is_asked_for_again(
    parlour, monkeypatch
):
    parlour.run("ferry")
    messages, is_broken, tries = ConversationService.messages, [], []

    def broken(*how):
        if is_broken:
            tries.append(how)
            raise OSError("the disk is gone")
        return messages(*how)

    monkeypatch.setattr(ConversationService, "messages", broken)
    async with parlour.opened() as screen:
        await screen.type("Message", "Hello")
        await screen.click("Send")
        await screen.wait_for(lambda: parlour.engine.asked)
        is_broken.append(True)
        parlour.engine.say("Ahoy!")
        parlour.engine.finish()

        await screen.wait_for(lambda: parlour.draft.chat.problem is not None)
        assert markdown(screen) == ["Hello", "Ahoy!"]
        assert not screen.has_button("Answer again")

        parlour.draft.chat.problem = None  # dismissed
        seen = len(tries)
        await screen.wait_for(lambda: len(tries) > seen + 1)
        assert parlour.draft.chat.problem is None

        is_broken.clear()
        await screen.wait_for(lambda: screen.has_button("Answer again"))
        assert markdown(screen) == ["Hello", "Ahoy!"]
        assert not screen.button("Answer again").disabled


async def test_a_typed_system_prompt_reaches_the_model(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await screen.click("System prompt")
        await screen.type("System prompt", "You sell tickets.")
        await answered(screen, parlour, "Hello", "Ahoy.")

        assert parlour.engine.messages[-1][0] == {"role": "system", "content": "You sell tickets."}


def system_fields(screen) -> list[str]:
    return [field.value for field in screen.controls(ft.TextField) if field.label == "System prompt"]


async def test_a_system_prompt_stays_open_while_its_chat_begins_and_the_next_one(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await screen.click("System prompt")
        await screen.type("System prompt", "You sell tickets.")
        await send(screen, "Hello")
        await screen.wait_for(lambda: parlour.engine.asked)
        assert system_fields(screen) == ["You sell tickets."]
        await screen.type("System prompt", "You sell tickets. Be brief.")
        parlour.engine.say("Ahoy.")
        parlour.engine.finish()
        await screen.wait_for(lambda: "Ahoy." in markdown(screen) and not parlour.draft.chat.is_busy)
        assert system_fields(screen) == ["You sell tickets. Be brief."]

        await screen.click("New chat")
        await screen.type("System prompt", "You are a bell.")
        await answered(screen, parlour, "Hello again", "Ding.")
        await screen.click("Saved chats (2)")
        await screen.click("Hello")

        await screen.wait_for(lambda: system_fields(screen) == ["You sell tickets."])


async def test_copy_puts_the_words_of_a_message_on_the_clipboard(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Where is *Sorrel*?", "In the **north**.")

        await screen.click("Copy this answer")
        await screen.click("Copy this message")

        await screen.wait_for(lambda: len(copied(screen)) == 2)
        assert copied(screen) == ["In the **north**.", "Where is *Sorrel*?"]


def copied(screen) -> list[str]:
    return [arguments["data"] for name, arguments in screen.client.calls if name == "set"]


async def test_a_narrow_window_has_everything_in_one_column(parlour):
    parlour.run("ferry")
    async with parlour.opened(width=420) as screen:
        await answered(screen, parlour, "Hello", "Hi.")


async def test_what_a_message_takes_is_told_while_it_is_typed_and_loads_nothing(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await screen.type("Message", "one two three")
        await screen.wait_for(lambda: not screen.button("Send").disabled)
        assert screen.identified("token-count") == []

        parlour.engine.state = EngineStatus("ready")
        await screen.type("Message", "one two three four")

        await screen.wait_for(lambda: screen.identified("token-count"))
        assert screen.identified("token-count") == ["With this, the model reads 4 tokens."]
        parlour.draft.chat.typing.system = "Be brief."
        await screen.wait_for(
            lambda: screen.identified("token-count") == ["With this, the model reads 6 tokens."]
        )
        assert parlour.engine.asked == []


async def test_other_sample_prompts_come_with_a_press_and_a_click_puts_one_into_the_field(parlour, tmp_path):
    parlour.run("ferry")
    rows = "".join(f'{{"prompt": "Where is island {n}?", "completion": "North."}}\n' for n in range(2000))
    (tmp_path / "islands.jsonl").write_text(rows)
    islands = parlour.services.library.import_file(tmp_path / "islands.jsonl").session
    async with parlour.opened() as screen:
        await screen.wait_for(lambda: samples(screen))
        await screen.choose("Sample prompts from", str(islands.id))
        await screen.wait_for(lambda: len(samples(screen)) == 5)
        before = samples(screen)

        await screen.click("Other sample prompts")

        await screen.wait_for(lambda: len(samples(screen)) == 5 and samples(screen) != before)
        await screen.click(samples(screen)[0])
        assert parlour.draft.chat.typing.prompt.startswith("Where is island")


def samples(screen) -> list[str]:
    found = [s for s in screen.controls(ft.Semantics) if (s.identifier or "").startswith("session-prompt-")]
    return [chip.content.content for chip in found]
