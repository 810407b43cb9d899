"""Rows are found, chosen and changed in the window, and every change can be taken back."""

import json

import flet as ft
import pytest

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.scrapes import SqliteScrapeStore
from app.domain.finding import RowFilter
from app.domain.scraping import Batch
from app.ui.data import tab
from tests.ui.data.test_sessions import opened_session
from trainer_image.rows import Row


@pytest.fixture
def session(library, write_rows):
    return library.import_file(write_rows("talk.jsonl", good=60)).session


def newest(library):
    return library.sessions()[0]


def question(library, position=0):
    return library.rows(newest(library).id, start=position, limit=1)[0].messages[0]["content"]


async def test_rows_are_found_by_what_they_say(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.type("Find in rows", "question 5")
        await screen.click("Find")
        await screen.wait_for_text("Hits 1 to 11")

        assert "Question 59?" in screen.text()
        assert "Question 1?" not in screen.text()

        await screen.click("Show all")
        await screen.wait_for_text("1 to 25 of 60")
        assert screen.find(ft.TextField, "Find in rows").value == ""


async def test_hits_are_leafed_through_both_ways(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.type("Find in rows", "question")
        await screen.fire(screen.find(ft.TextField, "Find in rows"), "submit", "question")
        await screen.wait_for_text("Hits 1 to 25, perhaps more")

        await screen.click("Next hits")
        await screen.wait_for_text("Hits 26 to 50")
        await screen.click("Next hits")
        await screen.wait_for_text("Hits 51 to 60")
        assert screen.button("Next hits").disabled
        await screen.click("Previous hits")

        await screen.wait_for_text("Question 26?")


async def test_nothing_found_says_so(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.type("Find in rows", "zebra")
        await screen.click("Find")

        await screen.wait_for_text("No row is like that.")


async def test_filters_find_rows_by_what_they_are(library, paths, session):
    library.editing.set_unmask(session, {6}, unmask=True)
    async with opened_session(library, paths, "talk") as screen:
        await screen.wait_for_text("Learnt whole")
        await screen.click("Filters")
        await screen.choose("Learnt whole", "yes")
        await screen.click("Find")
        await screen.wait_for_text("Hits 1 to 1")

        assert "Question 7?" in screen.text()

        await screen.type("At least so many characters", "many")
        await screen.click("Find")
        await screen.wait_for_text("'many' is no number of characters.")


async def test_a_row_is_edited_and_the_edit_undone(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Edit row 2")
        await screen.type("Text of message 1", "Question two?")
        await screen.click("Save row")

        await screen.wait_for_text("Version 2: row 2 edited")
        await screen.wait_for_text("Question two?")
        assert question(library, 1) == "Question two?"

        await screen.click("Undo")
        await screen.wait_for_text("Version 3: version 1 restored")
        assert newest(library).content_hash == session.content_hash


async def test_who_speaks_is_chosen_and_what_was_typed_beside_it_is_kept(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Edit row 1")
        await screen.click("Add message")
        await screen.type("Text of message 3", "Answer in rhyme.")
        await screen.choose("Role of message 3", "system")

        await screen.wait_for(lambda: "System" in role_said(screen, 3))
        assert screen.find(ft.TextField, "Text of message 3").value == "Answer in rhyme."
        await screen.choose("Role of message 3", "assistant")
        await screen.click("Save row")
        await screen.wait_for_text("Version 2: row 1 edited")
    [row] = library.rows(newest(library).id, limit=1)
    assert row.messages[-1] == {"role": "assistant", "content": "Answer in rhyme."}


def role_said(screen, number):
    """What a screen reader says of the choice."""
    [said] = [s.label for s in screen.controls(ft.Semantics) if s.identifier == f"role-{number}"]
    return said


async def test_a_row_without_an_answer_is_refused_in_the_dialog_with_the_trainers_reason(
    library, paths, session
):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Edit row 1")
        await screen.click("Delete message 2")
        await screen.click("Save row")

        await screen.wait_for_text("the conversation has no assistant message")
        assert newest(library) == session
        await screen.click("Cancel")
        await screen.click("Edit row 1")
        assert screen.find(ft.TextField, "Text of message 2").value == "Answer 1."


async def test_a_row_is_added_at_the_end(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Add row")
        await screen.type("Text of message 1", "One more?")
        await screen.type("Text of message 2", "Yes.")
        await screen.set_value(screen.find(ft.Switch, "Learn every message"), True)
        await screen.click("Save row")

        await screen.wait_for_text("Version 2: row 61 added")
        assert question(library, 60) == "One more?"
        assert len(library.editing.find(newest(library).id, RowFilter(unmask=True)).rows) == 1


async def test_chosen_rows_are_deleted_together(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        for row in (1, 3):
            [box] = [b for b in screen.controls(ft.Checkbox) if b.semantics_label == f"Choose row {row}"]
            await screen.set_value(box, True)
        await screen.click("Delete 2 rows")

        await screen.wait_for_text("Version 2: 2 rows deleted")
        await screen.wait_for_text("1 to 25 of 58")
        assert question(library) == "Question 2?"


async def test_all_that_match_are_learnt_whole(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.type("Find in rows", "Answer 4")
        await screen.click("Find")
        await screen.wait_for_text("Rows that match")
        await screen.click("Learn all that match whole")

        await screen.wait_for_text("Version 2: 11 rows learnt whole")


async def test_a_replacement_is_previewed_then_made(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Find and replace")
        await screen.type("Find", "Question 1")
        await screen.type("Replace with", "Riddle 1")
        assert screen.button("Replace").disabled
        await screen.click("Preview")
        await screen.wait_for_text("11 rows would change.")
        assert "Then: Riddle 1?" in screen.text()
        assert question(library) == "Question 1?"

        await screen.click("Replace in 11 rows")

        await screen.wait_for_text("Version 2: 11 rows changed by find and replace")
        assert question(library) == "Riddle 1?"


async def test_a_replacement_changes_the_rows_of_its_preview_or_none(library, paths, session, monkeypatch):
    monkeypatch.setattr(tab, "_REFRESH_SECONDS", 0.1)
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Find and replace")
        await screen.type("Find", "Question 1")
        await screen.type("Replace with", "Riddle 1")
        await screen.click("Preview")
        await screen.wait_for_text("11 rows would change.")
        library.editing.append_session(session, session)
        await screen.wait_for_text("120 rows")

        await screen.click("Replace in 11 rows")

        await screen.wait_for_text("was changed elsewhere")
        assert question(library) == "Question 1?"


async def test_rows_that_are_collected_come_into_the_page_that_is_looked_at(library, paths, monkeypatch):
    monkeypatch.setattr(tab, "_REFRESH_SECONDS", 0.1)
    database = open_database(paths.database)
    writer = SqliteScrapeStore(database, SystemProcesses()).begin("web", "Pages", "here", {"limit": 9})
    writer.append(Batch((collected("First?"),), {}))
    async with opened_session(library, paths, "Pages") as screen:
        await screen.wait_for_text("First?")

        writer.append(Batch((collected("Second?"),), {}))

        await screen.wait_for_text("Second?")
    database.dispose()


def collected(question):
    return Row(1, ({"role": "user", "content": question}, {"role": "assistant", "content": "Yes."}))


async def test_a_change_from_elsewhere_is_told_and_nothing_is_lost(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Edit row 1")
        library.editing.delete_rows(session, {0})
        await screen.type("Text of message 1", "Mine?")
        await screen.click("Save row")

        await screen.wait_for_text("was changed elsewhere")
        assert question(library) == "Question 2?"


async def test_a_row_that_was_opened_is_never_saved_in_the_place_of_another(
    library, paths, session, monkeypatch
):
    monkeypatch.setattr(tab, "_REFRESH_SECONDS", 0.1)
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Edit row 1")
        library.editing.delete_rows(session, {0})
        await screen.wait_for_text("59 rows")
        await screen.type("Text of message 1", "Mine?")
        await screen.click("Save row")

        await screen.wait_for_text("was changed elsewhere")
        assert question(library) == "Question 2?"


async def test_what_was_chosen_is_chosen_no_more_when_the_rows_were_changed_elsewhere(
    library, paths, session, monkeypatch
):
    monkeypatch.setattr(tab, "_REFRESH_SECONDS", 0.1)
    async with opened_session(library, paths, "talk") as screen:
        [box] = [b for b in screen.controls(ft.Checkbox) if b.semantics_label == "Choose row 1"]
        await screen.set_value(box, True)
        await screen.wait_for_text("1 row chosen")
        library.editing.delete_rows(session, {0})

        await screen.wait_for_text("1 to 25 of 59")

        await screen.wait_for(lambda: "1 row chosen" not in screen.text())
        assert question(library) == "Question 2?"


async def test_a_large_session_is_made_quick_to_search_while_it_is_looked_at(library, paths, write_rows):
    large = library.import_file(write_rows("large.jsonl", good=5_001)).session
    assert not library.editing.search_state(large.id).is_ready

    async with opened_session(library, paths, "large") as screen:
        await screen.wait_for(lambda: library.editing.search_state(large.id).is_ready)
        await screen.wait_for(lambda: not screen.identified("search-index"))


async def test_any_row_can_be_gone_to(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.set_value(screen.find(ft.TextField, "Go to row"), "31", event="submit")

        await screen.wait_for_text("31 to 55 of 60")
        assert not screen.find(ft.TextField, "Go to row").value


@pytest.mark.parametrize("row", ["0", "61", "first", "9" * 5000])
async def test_a_row_that_is_not_there_is_answered_by_those_that_are(library, paths, session, row):
    async with opened_session(library, paths, "talk") as screen:
        await screen.set_value(screen.find(ft.TextField, "Go to row"), row, event="submit")
        await screen.wait_for(lambda: screen.find(ft.TextField, "Go to row").error == "Type 1 to 60.")
        assert screen.find(ft.TextField, "Go to row").value == row

        await screen.set_value(screen.find(ft.TextField, "Go to row"), "31", event="submit")

        await screen.wait_for_text("31 to 55 of 60")
        assert screen.find(ft.TextField, "Go to row").error is None


async def test_versions_are_listed_looked_at_and_restored(library, paths, session):
    library.editing.delete_rows(session, {0})
    async with opened_session(library, paths, "talk") as screen:
        await choose_view(screen, "Versions")
        await screen.wait_for_text("Version 2: 1 row deleted (now)")
        await screen.click("Show version 1")
        await screen.wait_for_text("Question 1?")

        await screen.click("Restore version 1")

        await screen.wait_for_text("Version 3: version 1 restored (now)")
        assert question(library) == "Question 1?"


async def choose_view(screen, label):
    [switch] = screen.controls(ft.SegmentedButton)
    [name] = [segment.value for segment in switch.segments if segment.label.value == label]
    screen.page.session.apply_patch(switch._i, {"selected": [name]})
    await screen.fire(switch, "change", [name])


async def test_tags_are_given_and_chosen_from(library, paths, session, write_rows):
    library.import_file(write_rows("other.jsonl"))
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Tag session")
        await screen.type("Tags", "sea, checked")
        await screen.click("Save tags")
        await screen.wait_for(lambda: len(list(screen.controls(ft.Chip))) == 2)

        await screen.fire(screen.find(ft.Chip, "checked"), "select", True)

        assert screen.has_button("talk")
        assert not screen.has_button("other")


async def test_a_deleted_session_is_brought_back(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Delete session")
        await screen.click("Delete")
        await screen.wait_for_text("No sessions yet")
        await screen.click("Recently deleted (1)")
        await screen.click("Bring talk back")

        await screen.wait_for(lambda: screen.has_button("talk"))
        assert library.sessions() == [session]


async def test_a_second_export_gets_a_name_of_its_own_and_csv_says_how_it_nests(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        for count in (1, 2):
            await screen.click("Export JSONL")
            await screen.wait_for(lambda count=count: len(list(paths.exports.glob("*.jsonl"))) == count)
        await screen.click("Export CSV")
        await screen.wait_for_text("CSV knows no nesting")

        assert len(list(paths.exports.iterdir())) == 3


async def test_a_copy_and_appended_rows(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Duplicate")
        await screen.wait_for(lambda: screen.has_button("talk (2)"))
        copy = library.find("talk (2)")
        await screen.click("Append rows")
        await screen.choose("Rows of this session", str(copy.id))
        await screen.click("Append")

        await screen.wait_for_text("Version 2: 60 rows of talk (2) appended")


async def test_appending_a_file_says_what_was_refused(library, paths, session, write_rows):
    path = write_rows("more.jsonl", good=1, lines=("broken",))
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Append rows")
        await screen.type("Or of this file", str(path))
        await screen.click("Append")

        await screen.wait_for_text("1 row appended, 1 refused; line 2")
        assert newest(library).row_count == 61


async def test_the_columns_of_an_appended_file_can_be_chosen(library, paths, session, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_text("said,asked,where\nSo.,How?,here\n")
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Append rows")
        await screen.type("Or of this file", str(file))
        await screen.click("Choose columns")
        await screen.choose("Rows are", "pair")
        await screen.choose("Column for the question", "asked")
        await screen.choose("Column for the answer", "said")
        await screen.click("Append")

        await screen.wait_for_text("Version 2: 1 row of odd.csv appended")
    [row] = library.rows(session.id, start=60)
    assert [m["content"] for m in row.messages] == ["How?", "So."]
    assert row.meta["where"] == "here"


async def test_personal_data_is_shown_before_a_push_and_the_reason_why_none_is_possible(
    library, services, paths, write_rows, monkeypatch
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    line = json.dumps({"prompt": "Who?", "completion": "ana@harbour.io"})
    library.import_file(write_rows("leaky.jsonl", good=1, lines=(line,)))

    async with opened_session(library, paths, "leaky", publishing=services.publishing) as screen:
        await screen.click("Publish on the Hub")
        await screen.wait_for_text("1 e-mail addresses in 1 row")

        assert "row 2" in screen.text()
        assert "ana@" not in "\n".join(screen.identified("personal-data"))
        assert "Offline mode is on" in screen.text()
        assert screen.button("Publish privately").disabled


async def test_every_control_of_the_editor_has_a_name(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Filters")
        await screen.click("Edit row 1")

        assert all(box.semantics_label or box.label for box in screen.controls(ft.Checkbox))
        assert all(field.label for field in screen.controls(ft.TextField))
        assert all(button.icon.semantics_label for button in screen.controls(ft.IconButton))
