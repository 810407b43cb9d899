"""Conversations with any model: kept, changed, found, learnt from."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.chat import Sampling
from app.domain.conversations import ChatFormat, ConversationId
from app.domain.errors import BusyError, EngineError, StudioError, UnknownConversationError
from app.domain.talkers import AUTOMATIC, ModelRef
from tests.services.talking import conversations_of, model_folder


@pytest.fixture
def chats(world):
    return conversations_of(world)


@pytest.fixture
def talk(chats, tmp_path):
    """An empty conversation with a model in a folder."""
    ref = ModelRef("folder", str(model_folder(tmp_path / "ferry-model")))
    return chats.begin(ref, Sampling(), system="You sell tickets.")


def ask(chats, talk, text):
    return "".join(chats.ask(talk.id, text, Sampling(seed=1)))


def said(chats, talk):
    return [(one.role, one.content) for one in chats.messages(talk.id)]


def test_each_turn_sends_all_that_was_said_with_the_system_prompt_first(chats, talk, world):
    ask(chats, talk, "Hello")
    ask(chats, talk, "And back?")

    _, messages, sampling = world.engine.asked[-1]
    assert [(m["role"], m["content"]) for m in messages] == [
        ("system", "You sell tickets."),
        ("user", "Hello"),
        ("assistant", "tuned: Hello"),
        ("user", "And back?"),
    ]
    assert sampling.seed == 1


def test_answers_are_kept_with_who_gave_them_and_how_fast(chats, talk):
    ask(chats, talk, "Hello")

    answer = chats.messages(talk.id)[-1]

    assert (answer.content, answer.model_label) == ("tuned: Hello", "ferry-model")
    assert answer.facts.tokens_per_second == 4


def test_a_chat_is_named_after_its_first_question_and_found_by_its_words(chats, talk, tmp_path):
    ask(chats, talk, "Where does the ferry to Saltby leave?")
    other = chats.begin(ModelRef("folder", str(model_folder(tmp_path / "other"))), Sampling())
    ask(chats, other, "What is 100% of 5_5?")

    assert [one.name for one in chats.find("saltby FERRY")] == ["Where does the ferry to Saltby leave?"]
    assert [one.id for one in chats.find("5_5")] == [other.id]
    assert [one.id for one in chats.find("5x5")] == []
    assert {one.id for one in chats.find()} == {talk.id, other.id}


def test_what_was_not_said_as_the_model_was_busy_names_no_chat(chats, talk, world, monkeypatch):
    def busy(*_, **__):
        raise BusyError("A model is being loaded.")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(world.engine, "generate", busy)
        with pytest.raises(BusyError):
            ask(chats, talk, "Never mind")
    assert (chats.get(talk.id).name, said(chats, talk)) == ("", [])

    ask(chats, talk, "Where does it leave?")
    assert chats.get(talk.id).name == "Where does it leave?"


def test_a_name_that_several_chats_have_names_none_of_them(chats, talk, tmp_path):
    other = chats.begin(ModelRef("folder", str(model_folder(tmp_path / "other"))), Sampling())
    ask(chats, talk, "Hello")
    assert chats.named("Hello").id == talk.id
    ask(chats, other, "Hello")

    with pytest.raises(StudioError, match="2 chats are called 'Hello'"):
        chats.named("Hello")

    assert chats.named(str(other.id)).id == other.id


def test_a_half_answer_is_kept_and_a_failed_one_leaves_the_question(chats, talk, world):
    pieces = chats.ask(talk.id, "Hello", Sampling())
    next(pieces)
    pieces.close()
    world.engine.fail_with = EngineError("Memory ran out.")
    with pytest.raises(EngineError):
        ask(chats, talk, "Again")

    assert said(chats, talk) == [("user", "Hello"), ("assistant", "tuned: "), ("user", "Again")]


def test_a_question_without_an_answer_is_read_as_one_with_the_next(chats, talk, world):
    world.engine.fail_with = EngineError("Memory ran out.")
    with pytest.raises(EngineError):
        ask(chats, talk, "Where is Sorrel?")
    world.engine.fail_with = None

    ask(chats, talk, "And Quill?")

    _, messages, _ = world.engine.asked[-1]
    assert messages[1:] == [{"role": "user", "content": "Where is Sorrel?\n\nAnd Quill?"}]
    assert [role for role, _ in said(chats, talk)] == ["user", "user", "assistant"]


def test_a_question_is_counted_as_it_would_be_asked(chats, talk, world):
    world.engine.fail_with = EngineError("Memory ran out.")
    with pytest.raises(EngineError):
        ask(chats, talk, "Where is Sorrel?")
    world.engine.fail_with = None
    ref = ModelRef.parse(talk.model)

    count = chats.count_tokens(talk.id, ref, AUTOMATIC, system=talk.system, text="And Quill?")

    ask(chats, talk, "And Quill?")
    model, messages, _ = world.engine.asked[-1]
    assert count == world.engine.count_tokens(model, messages)


def test_a_question_is_not_put_right_in_silence(chats, talk):
    ask(chats, talk, "Hello")

    with pytest.raises(StudioError, match="Only an answer can be put right"):
        chats.edit(talk.id, chats.messages(talk.id)[0].id, "Good morning")

    assert said(chats, talk)[0] == ("user", "Hello")


def test_another_answer_takes_the_place_of_the_last(chats, talk, world):
    ask(chats, talk, "Hello")

    list(chats.answer_again(talk.id, Sampling()))

    assert said(chats, talk) == [("user", "Hello"), ("assistant", "tuned: Hello")]
    assert [len(messages) for _, messages, _ in world.engine.asked] == [2, 2]


def test_an_answer_stays_where_no_other_can_be_made(chats, talk, world):
    ask(chats, talk, "Hello")
    world.engine.fail_with = EngineError("Memory ran out.")

    with pytest.raises(EngineError):
        list(chats.answer_again(talk.id, Sampling()))

    assert said(chats, talk) == [("user", "Hello"), ("assistant", "tuned: Hello")]


def instead(chats, talk, number, text, **how):
    one = chats.messages(talk.id)[number]
    return "".join(chats.ask_instead(talk.id, one.id, text, Sampling(), **how))


def test_a_changed_question_takes_the_place_of_what_followed(chats, talk, world):
    ask(chats, talk, "Hello")
    ask(chats, talk, "And back?")

    assert instead(chats, talk, 0, "Good morning") == "tuned: Good morning"

    assert said(chats, talk) == [("user", "Good morning"), ("assistant", "tuned: Good morning")]
    assert [m["content"] for m in world.engine.asked[-1][1]] == ["You sell tickets.", "Good morning"]


@pytest.mark.parametrize("error", [EngineError("Memory ran out."), BusyError("Another answer is made.")])
def test_a_changed_question_that_gets_no_answer_changes_nothing(chats, talk, world, error):
    ask(chats, talk, "Hello")
    ask(chats, talk, "And back?")
    before = chats.messages(talk.id)
    world.engine.fail_with = error

    with pytest.raises(type(error)):
        instead(chats, talk, 0, "Good morning")

    assert chats.messages(talk.id) == before


def test_what_gave_way_to_a_changed_question_is_brought_back_as_it_was(chats, talk):
    for text in ("Hello", "And back?", "And when?"):
        ask(chats, talk, text)
    chats.rate(chats.messages(talk.id)[3].id, 1)
    before = chats.messages(talk.id)
    instead(chats, talk, 2, "And to Quill?")

    chats.restore(talk.id, before)

    assert [replace(one, id=0) for one in chats.messages(talk.id)] == [replace(one, id=0) for one in before]


def test_a_changed_prompt_leaves_those_asked_after_it(chats, talk, world):
    for text in ("One", "Two", "Three"):
        list(chats.ask(talk.id, text, Sampling(), alone=True))
    chats.rate(chats.messages(talk.id)[3].id, -1)

    instead(chats, talk, 0, "Uno", alone=True)

    assert [text for _, text in said(chats, talk)] == [
        "Uno",
        "tuned: Uno",
        "Two",
        "tuned: Two",
        "Three",
        "tuned: Three",
    ]
    assert chats.messages(talk.id)[3].rating == -1
    assert [m["content"] for m in world.engine.asked[-1][1]] == ["You sell tickets.", "Uno"]


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_changed_prompt_keeps_its_place_where_another_chat_is_newer(chats, talk, world, is_answered):
    if not is_answered:
        world.engine.fail_with = EngineError("Memory ran out.")
        with pytest.raises(EngineError):
            list(chats.ask(talk.id, "One", Sampling(), alone=True))
        world.engine.fail_with = None
    for text in ("One", "Two", "Three")[0 if is_answered else 1 :]:
        list(chats.ask(talk.id, text, Sampling(), alone=True))
    ask(chats, chats.begin(ModelRef.parse(talk.model), Sampling()), "A newer chat")

    instead(chats, talk, 0, "Uno", alone=True)

    texts = ("Uno", "Two", "Three")
    assert [text for _, text in said(chats, talk)] == [say for one in texts for say in (one, f"tuned: {one}")]


def test_nothing_is_written_into_a_chat_that_is_gone_for_good(chats, talk):
    ask(chats, talk, "Hello")
    [question, _] = chats.messages(talk.id)
    gone = ConversationId(talk.id + 1)

    with pytest.raises(UnknownConversationError, match="gone"):
        chats._store.rewrite(gone, 1, [replace(question, id=0)])

    assert chats.messages(gone) == []


def test_a_prompt_without_an_answer_gets_one_where_it_stands(chats, talk, world):
    world.engine.fail_with = EngineError("Memory ran out.")
    with pytest.raises(EngineError):
        list(chats.ask(talk.id, "One", Sampling(), alone=True))
    world.engine.fail_with = None
    list(chats.ask(talk.id, "Two", Sampling(), alone=True))

    instead(chats, talk, 0, "Uno", alone=True)

    assert [text for _, text in said(chats, talk)] == ["Uno", "tuned: Uno", "Two", "tuned: Two"]


def test_a_corrected_answer_becomes_a_training_row_with_the_turns_before_it(chats, talk):
    ask(chats, talk, "Hello")
    ask(chats, talk, "And back?")
    answer = chats.messages(talk.id)[-1]

    chats.edit(talk.id, answer.id, "At six.")

    text = chats.as_text(chats.get(talk.id), ChatFormat.JSONL)
    [row] = [json.loads(line)["messages"] for line in text.splitlines()]
    assert [m["content"] for m in row] == [
        "You sell tickets.",
        "Hello",
        "tuned: Hello",
        "And back?",
        "At six.",
    ]
    assert chats.messages(talk.id)[-1].original == "tuned: And back?"


def test_a_thumb_up_makes_a_row_and_a_thumb_down_never_does(chats, talk):
    ask(chats, talk, "One")
    ask(chats, talk, "Two")
    first, second = (one for one in chats.messages(talk.id) if one.role == "assistant")
    chats.rate(second.id, -1)

    with pytest.raises(StudioError, match="Nothing in it can be a training row"):
        chats.make_session([talk.id])

    chats.rate(first.id, 1)
    session = chats.make_session([talk.id])
    assert session.row_count == 1


def rows_of(chats, talk):
    text = chats.as_text(chats.get(talk.id), ChatFormat.JSONL)
    return [json.loads(line)["messages"] for line in text.splitlines()]


def weights(row):
    return [m.get("weight", 1) for m in row if m["role"] == "assistant"]


def test_a_disliked_answer_before_a_liked_one_is_read_and_not_learnt(chats, talk, world):
    ask(chats, talk, "One")
    ask(chats, talk, "Two")
    bad, good = (one for one in chats.messages(talk.id) if one.role == "assistant")
    chats.rate(bad.id, -1)
    chats.rate(good.id, 1)

    [row] = rows_of(chats, talk)
    assert weights(row) == [0, 1]
    [kept] = world.library.rows(chats.make_session([talk.id]).id)
    assert weights(kept.messages) == [0, 1]


def test_a_chat_that_was_saved_as_jsonl_is_the_same_session_when_it_is_imported(chats, talk, world, tmp_path):
    ask(chats, talk, "One")
    ask(chats, talk, "Two")
    bad, good = (one for one in chats.messages(talk.id) if one.role == "assistant")
    chats.rate(bad.id, -1)
    chats.edit(talk.id, good.id, "Two, put right.")
    file = tmp_path / "chat.jsonl"
    file.write_text(chats.as_text(chats.get(talk.id), ChatFormat.JSONL), encoding="utf-8")

    imported = world.library.import_file(file)

    assert not imported.refused
    [row] = world.library.rows(imported.session.id)
    [made] = world.library.rows(chats.make_session([talk.id]).id)
    assert row.messages == made.messages
    assert [m["content"] for m in row.messages][-1] == "Two, put right."


@pytest.mark.parametrize("reason", ["cancelled", "repetition", "length", "context", None])
def test_an_answer_that_came_to_no_end_is_not_learnt(chats, talk, world, reason):
    world.engine.ends_with = reason
    ask(chats, talk, "One")
    with pytest.raises(StudioError, match="Nothing in it can be a training row"):
        rows_of(chats, talk)
    world.engine.ends_with = "stop"
    ask(chats, talk, "Two")

    assert [weights(row) for row in rows_of(chats, talk)] == [[0, 1]]


def test_prompts_that_were_asked_alone_are_rows_of_their_own(chats, talk):
    for text in ("One", "Two"):
        list(chats.ask(talk.id, text, Sampling(), alone=True))

    assert [[m["content"] for m in row][1:] for row in rows_of(chats, talk)] == [
        ["One", "tuned: One"],
        ["Two", "tuned: Two"],
    ]

    chats.rate(chats.messages(talk.id)[-1].id, 1)
    [liked] = rows_of(chats, talk)
    assert [m["content"] for m in liked] == ["You sell tickets.", "Two", "tuned: Two"]


def test_what_nobody_marked_is_one_row_and_the_session_can_be_trained_on(chats, talk, world):
    ask(chats, talk, "One")
    ask(chats, talk, "Two")

    session = chats.make_session([talk.id], "From chats")

    [row] = world.library.rows(session.id)
    assert (session.name, session.source) == ("From chats", "Chats with models")
    assert [m["role"] for m in row.messages] == ["system", "user", "assistant", "user", "assistant"]


def test_a_deleted_chat_comes_back_and_is_gone_after_a_week(chats, talk, world):
    ask(chats, talk, "Hello")

    chats.delete(talk.id)
    assert chats.find() == []
    chats.undelete(talk.id)
    assert said(chats, talk)
    chats.delete(talk.id)
    world.now[0] += timedelta(days=8)

    assert chats.tidy() == 1
    with pytest.raises(UnknownConversationError):
        chats.get(talk.id)


def test_nothing_is_said_in_a_chat_that_was_deleted(chats, talk, world):
    ask(chats, talk, "Hello")
    chats.delete(talk.id)

    with pytest.raises(UnknownConversationError, match="was deleted"):
        ask(chats, talk, "Are you there?")
    with pytest.raises(UnknownConversationError, match="was deleted"):
        list(chats.answer_again(talk.id, Sampling()))
    with pytest.raises(UnknownConversationError, match="was deleted"):
        instead(chats, talk, 0, "Good morning")
    with pytest.raises(UnknownConversationError, match="was deleted"):
        chats.edit(talk.id, chats.messages(talk.id)[1].id, "Ahoy")

    assert said(chats, talk) == [("user", "Hello"), ("assistant", "tuned: Hello")]
    assert len(world.engine.asked) == 1


@pytest.mark.parametrize("file_format", ChatFormat)
def test_a_chat_is_exported(chats, talk, file_format):
    ask(chats, talk, "Hello")

    text = chats.export(talk.id, file_format).read_text(encoding="utf-8")

    assert "You sell tickets." in text
    assert "tuned: Hello" in text


def test_another_model_can_go_on(chats, talk, world, tmp_path):
    ask(chats, talk, "Hello")

    chats.go_on_with(talk.id, ModelRef("folder", str(model_folder(tmp_path / "second"))))
    ask(chats, talk, "And you?")

    assert [one.model_label for one in chats.messages(talk.id)][1::2] == ["ferry-model", "second"]


@pytest.mark.parametrize("reason", ["stop", "stop_string"])
def test_an_answer_without_a_word_is_said_and_takes_the_place_of_none(chats, talk, world, reason):
    ask(chats, talk, "Hello")
    world.engine.is_silent, world.engine.ends_with = True, reason

    with pytest.raises(EngineError, match="ended its answer at once"):
        list(chats.answer_again(talk.id, Sampling()))
    assert said(chats, talk) == [("user", "Hello"), ("assistant", "tuned: Hello")]
    with pytest.raises(EngineError, match="ended its answer at once"):
        ask(chats, talk, "And back?")
    assert said(chats, talk)[-1] == ("user", "And back?")

    world.engine.ends_with = "cancelled"
    assert ask(chats, talk, "Well?") == ""


@pytest.mark.parametrize("says", [("",), ("\n", " ")])
def test_pieces_without_a_word_are_no_answer_and_no_training_row(chats, talk, world, says):
    world.engine.says = says

    with pytest.raises(EngineError, match="ended its answer at once"):
        ask(chats, talk, "Hello")

    assert said(chats, talk) == [("user", "Hello")]
    with pytest.raises(StudioError, match="Nothing in it can be a training row"):
        rows_of(chats, talk)


def test_an_empty_message_is_refused(chats, talk):
    with pytest.raises(StudioError, match="message is empty"):
        ask(chats, talk, " ")
    assert said(chats, talk) == []
