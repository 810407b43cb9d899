"""Texts in one place: none beside the catalogue, none in it for nothing, and another language is taken."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from app.ui import texts
from app.ui.settings.tab import SettingsTab
from app.ui.texts import plurals
from tests.docker_engine import CHECKOUT
from tests.ui.harness import mounted

UI = CHECKOUT / "app/ui"
NOT_YET = {"runpod_making.py", "runpod_storage.py"}
"""Of Settings, still to be moved: their prices and sizes are made into sentences in place."""
SETTINGS = [file for file in sorted(UI.glob("settings/*.py")) if file.name not in NOT_YET]
SPOKEN = [UI / "root.py", UI / "opening_page.py", UI / "offline.py", *SETTINGS]
"""Files whose every text is in the catalogue."""
NAMES = {"Tunewright", "F6"}
"""What is called so in every language."""
CALLS = {"text", "text_in", "counted"}


def literals(file: Path) -> list[ast.Constant]:
    """Every string but docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [node for node in constants if isinstance(node.value, str) and id(node) not in alone]


def is_for_people(said: str) -> bool:
    """Words with a space between them, or a capital letter before small ones."""
    return said not in NAMES and re.search(r"[A-Za-z] |^[A-Z][a-z]", said) is not None


@pytest.mark.parametrize("file", SPOKEN, ids=lambda file: file.name)
def test_no_text_for_people_stands_outside_the_catalogue(file):
    found = [f"line {one.lineno}: {one.value!r}" for one in literals(file) if is_for_people(one.value)]

    assert found == []


def test_every_text_of_the_catalogue_is_used_and_filled_in_as_it_asks():
    used = {}
    for call, key, filled in calls():
        keys = [k for k in catalogue() if k.startswith(f"{key}.")] if call == "text_in" else [key]
        assert keys, f"there is no group {key}"
        for one in keys:
            used.setdefault(one, set()).update(filled)

    assert used == {key: fields(said) for key, said in catalogue().items()}


def calls() -> Iterator[tuple[str, str, set[str]]]:
    """Each time a text is asked for: by which function, where it stands, and what fills it in."""
    sources = [file.read_text(encoding="utf-8") for file in UI.rglob("*.py")]
    for source in (source for source in sources if "from app.ui.texts import" in source):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and (name := getattr(node.func, "id", "")) in CALLS:
                filled = {keyword.arg or "" for keyword in node.keywords}
                yield (
                    name,
                    ast.literal_eval(node.args[0]),
                    filled | ({"count"} if name == "counted" else set()),
                )


def fields(said: str | texts.Counted) -> set[str]:
    """What is filled in; a form may leave out the number itself, like "the last one"."""
    if isinstance(said, texts.Counted):
        return {"count"}.union(*map(fields, said.forms.values()))
    return {name for _, name, _, _ in Formatter().parse(said) if name}


def test_a_text_is_asked_for_while_drawing_and_not_while_modules_load():
    early = [
        f"{file.relative_to(UI)}, line {node.lineno}"
        for file in UI.rglob("*.py")
        for node in at_import(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CALLS
    ]

    assert early == []


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from at_import(child)


def catalogue() -> dict[str, str | texts.Counted]:
    return texts.read(texts.ENGLISH.glob("*.toml"))


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A language that says the same in brackets, but for one text that it lacks."""
    file = tmp_path / "brackets.toml"
    file.write_text("\n".join(in_brackets("settings.proxy.title")), encoding="utf-8")
    monkeypatch.setenv(texts.FILE_VARIABLE, str(file))
    texts.forget()
    yield
    texts.forget()


def in_brackets(lacking: str) -> Iterator[str]:
    for key, said in catalogue().items():
        if key == lacking:
            continue
        forms = {key: said}
        if isinstance(said, texts.Counted):
            forms = {f"{key}.{name}": form for name, form in said.forms.items()}
        for place, form in forms.items():
            quoted = ".".join(f'"{part}"' for part in place.split("."))
            yield f"{quoted} = '''⟦{form}⟧'''"


async def test_another_language_is_spoken_and_what_it_lacks_is_english(elsewhere, services, paths):
    async with mounted(SettingsTab, services, paths, lambda: None, is_shown=False) as screen:
        said = screen.text()

    assert "⟦How Tunewright looks, where it keeps things, and what it found here.⟧" in said
    assert "⟦This computer⟧" in said
    assert "\nProxy\n" in said


def test_a_file_that_is_none_leaves_it_english_and_the_log_says_so(monkeypatch, caplog, tmp_path):
    (tmp_path / "broken.toml").write_text("[settings\n")
    monkeypatch.setenv(texts.FILE_VARIABLE, str(tmp_path / "broken.toml"))
    texts.forget()

    assert texts.text("settings.title") == "Settings"
    assert "cannot be read" in caplog.text
    texts.forget()


def test_a_language_counts_by_its_own_rule(monkeypatch, tmp_path):
    (tmp_path / "words.toml").write_text(
        '[settings]\nrows = { one = "{count} wiersz", few = "{count} wiersze", other = "{count} wierszy" }\n'
        '[language]\nplural = "polish"\n',
        encoding="utf-8",
    )

    rows = texts.read([tmp_path / "words.toml"])["settings.rows"]

    assert isinstance(rows, texts.Counted)
    assert [rows.for_(count).format(count=count) for count in (1, 2, 5, 12, 22)] == [
        "1 wiersz", "2 wiersze", "5 wierszy", "12 wierszy", "22 wiersze",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "forms"),
    [
        ("english", {0: "other", 1: "one", 2: "other"}),
        ("french", {0: "one", 1: "one", 2: "other"}),
        ("chinese", {1: "other"}),
        ("czech", {1: "one", 4: "few", 5: "other"}),
        ("russian", {1: "one", 3: "few", 11: "many", 13: "many", 21: "one", 24: "few"}),
        ("arabic", {0: "zero", 2: "two", 7: "few", 11: "many", 100: "other", 105: "few"}),
    ],
)
def test_a_number_takes_the_form_of_its_language(rule, forms):
    assert {count: plurals.form_of(rule, count) for count in forms} == forms
