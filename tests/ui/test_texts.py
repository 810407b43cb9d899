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
NOT_THE_WINDOW = {
    "kit/open_list.py", "opening.py", "texts/__init__.py", "theme.py", "training/run/svg.py", "window.py",
}  # fmt: skip
"""What these say is for those who write texts, for the drawing, for the log, or for the terminal; or keys."""
ALLOWED = {
    "Tunewright", "F6", "Escape", "Tab", " SemiBold",  # called so in every language
    "%b %Y, %H:%M", "%d %b %H:%M", "%Y-%m-%d %H:%M",  # how a moment is written
    "Custom",  # of a form that is kept; its text is in the catalogue
    "Memory ran out", "Value error, ", "the config",  # how another part begins or is called
    "Title", "Description", "shade ", "Made",  # keys, and a type
    "HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-1.7B-Instruct",
    "Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-7B-Instruct", "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
}  # fmt: skip
CALLS = {"text", "text_in", "counted"}


def unread(node: ast.AST) -> list[ast.AST]:
    """Of a node the parts whose strings nobody reads in the window: docstrings, types, what is logged."""
    match node:
        case ast.Expr(value=ast.Constant() as alone):
            return [alone]
        case ast.arg(annotation=ast.expr() as kind) | ast.AnnAssign(annotation=kind):
            return [kind]
        case ast.FunctionDef(returns=ast.expr() as kind) | ast.AsyncFunctionDef(returns=ast.expr() as kind):
            return [kind]
        case ast.Call(func=ast.Name(id="TypeVar" | "cast" | "_try"), args=[first, *_]):
            return [first]
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
            return list(node.args)
        case ast.Subscript(slice=ast.Constant() as kind):
            return [kind]
    return []


def literals(file: Path) -> list[ast.Constant]:
    """Every string that may be read in the window."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    hidden = {id(inner) for node in ast.walk(tree) for part in unread(node) for inner in ast.walk(part)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [node for node in constants if isinstance(node.value, str) and id(node) not in hidden]


def is_for_people(said: str) -> bool:
    """Words with a space beside them, or a capital letter before small ones."""
    return said not in ALLOWED and re.search(r"[A-Za-z] | [A-Za-z]|^[A-Z][a-z]", said) is not None


def spoken_files() -> list[str]:
    files = {str(file.relative_to(UI)) for file in UI.rglob("*.py")}
    return sorted(files - NOT_THE_WINDOW)


@pytest.mark.parametrize("file", spoken_files())
def test_no_text_for_people_stands_outside_the_catalogue(file):
    found = [f"line {it.lineno}: {it.value!r}" for it in literals(UI / file) if is_for_people(it.value)]

    assert found == [], "say it by text() and write it into app/ui/texts/en"


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
                filled |= {"count"} if name == "counted" else set()
                yield from ((name, key, filled) for key in keys_of(node.args[0]))


def keys_of(asked: ast.expr) -> list[str]:
    """The place, or the two between which a condition chooses."""
    if isinstance(asked, ast.IfExp):
        return [*keys_of(asked.body), *keys_of(asked.orelse)]
    return [ast.literal_eval(asked)]


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


async def test_another_language_is_spoken_and_what_it_lacks_is_english(spoken, in_brackets, services, paths):
    spoken({place: said for place, said in in_brackets.items() if place != "settings.proxy.title"})

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
