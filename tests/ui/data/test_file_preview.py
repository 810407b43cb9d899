"""Between choosing a file and importing it: the first rows, and which column plays which part."""

import json
from pathlib import Path

import flet as ft

from app.ui.data.tab import DataTab
from tests.ui.data.test_import import open_path
from tests.ui.harness import mounted


def table(folder: Path, text: str = "frage;antwort;nr\nWie tief?;Drei Faden.;1\nWo?;Hier.;2\n") -> Path:
    path = folder / "tiefen.csv"
    path.write_text(text)
    return path


async def test_the_first_rows_are_shown_and_a_sentence_says_what_they_become(library, paths, tmp_path):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_path(screen, table(tmp_path, "prompt;completion;nr\nWie tief?;Drei Faden.;1\n"))

        await screen.wait_for_text("Columns are separated by semicolons.")
        assert "Wie tief?" in " ".join(screen.identified("preview-table"))
        assert screen.identified("mapping-status") == [
            "Rows are question and answer: question ← `prompt`, answer ← `completion`;"
            " 1 column kept as extra: `nr`."
        ]
        assert library.sessions() == []


async def test_another_language_says_what_a_row_may_be(library, paths, tmp_path, spoken, in_brackets):
    spoken({place: said for place, said in in_brackets.items() if place.startswith("data.columns.kinds")})

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_path(screen, table(tmp_path, "prompt;completion\nWie tief?;Drei Faden.\n"))
        await screen.wait_for_text("Columns are separated by semicolons.")

        said = [s.label for s in screen.controls(ft.Semantics) if s.identifier == "row-kind"]
        offered = [o.text for o in screen.find(ft.Dropdown, "Each row is").options]
    assert said == ["Each row is: ⟦Question and answer⟧"]
    assert [text for text in offered if not text.startswith("⟦")] == []


async def test_a_conversation_is_shown_as_it_is_spoken_and_other_nesting_as_in_the_file(
    library, paths, tmp_path
):
    path = tmp_path / "talk.jsonl"
    turns = [{"from": "human", "value": "Wie tief?"}, {"from": "gpt", "value": "Drei Faden."}]
    path.write_text(json.dumps({"conversations": turns, "tide": {"is_low": True, "at": None}}) + "\n")

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_path(screen, path)

        await screen.wait_for_text("human: Wie tief? gpt: Drei Faden.")
        assert '{"is_low": true, "at": null}' in " ".join(screen.identified("preview-table"))


async def test_a_column_gets_its_part_in_its_head_and_is_imported_so(library, paths, tmp_path):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_path(screen, table(tmp_path))
        await screen.wait_for_text("Choose what each row is")
        assert screen.button("Import").disabled

        await screen.choose("Each row is", "pair")
        await screen.wait_for_text("need a column for: question, answer")
        await screen.choose("antwort", "answer")
        await screen.choose("frage", "question")
        await screen.wait_for_text("1 column kept as extra: `nr`")
        screen.start(screen.click("Import"))

        await screen.wait_for_text("2 rows imported, 0 refused")
        [session] = library.sessions()
        [first, _] = library.rows(session.id)
        assert [message["content"] for message in first.messages] == ["Wie tief?", "Drei Faden."]
        assert first.meta == {"nr": "1"}


async def test_of_two_quick_choices_none_is_lost(library, paths, tmp_path):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_path(screen, table(tmp_path))
        await screen.wait_for_text("Choose what each row is")
        await screen.choose("Each row is", "pair")

        await screen.choose_at_once({"frage": "question", "antwort": "answer"})

        await screen.wait_for_text("question ← `frage`, answer ← `antwort`; 1 column kept as extra: `nr`")


async def test_a_document_is_cut_into_passages_of_the_chosen_size(library, paths, tmp_path):
    path = tmp_path / "story.txt"
    path.write_text("\n\n".join(f"Paragraph {n}. " + "The sea is wide. " * 12 for n in range(10)))

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_path(screen, path)
        await screen.wait_for_text("The text is cut into passages")
        await screen.type("Most characters in a passage", "12")
        await screen.wait_for(lambda: screen.button("Import").disabled)
        await screen.type("Most characters in a passage", "250")
        screen.start(screen.click("Import"))

        await screen.wait_for_text("10 rows imported, 0 refused")


async def test_another_file_can_be_chosen_instead(library, paths, tmp_path):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_path(screen, table(tmp_path))
        await screen.wait_for(lambda: screen.has_button("Choose something else"))

        await screen.click("Choose something else")

        assert screen.has_button("Choose a file…")
        assert library.sessions() == []


async def test_lines_that_cannot_be_read_are_announced_before_the_import(library, paths, write_rows):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_path(screen, write_rows(good=2, lines=("not json",)))

        await screen.wait_for_text(
            "Of its first rows, 1 cannot be read and will be listed: 3: the line is not JSON"
        )
