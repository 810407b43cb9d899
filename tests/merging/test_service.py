import json
import sys
from itertools import count

import huggingface_hub
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from app.domain.errors import StudioError
from app.domain.merging import Fate, MergeCancelledError, MergeError, MergeRecipe, MergeSource
from app.domain.publishing import PublishWish
from app.domain.sessions import RowChange
from tests.merging import children
from tests.merging.conftest import World, make_world, pair
from trainer_image.rows import Row


def recipe(*sources: MergeSource, **rules) -> MergeRecipe:
    return MergeRecipe(sources=sources, **rules)


def of(*sessions, **rules) -> MergeRecipe:
    return recipe(*(MergeSource(session=session.id) for session in sessions), **rules)


def questions(world: World, session_id: str) -> list[str]:
    rows = world.sessions.rows(session_id)
    return [next(m["content"] for m in row.messages if m["role"] == "user") for row in rows]


@pytest.fixture
def two(world: World):
    first = world.session([pair("a", "1"), pair("b", "2"), pair("c", "3")], "first")
    return first, world.session([pair("b", "2"), pair("d", "4")], "second")


def test_a_merged_session_holds_the_rows_and_each_says_where_it_is_from(world, two):
    merge = world.merging.to_session(of(*two))

    rows = list(world.sessions.rows(merge.result.session_id))
    origins = [row.meta["merged_from"] for row in rows]
    assert questions(world, merge.result.session_id) == ["a", "b", "c", "d"]
    assert origins[3] == {
        "name": "second", "session": two[1].id, "version": two[1].content_hash, "row": 2,
    }  # fmt: skip
    assert world.working_files == []


def test_a_row_merged_twice_keeps_both_places_and_its_columns(world):
    one = world.session([pair("a", "1", license="MIT")], "one")
    once = world.merging.to_session(of(one))
    twice = world.merging.to_session(recipe(MergeSource(session=once.result.session_id)))

    [row] = world.sessions.rows(twice.result.session_id)
    assert row.meta["license"] == "MIT"
    assert row.meta["merged_from"]["before"]["name"] == "one"
    assert twice.result.ledger.accounts[0].extra_columns == ("license", "merged_from")


def test_the_content_hash_is_that_of_the_same_rows_imported(world, two):
    merge = world.merging.to_session(of(*two))

    again = world.session([Row(1, row.messages) for row in world.sessions.rows(merge.result.session_id)])
    assert world.sessions.get(merge.result.session_id).content_hash == again.content_hash


def test_a_line_that_is_no_row_is_refused_with_its_reason_and_extra_columns_are_named(world):
    file = world.file('{"prompt": "a", "completion": "1", "author": "Ann"}\nbroken\n')

    ledger = world.merging.preview(recipe(MergeSource(file=file))).ledger

    assert ledger.accounts[0].removed == {Fate.REFUSED: 1}
    assert ledger.accounts[0].extra_columns == ("author",)
    assert [(e.row, e.reason[:20]) for e in ledger.examples] == [(2, "the line is not JSON")]


def test_a_conflict_is_reported_with_both_answers_even_where_both_stay(world):
    session = world.session([pair("Why?", "So."), pair("Why?", "Because.")], "why")

    ledger = world.merging.preview(of(session)).ledger

    assert (ledger.disputed_prompts, ledger.rows_out) == (1, 2)
    [example] = ledger.examples
    assert (example.fate, example.row, example.other_row) == (Fate.CONFLICT, 2, 1)
    assert "Because." in example.text
    assert "So." in example.other_text


def test_a_held_out_question_in_other_letters_is_still_a_leak_and_says_of_which_row(world):
    held = world.session([pair("x", "y"), pair("What is  a Ferry?", "A boat.")], "held")
    session = world.session([pair("what is a ferry?", "Something else."), pair("b", "2")], "rows")

    ledger = world.merging.preview(of(session, held_out=held.id)).ledger

    [example] = ledger.examples
    assert (example.fate, example.row, example.other_source, example.other_row) == (Fate.LEAKED, 1, -1, 2)


