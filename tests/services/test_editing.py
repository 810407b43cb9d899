"""Rows are changed as a person asks, or not at all, with the reason."""

import json

import pytest

from app.domain.edits import Replacement
from app.domain.errors import StaleSessionError, StudioError
from app.domain.finding import RowFilter
from trainer_image.rows import Row

CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"type": "function", "function": {"name": "sound"}}],
}


def talk(question, answer="Three fathoms.", **more):
    return ({"role": "user", "content": question}, {"role": "assistant", "content": answer, **more})


ROWS = [
    Row(1, talk("How deep is the harbour?"), {"file": "pilots.pdf", "page": 3}),
    Row(2, ({"role": "system", "content": "Be brief."}, *talk("How wide is the Harbour?", "Two miles."))),
    Row(3, (*talk("Sound it."), {"role": "user", "content": "And now?"}, CALL)),
    Row(4, ({"role": "document", "content": "The harbour silts up."},), {"url": "https://example.org/silt"}),
]


@pytest.fixture
def base(world):
    return world.sessions.add("harbour", "test", iter(ROWS))


@pytest.fixture
def editing(world):
    return world.library.editing


def said(world, session):
    return [[m["content"] for m in row.messages] for row in world.library.rows(session.id)]


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        (RowFilter(), [0, 1, 2, 3]),
        (RowFilter(text="harbour"), [0, 1, 3]),
        (RowFilter(text='"name":"sound"'), [2]),
        (RowFilter(role="system"), [1]),
        (RowFilter(has_tool_calls=True), [2]),
        (RowFilter(has_tool_calls=False, text="fathoms"), [0]),
        (RowFilter(max_characters=34), [2, 3]),
        (RowFilter(min_characters=40), [1]),
        (RowFilter(source="PILOTS"), [0]),
        (RowFilter(source="example.org"), [3]),
        (RowFilter(unmask=True), []),
    ],
)
def test_rows_are_found_by_what_they_say_and_are(editing, base, wanted, positions):
    assert [row.position for row in editing.find(base.id, wanted).rows] == positions


def test_an_edited_row_keeps_its_line_and_where_it_is_from(world, editing, base):
    changed = editing.edit_row(base, 0, talk("How deep?", "Four."))

    [row, *_] = world.library.rows(changed.id)
    assert (row.messages, row.source_line, row.meta) == (talk("How deep?", "Four."), 1, ROWS[0].meta)
    assert changed.version == 2
    assert editing.versions(base.id)[0].summary == "row 1 edited"


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (talk("How deep?", " "), "the answer is empty"),
        (talk(" "), "the question is empty"),
        (talk("How deep?")[:1], "the conversation has no assistant message"),
        ((), "the conversation is empty or not a list"),
        (({"role": "document", "content": ""},), "the document is empty"),
    ],
)
def test_a_row_nothing_could_be_learnt_from_is_refused_with_the_trainers_reason(
    world, editing, base, messages, reason
):
    with pytest.raises(StudioError, match=f"Row 2 cannot be stored like this: {reason}"):
        editing.edit_row(base, 1, messages)
    with pytest.raises(StudioError, match=f"Row 5 cannot be stored like this: {reason}"):
        editing.add_row(base, messages)

    assert world.library.get(base.id) == base


def test_rows_are_added_at_the_end_and_deleted_anywhere(world, editing, base):
    longer = editing.add_row(base, talk("New?", "Yes."))
    shorter = editing.delete_rows(longer, {0, 3, 1})

    assert said(world, shorter) == [[m["content"] for m in ROWS[2].messages], ["New?", "Yes."]]
    assert [v.summary for v in editing.versions(base.id)] == ["3 rows deleted", "row 5 added", "imported"]


def test_all_rows_that_match_are_deleted(world, editing, base):
    assert len(said(world, editing.delete_rows(base, RowFilter(text="harbour")))) == 1


def test_the_last_change_is_undone_and_the_undoing_too(world, editing, base):
    changed = editing.delete_rows(base, {0})

    undone = editing.undo(changed)
    redone = editing.undo(undone)

    assert (undone.content_hash, redone.content_hash) == (base.content_hash, changed.content_hash)
    with pytest.raises(StudioError, match="never changed"):
        editing.undo(world.library.import_file(written(world)).session)


