import threading

import flet as ft
import pytest

from app.domain.merging import MergeRecipe, MergeSource
from app.services.merging import MergeService
from app.ui.merge.draft import MergeDraft
from app.ui.merge.tab import MergeTab
from tests.ui.harness import mounted


@pytest.fixture
def merging(services) -> MergeService:
    return services.merging


@pytest.fixture
def two(library, write_rows):
    """Sessions of 3 and 5 rows, the first 3 of which are equal."""
    small = library.import_file(write_rows("small.jsonl", good=3)).session
    return small, library.import_file(write_rows("large.jsonl", good=5)).session


def tab(merging, library, paths, **kwargs):
    return mounted(MergeTab, merging, library, paths, lambda: None, **kwargs)


async def add_both(screen, two):
    for session in two:
        await screen.choose("Add a session", str(session.id))
    await screen.wait_for_text("5 rows")


async def test_without_a_session_the_tab_says_what_to_do(merging, library, paths):
    gone = []
    async with mounted(MergeTab, merging, library, paths, lambda: gone.append(1)) as screen:
        await screen.wait_for_text("Nothing to merge yet")

        await screen.click("Import data")

        assert gone == [1]


async def test_a_tab_that_was_never_shown_holds_nothing(merging, library, paths, two):
    async with tab(merging, library, paths, is_shown=False) as screen:
        assert screen.texts() == []


async def test_nothing_can_be_merged_before_there_is_a_source(merging, library, paths, two):
    async with tab(merging, library, paths) as screen:
        await screen.wait_for_text("No source yet")

        assert screen.identified("merge-reason") == ["Add a source."]
        assert screen.find(ft.FilledButton, "Merge now").disabled


async def test_a_preview_shows_rows_counts_and_what_is_left_out_and_writes_nothing(
    merging, library, paths, two
):
    async with tab(merging, library, paths) as screen:
        await add_both(screen, two)
        await screen.click("Preview")
        await screen.wait_for(lambda: screen.identified("balance"))

        assert screen.identified("balance") == ["8 rows in = 5 rows out + 3 duplicates"]
        table = screen.identified("ledger")
        assert table[table.index("large") :] == ["large", "5", "3", "2"]
        assert "Row 4 · from large, row 4" in screen.identified("merge-rows")
        assert "small, row 1" in screen.text(), "whom a duplicate equals is shown"
        assert len(library.sessions()) == 2
        assert merging.saved() == []


async def test_a_merge_makes_a_session_and_is_kept_to_be_run_again(merging, library, paths, two):
    async with tab(merging, library, paths) as screen:
        await add_both(screen, two)
        await screen.type("Name of the result", "Both")
        await screen.click("Merge now")
        await screen.wait_for_text("5 rows in a new session.")
        await screen.click("Run Both again")
        await screen.wait_for(lambda: len(library.sessions()) == 4)

    assert [s.name for s in library.sessions()][:2] == ["Both (2)", "Both"]
    assert [m.name for m in merging.saved()] == ["Both"]


async def test_rows_in_turn_have_weights_and_a_seed(merging, library, paths, two):
    async with tab(merging, library, paths) as screen:
        await add_both(screen, two)
        how = next(b for b in screen.controls(ft.SegmentedButton) if b.segments[0].value == "concatenate")
        await screen.fire(how, "change", ["interleave"])
        await screen.set_value(screen.find(ft.Switch, "Shuffle within each source"), True)
        weights = [f for f in screen.controls(ft.TextField) if f.label == "Weight"]
        await screen.set_value(weights[1], "nothing")
        assert screen.identified("merge-reason") == ["Correct “Weight” of large."]

        await screen.set_value(weights[1], "2")
        await screen.type("Seed", "7")
        await screen.type("Name of the result", "long" * 51)
        assert screen.identified("merge-reason") == ["Give the result a name of at most 200 letters."]

        await screen.type("Name of the result", "short")
        await screen.click("Merge now")
        await screen.wait_for_text("in a new session")

    [merge] = merging.saved()
    assert [source.weight for source in merge.recipe.sources] == [1, 2]
    assert (merge.recipe.how, merge.recipe.shuffle, merge.recipe.seed) == ("interleave", True, 7)


