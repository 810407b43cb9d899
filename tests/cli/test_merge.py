"""`tunewright merge`, from the outside."""

import json

import pytest

from tests.cli.conftest import ROOT, Shell


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "extra.jsonl").write_text(
        '{"prompt": "New?", "completion": "Yes."}\n{"prompt": "New?", "completion": "No."}\nbroken\n'
    )
    path = tmp_path / "recipe.toml"
    path.write_text(
        'name = "Mixed"\nhow = "interleave"\nconflicts = "first"\n'
        '[[sources]]\nsession = "Ferry help desk (sample)"\ncap = 10\n[[sources]]\nfile = "extra.jsonl"\n'
    )
    return path


def test_a_recipe_is_previewed_merged_shown_run_again_and_forgotten(shell: Shell, recipe, tmp_path):
    preview = shell.json("merge", "preview", str(recipe))
    assert preview["ledger"]["accounts"][1]["removed"] == {"refused": 1, "conflict": 1}
    assert len(preview["head"]) == 11
    assert shell.json("merge", "list") == []

    merge = shell.json("merge", "run", str(recipe))
    again = shell.json("merge", "run", "Mixed", "--to", str(tmp_path / "mixed.jsonl"))
    (tmp_path / "extra.jsonl").write_text('{"prompt": "Newer?", "completion": "Yes."}\n')
    shown = shell.json("merge", "show", merge["id"])
    shell.json("merge", "delete", "Mixed")

    assert merge["result"]["ledger"]["accounts"][0]["rows_out"] == 10
    assert again["id"] == merge["id"]
    assert len((tmp_path / "mixed.jsonl").read_text().splitlines()) == 11
    assert shown["changes"] == ["extra.jsonl has changed."]
    assert shell.json("merge", "list") == []
    assert [s["row_count"] for s in shell.json("sessions", "list")] == [11, 344]


def test_the_example_of_the_documentation_merges(shell: Shell):
    preview = shell.json("merge", "preview", str(ROOT / "docs/examples/merges/two-sources.toml"))

    ferries, file = preview["ledger"]["accounts"]
    assert (ferries["rows_in"], file["rows_in"], file["rows_out"]) == (344, 344, 0)
    assert file["removed"] == {"duplicate": 344}


def test_people_are_told_what_became_of_the_rows(shell: Shell, recipe):
    text = shell.ok("merge", "run", str(recipe))

    assert "11 rows merged into session Mixed" in text
    assert "refused: extra.jsonl, row 3: the line is not JSON" in text
    assert "No merges yet" not in shell.ok("merge", "list")


def test_sessions_files_and_folders_are_merged_without_a_recipe(shell: Shell, recipe):
    file = recipe.parent / "extra.jsonl"
    folder = recipe.parent / "more"
    folder.mkdir()
    (folder / "one.jsonl").write_text('{"prompt": "One?", "completion": "1."}\n')
    (folder / "two.csv").write_text("prompt,completion\nTwo?,2.\n")

    merge = shell.json(
        "merge", "run", "--sources", "Ferry help desk (sample)", str(file), str(folder), "--name", "Both"
    )
    (folder / "two.csv").write_text("prompt,completion\nTwo?,2.\nThree?,3.\n")
    changes = shell.json("merge", "show", merge["id"])["changes"]

    assert merge["result"]["ledger"]["accounts"][1]["label"] == "extra.jsonl"
    assert merge["result"]["ledger"]["accounts"][2]["rows_out"] == 2
    assert changes == ["more has changed."]
    assert shell.json("sessions", "list")[0]["name"] == "Both"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            'name = "x"\n[[sources]]\nsession = "a"\nfile = "b"\n',
            "sources.0: a source is one of: session, file, hub.",
        ),
        ("name = ", "is not TOML"),
        ('[[sources]]\nfile = "nothing.jsonl"\n', "There is no file"),
    ],
)
def test_a_mistake_in_a_recipe_is_named(shell: Shell, tmp_path, document, said):
    path = tmp_path / "r.toml"
    path.write_text(document)

    code, out, err = shell.run("merge", "run", str(path), "--json")

    assert code == 1
    assert said in json.loads(out)["error"]["message"]
    assert "Traceback" not in err


def test_what_is_neither_a_recipe_nor_a_saved_merge_is_said(shell: Shell):
    for words in (["run", "nothing"], ["run"]):
        code, _, err = shell.run("merge", *words)
        assert code == 1
        assert "nothing" in err or "Name a recipe or some sources" in err
        assert "Traceback" not in err