SAID = "the ferry to quill leaves at seven in the morning from the old pier behind the church of saint anne"


def test_almost_equal_rows_are_removed_with_how_alike_they_are_and_others_are_not(world):
    near = SAID.replace("church", "chapel")
    session = world.session([pair("q", SAID), pair("q", "something else"), pair("q", near)], "rows")

    rules = {"near_duplicates": True, "similarity": 0.6, "conflicts": "off"}
    ledger = world.merging.preview(of(session, **rules)).ledger
    strict = world.merging.preview(of(session, **{**rules, "similarity": 0.95})).ledger

    [example] = ledger.examples
    assert (example.fate, example.row, example.other_row) == (Fate.NEAR_DUPLICATE, 3, 1)
    assert 0.6 <= example.similarity < 0.95
    assert strict.rows_out == 3


def test_without_the_library_for_almost_equal_rows_it_is_named(world, two, monkeypatch):
    monkeypatch.setitem(sys.modules, "rensa", None)

    with pytest.raises(MergeError, match="not installed: rensa"):
        world.merging.preview(of(*two, near_duplicates=True))

    assert world.merging.preview(of(*two)).ledger.rows_out == 4


def test_a_row_is_compared_with_rows_that_stay_so_that_a_chain_does_not_eat_them(world):
    """Each text is the last one moved on by two words: neighbours are 80 % alike, the ends 64 %."""
    texts = [" ".join(f"w{n}" for n in range(first, first + 20)) for first in (0, 2, 4)]
    session = world.session([pair("q", text) for text in texts], "chain")

    rules = {"near_duplicates": True, "similarity": 0.7, "conflicts": "off"}
    ledger = world.merging.preview(of(session, **rules)).ledger

    assert [(example.row, example.other_row) for example in ledger.examples] == [(2, 1)]


def test_what_is_almost_a_held_out_row_is_a_leak(world):
    held = world.session([pair("q", SAID)], "held")
    session = world.session([pair("other", SAID.replace("church", "chapel")), pair("b", SAID[:20])], "rows")

    rules = {"similarity": 0.6, "held_out": held.id}
    guarded = world.merging.preview(of(session, near_leaks=True, **rules)).ledger

    assert guarded.accounts[0].removed == {Fate.LEAKED: 1}
    assert world.merging.preview(of(session, **rules)).ledger.rows_out == 2


def test_most_planted_near_duplicates_are_found_and_none_below_the_threshold(world):
    """Each of 200 texts comes again with one word of 60 changed: 57 of 63 word triples, 90 % alike, stay."""
    texts = [" ".join(f"w{n * 60 + k}" for k in range(60)) for n in range(200)]
    again = [text.replace(f"w{n * 60 + 30} ", "changed ") for n, text in enumerate(texts)]
    session = world.session([pair("q", text) for text in texts + again], "rows")

    ledger = world.merging.preview(of(session, near_duplicates=True, conflicts="off")).ledger

    assert ledger.removed(Fate.NEAR_DUPLICATE) >= 196
    assert all(e.similarity >= 0.8 and e.other_row == e.row - 200 for e in ledger.examples)


def test_tools_stay_with_a_row_whose_system_prompt_is_taken_away(world):
    tools = [{"name": "clock"}]
    messages = pair("a", "1", system="Be brief.").messages
    session = world.session([Row(1, ({**messages[0], "tools": tools}, *messages[1:]))], "rows")

    bare = world.merging.to_session(of(session, system="remove"))

    [row] = world.sessions.rows(bare.result.session_id)
    assert row.messages[0] == {"role": "user", "content": "a", "tools": tools}


def test_a_first_source_without_a_system_prompt_is_said(world, two):
    with pytest.raises(MergeError, match="first, the first source, has no system prompt"):
        world.merging.preview(of(*two, system="first"))