def test_every_rule_reaches_the_recipe_and_comes_back_when_it_is_edited(merging, paths, two):
    small, large = two
    recipe = MergeRecipe(
        name="All of it",
        sources=(
            MergeSource(session=large.id, weight=2, cap=3, share=0.5),
            MergeSource(file=paths.sample_file),
            MergeSource(
                hub="owner/name",
                split="test",
                subset="part",
                columns={"kind": "document", "columns": {"text": "body"}},
            ),
        ),
        how="interleave",
        until="first",
        shuffle=True,
        seed=9,
        system="text",
        system_text="Be brief.",
        exact_duplicates=False,
        near_duplicates=True,
        similarity=0.75,
        conflicts="drop",
        held_out=small.id,
        near_leaks=True,
    )
    draft = MergeDraft()
    draft.load(merging.save(recipe), {})

    assert draft.missing() == ""
    assert draft.to_recipe() == recipe


async def test_a_saved_merge_is_edited_in_the_form_and_stays_the_same_one(merging, library, paths, two):
    merging.save(MergeRecipe(name="Half", sources=(MergeSource(session=two[1].id, share=0.5),)))
    async with tab(merging, library, paths) as screen:
        await screen.click("Edit Half")
        assert screen.find(ft.TextField, "Share in %").value == "50"

        await screen.type("Share in %", "100")
        await screen.click("Merge now")
        await screen.wait_for_text("5 rows in a new session.")

    assert [m.recipe.sources[0].share for m in merging.saved()] == [1.0]


async def test_a_source_that_is_gone_is_still_called_by_its_name(merging, library, paths, two):
    merging.to_session(MergeRecipe(name="Half", sources=(MergeSource(session=two[1].id),)))
    library.delete(two[1].id)
    async with tab(merging, library, paths) as screen:
        await screen.click("Edit Half")

        await screen.wait_for_text("This session is no longer here. Remove it.")
        assert two[1].name in screen.texts()
        assert two[1].id not in screen.texts()


async def test_a_failed_merge_is_a_banner_and_leaves_nothing(merging, library, paths, two, write_rows):
    file = write_rows("gone.jsonl")
    async with tab(merging, library, paths) as screen:
        await screen.fire(add_from(screen), "change", ["file"])
        await screen.type("Path of a file to merge", str(file))
        await screen.click("Add file")
        await screen.wait_for_text("A JSONL file.")
        file.unlink()
        await screen.click("Merge now")

        await screen.wait_for_text("There is no file")
        assert len(library.sessions()) == 2
        assert merging.saved() == []

        await screen.click("Dismiss")
        assert "There is no file" not in screen.text()


async def test_a_merge_under_way_says_how_far_it_is_and_can_be_cancelled(merging, library, paths, two):
    held = threading.Event()
    inner = merging._sources.read_file

    def read_slowly(path, options):
        for row in inner(path, options):
            held.wait(60)
            yield row

    merging._sources.read_file = read_slowly
    async with tab(merging, library, paths) as screen:
        await screen.fire(add_from(screen), "change", ["file"])
        await screen.type("Path of a file to merge", str(paths.sample_file))
        await screen.click("Add file")
        screen.start(screen.click("Merge now"))
        await screen.wait_for(lambda: screen.identified("merge-progress"))
        await screen.click("Cancel merge")
        held.set()

        await screen.wait_for_text("Merge cancelled")

    assert len(library.sessions()) == 2
    assert list(paths.merging.glob("*")) == []


async def test_a_file_is_written_where_it_was_asked_for(merging, library, paths, two, tmp_path):
    async with tab(merging, library, paths) as screen:
        await add_both(screen, two)
        *_, write_to = screen.controls(ft.SegmentedButton)
        await screen.fire(write_to, "change", ["file"])
        await screen.type("File to write", str(tmp_path / "both.jsonl"))
        await screen.click("Merge now")
        await screen.wait_for_text("5 rows written to")

    assert len((tmp_path / "both.jsonl").read_text().splitlines()) == 5
    assert len(library.sessions()) == 2