def written(world):
    path = world.home / "one.jsonl"
    path.write_text(json.dumps({"prompt": "Q", "completion": "A"}) + "\n")
    return path


def test_a_replacement_is_shown_before_it_is_made_and_changes_that_many_rows(world, editing, base):
    wish = Replacement("harbour", "port")

    preview = editing.preview_replace(base, wish)
    changed = editing.replace(base, wish)

    assert (preview.row_count, [e.position for e in preview.examples]) == (2, [0, 3])
    assert (preview.examples[0].before, preview.examples[0].after) == (
        "How deep is the harbour?",
        "How deep is the port?",
    )
    before, after = [[m["content"] for m in row.messages] for row in ROWS], said(world, changed)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 2
    assert world.library.rows(changed.id)[0].meta == ROWS[0].meta


def test_a_replacement_minds_capitals_and_roles_when_asked(editing, base):
    assert editing.preview_replace(base, Replacement("harbour", "port", match_case=False)).row_count == 3
    assert editing.preview_replace(base, Replacement("harbour", "port", role="document")).row_count == 1
    assert editing.preview_replace(base, Replacement("(", r"\1")).row_count == 0


def test_a_replacement_that_spoils_one_row_changes_none(world, editing, base):
    with pytest.raises(StudioError, match="Row 1 cannot be stored like this: the answer is empty"):
        editing.replace(base, Replacement("Three fathoms.", ""))

    assert world.library.get(base.id) == base


def test_what_changes_nothing_makes_no_version(world, editing, base):
    for nothing in (
        lambda: editing.replace(base, Replacement("zebra", "horse")),
        lambda: editing.delete_rows(base, ()),
        lambda: editing.set_unmask(base, RowFilter(), unmask=False),
    ):
        with pytest.raises(StudioError, match="No row would change"):
            nothing()
    with pytest.raises(StudioError, match="nothing to find"):
        editing.preview_replace(base, Replacement("", "x"))
    assert world.library.get(base.id) == base


def test_rows_are_learnt_whole_or_by_their_answers_as_the_trainer_keeps_it(world, editing, base):
    whole = editing.set_unmask(base, {1}, unmask=True)
    [row] = editing.find(whole.id, RowFilter(unmask=True)).rows
    everything = editing.set_unmask(whole, RowFilter(), unmask=True)
    back = editing.set_unmask(everything, RowFilter(), unmask=False)

    assert row.position == 1
    assert [m.get("unmask") for m in row.messages] == [None, True, True]
    assert editing.versions(base.id)[1].summary == "2 rows learnt whole"
    assert back.content_hash == base.content_hash


def test_a_change_to_what_is_no_longer_the_newest_is_told(editing, base):
    editing.delete_rows(base, {0})

    with pytest.raises(StaleSessionError):
        editing.edit_row(base, 0, talk("Mine?"))


def test_a_file_is_appended_with_an_account_of_what_was_refused(world, editing, base):
    path = world.home / "more.jsonl"
    path.write_text('{"prompt": "Q", "completion": "A"}\nbroken\n')

    report = world.library.append_file(base, path)

    assert (report.session.row_count, report.accepted_count, report.refused_count) == (5, 1, 1)
    assert editing.versions(base.id)[0].summary == "1 row of more.jsonl appended"


def test_a_session_is_copied_under_a_name_of_its_own(world, editing, base):
    copy = world.library.duplicate(base)
    editing.delete_rows(copy, {0})

    assert copy.name == "harbour (2)"
    assert world.library.get(base.id).row_count == 4


def test_tags_are_words_each_once(world, base):
    assert world.library.tag(base.id, ["sea", " two  words ", "", "sea"]).tags == ("sea", "two words")


def test_a_deleted_session_can_be_brought_back_for_a_while(world, base):
    world.library.delete(base.id)

    assert world.library.sessions() == []
    assert world.library.tidy() == 0
    assert world.library.undelete(world.library.deleted()[0].id) == base
    world.library.delete(base.id, at_once=True)
    assert world.library.deleted() == []