def test_a_file_is_whole_in_both_formats(world, two, tmp_path):
    world.merging.to_file(of(*two), tmp_path / "m.jsonl")
    world.merging.to_file(of(*two), tmp_path / "m.parquet")

    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    table = pyarrow.parquet.read_table(tmp_path / "m.parquet").to_pylist()
    assert [line["messages"][0]["content"] for line in lines] == ["a", "b", "c", "d"]
    assert [json.loads(row["messages"]) for row in table] == [line["messages"] for line in lines]
    assert [json.loads(row["meta"]) for row in table] == [line["meta"] for line in lines]


def test_a_file_that_is_there_is_replaced_only_by_the_merge_that_made_it(world, two, tmp_path):
    path = tmp_path / "m.jsonl"
    merge = world.merging.to_file(of(*two), path)

    again = world.merging.to_file(of(two[0]), path, merge.id)
    with pytest.raises(MergeError, match="exists already"):
        world.merging.to_file(of(*two), path)

    assert again.result.rows == len(path.read_text().splitlines()) == 3


def test_a_cancelled_merge_leaves_no_session_no_file_and_no_working_file(world, two, tmp_path):
    def stop_while_writing(progress):
        if progress.stage == "Writing":
            raise MergeCancelledError

    (tmp_path / "m.jsonl").write_text("as it was")
    with pytest.raises(MergeCancelledError):
        world.merging.to_session(of(*two), watch=stop_while_writing)
    with pytest.raises(MergeCancelledError):
        world.merging.to_file(of(*two), tmp_path / "m.jsonl", watch=stop_while_writing, overwrite=True)

    assert len(world.sessions.all()) == 2
    assert world.merging.saved() == []
    assert world.working_files == []
    assert (tmp_path / "m.jsonl").read_text() == "as it was"
    assert not list(tmp_path.glob("*.partial"))


def test_a_long_sort_can_be_cancelled_too(world):
    session = world.session([pair(f"q{n}", f"a{n}") for n in range(10_000)], "rows")
    looks = count()

    def stop_inside(progress):
        if progress.stage == "Putting rows in order" and next(looks) > 0:
            raise MergeCancelledError

    with pytest.raises(MergeCancelledError):
        world.merging.preview(of(session, shuffle=True), stop_inside)


def test_a_source_deleted_while_it_is_merged_is_said_and_nothing_is_written(world, two):
    def delete_then(progress):
        if progress.stage == "Putting rows in order" and len(world.sessions.all()) == 2:
            world.sessions.delete(two[1].id)

    with pytest.raises(MergeError, match="changed or deleted while it was merged"):
        world.merging.to_session(of(*two), watch=delete_then)

    assert [session.name for session in world.sessions.all()] == ["first"]


def test_a_source_edited_while_it_is_merged_is_said_and_nothing_is_written(world, two):
    def edit_then(progress):
        if progress.stage == "Writing":
            world.sessions.change(two[1], [RowChange(0, None)], "edited")

    with pytest.raises(MergeError, match="changed or deleted while it was merged"):
        world.merging.to_session(of(*two), watch=edit_then)

    assert {session.name for session in world.sessions.all()} == {"first", "second"}


def test_nothing_left_is_said_and_nothing_is_written(world, two):
    with pytest.raises(MergeError, match="No row is left"):
        world.merging.to_session(of(two[0], held_out=two[0].id))

    assert len(world.sessions.all()) == 2


def test_a_merge_runs_again_under_its_own_record_and_says_what_changed(world, two):
    file = world.file('{"prompt": "a", "completion": "1"}\n')
    rules = recipe(MergeSource(session=two[0].id), MergeSource(file=file))
    merge = world.merging.to_session(rules)
    assert world.merging.changes(merge) == []

    world.file('{"prompt": "a new one", "completion": "1"}\n')
    world.sessions.delete(two[0].id)

    assert world.merging.changes(merge) == ["first is no longer there.", "rows.jsonl has changed."]
    again = world.merging.to_session(recipe(MergeSource(file=file)), merge.id)
    assert [saved.id for saved in world.merging.saved()] == [merge.id]
    assert (again.result.rows, world.merging.changes(again)) == (1, [])