async def test_without_a_token_nothing_is_merged_for_the_hub(merging, library, paths, two, monkeypatch):
    monkeypatch.setattr(merging._secrets, "hf_token", lambda: None)
    async with tab(merging, library, paths) as screen:
        await add_both(screen, two)
        *_, write_to = screen.controls(ft.SegmentedButton)
        await screen.fire(write_to, "change", ["hub"])
        assert screen.identified("merge-reason") == ["Type the dataset's name on the Hub as owner/name."]
        assert screen.find(ft.Switch, "Private").value

        await screen.type("Dataset on the Hub", "me/rows")
        await screen.click("Merge now")
        await screen.wait_for_text("There is no Hugging Face token")

    assert len(library.sessions()) == 2


async def test_the_columns_of_a_file_can_be_chosen(merging, library, paths, tmp_path, two):
    file = tmp_path / "odd.csv"
    file.write_text("asked,said,where\nHow?,So.,here\nWhy?,Because.,there\n")
    async with tab(merging, library, paths) as screen:
        await screen.fire(add_from(screen), "change", ["file"])
        await screen.type("Path of a file to merge", str(file))
        await screen.click("Add file")
        await screen.choose("Rows are", "pair")
        await screen.choose_at_once({"Column for the question": "said", "Column for the answer": "asked"})
        await screen.click("Merge now")
        await screen.wait_for_text("2 rows in a new session")

        assert "odd.csv: kept beside its rows: where." in screen.text()
    newest = library.sessions()[0]
    assert [m["content"] for m in library.rows(newest.id)[0].messages] == ["So.", "How?"]


async def test_the_columns_of_a_hub_dataset_can_be_chosen(merging, library, paths, tmp_path, two):
    repository = tmp_path / "odd"  # `datasets` takes a folder for a repository
    repository.mkdir()
    (repository / "rows.jsonl").write_text('{"asked": "How?", "said": "So."}\n')
    async with tab(merging, library, paths) as screen:
        await screen.fire(add_from(screen), "change", ["hub"])
        await screen.type("Dataset repository", str(repository))
        await screen.click("Add dataset")
        await screen.wait_for_text("Which column plays which part is guessed as it is read.")
        await screen.click("Look at its columns")
        await screen.wait_for_text("A dataset of the Hugging Face Hub.")
        await screen.choose("Rows are", "pair")
        await screen.choose("Column for the question", "said")
        await screen.choose("Column for the answer", "asked")
        await screen.click("Merge now")
        await screen.wait_for_text("1 row in a new session")
    newest = library.sessions()[0]
    assert [m["content"] for m in library.rows(newest.id)[0].messages] == ["So.", "How?"]


async def test_a_saved_merge_says_that_a_source_has_changed_and_is_deleted_after_a_question(
    merging, library, paths, two
):
    merging.to_session(MergeRecipe(sources=tuple(MergeSource(session=s.id) for s in two)))
    library.delete(two[0].id)
    async with tab(merging, library, paths) as screen:
        await screen.wait_for_text("small is no longer there.")
        await screen.click("Delete Merged")
        await screen.click("Delete")
        await screen.wait_for(lambda: not screen.identified("saved-merges"))

    assert merging.saved() == []
    assert [s.name for s in library.sessions()] == ["Merged", "large"], "what it made stays"


async def test_the_upper_source_keeps_its_copy(merging, library, paths, two):
    async with tab(merging, library, paths) as screen:
        await add_both(screen, two)
        await screen.click("Move large up")
        await screen.click("Preview")
        await screen.wait_for(lambda: screen.identified("balance"))

        table = screen.identified("ledger")
        assert table[table.index("small") :] == ["small", "3", "3", "–"]

        await screen.click("Remove small")
        await screen.click("Preview")
        await screen.wait_for_text("5 rows in = 5 rows out")


async def test_every_icon_button_has_a_name(merging, library, paths, two):
    merging.save(MergeRecipe(sources=tuple(MergeSource(session=s.id) for s in two)))
    async with tab(merging, library, paths) as screen:
        await screen.click("Edit Merged")
        await screen.wait_for_text("3 rows")

        assert all(button.icon.semantics_label for button in screen.controls(ft.IconButton))


def add_from(screen):
    return next(b for b in screen.controls(ft.SegmentedButton) if len(b.segments) == 3)