def test_a_deleted_merge_is_gone_and_what_it_made_stays(world, two):
    merge = world.merging.to_session(of(*two))

    world.merging.delete(merge.id)

    assert world.merging.saved() == []
    assert world.sessions.get(merge.result.session_id).row_count == 4
    with pytest.raises(StudioError, match="There is no merge"):
        world.merging.save(of(*two), merge.id)


@pytest.fixture
def offline(monkeypatch):
    """The library keeps its connections, and with them whether it is offline."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()
    yield
    huggingface_hub.close_session()


def test_a_dataset_that_cannot_be_reached_is_a_sentence(world, offline):
    with pytest.raises(StudioError) as raised:
        world.merging.preview(recipe(MergeSource(hub="owner/nothing")))

    assert "owner/nothing" in str(raised.value) or "cannot be reached" in str(raised.value)
    assert raised.value.hint
    assert world.working_files == []


def test_the_columns_of_a_hub_dataset_are_read_as_chosen(world):
    repository = world.home / "depths"  # `datasets` takes a folder for a repository
    repository.mkdir()
    (repository / "rows.jsonl").write_text('{"frage": "Wie tief?", "antwort": "Drei Faden."}\n')
    turned = {"kind": "pair", "columns": {"question": "antwort", "answer": "frage"}}

    preview = world.merging.preview(recipe(MergeSource(hub=str(repository), columns=turned)))

    [row] = preview.head
    assert [message["content"] for message in row.messages] == ["Drei Faden.", "Wie tief?"]


def test_a_merge_is_published_private_unless_told_otherwise(world, two):
    with pytest.raises(MergeError, match="no Hugging Face token"):
        world.merging.to_hub(of(*two), PublishWish("me/rows"))
    assert world.merging.saved() == []

    world.secrets.token = "hf_x"
    merge = world.merging.to_hub(of(*two), PublishWish("me/rows"))

    assert merge.result.url == "https://hub.example/me/rows"
    assert [(wish.is_private, rows) for wish, rows in world.hub.published] == [(True, 4)]


def test_a_merge_that_cannot_be_published_stays_as_a_session_and_says_so(world, two):
    world.secrets.token = "hf_x"
    world.hub.refusal = StudioError("The Hub cannot be reached.", "Check the network.")

    with pytest.raises(MergeError, match="was made, but not published: The Hub cannot be reached"):
        world.merging.to_hub(of(*two), PublishWish("me/rows"))

    assert [merge.result.url for merge in world.merging.saved()] == [""]
    assert len(world.sessions.all()) == 3


def test_what_a_recipe_cannot_say_is_refused(tmp_path):
    for wrong in (
        {},
        {"session": "a", "file": "b"},
        {"session": "a", "weight": 0},
        {"session": "a", "cap": 0},
        {"session": "a", "columns": {"kind": "document", "columns": {"text": "t"}}},
        {"hub": "a/b", "columns": {"kind": "pair", "columns": {"question": "q"}}},
        {"file": "a", "columns": {"kind": "pair", "columns": {"question": "q"}}},
    ):
        with pytest.raises(ValidationError):
            MergeSource.model_validate(wrong)


def test_a_killed_merge_leaves_the_database_whole_and_no_working_file(world, two, tmp_path):
    told, tell = children.FRESH.Pipe(duplex=False)
    merging = children.FRESH.Process(target=children.merge_slowly, args=(tmp_path, tell), daemon=True)
    merging.start()
    assert told.poll(60), "the merge never wrote a row"
    assert world.working_files
    merging.kill()
    merging.join()

    again = make_world(tmp_path)

    assert {session.name for session in again.sessions.all()} == {"first", "second", "many"}
    again.merging.preview(of(*two))
    assert again.working_files == []
