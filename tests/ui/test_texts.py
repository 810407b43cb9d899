"""Texts in one place: none beside the catalogue, none in it for nothing, and another language is taken."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from app.ui import texts
from app.ui.settings.tab import SettingsTab
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
    sources = [file.read_text(encoding="utf-8") for file in UI.rglob("*.py")]
    for source in (source for source in sources if "from app.ui.texts import text" in source):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "text" and node.args:
                used[ast.literal_eval(node.args[0])] = {keyword.arg for keyword in node.keywords}

    asked = {key: {n for _, n, _, _ in Formatter().parse(said) if n} for key, said in catalogue().items()}
    assert used == asked


def catalogue() -> dict[str, str]:
    return texts.read(texts.ENGLISH)


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A language that says the same in brackets, but for one text that it lacks."""
    file = tmp_path / "brackets.toml"
    said = {key: f"⟦{value}⟧" for key, value in catalogue().items() if key != "settings.proxy.title"}
    file.write_text("\n".join(f"{key} = '''{value}'''" for key, value in said.items()), encoding="utf-8")
    monkeypatch.setenv(texts.FILE_VARIABLE, str(file))
    texts.texts.cache_clear()
    yield
    texts.texts.cache_clear()


async def test_another_language_is_spoken_and_what_it_lacks_is_english(elsewhere, services, paths):
    async with mounted(SettingsTab, services, paths, lambda: None, is_shown=False) as screen:
        said = screen.text()

    assert "⟦How Tunewright looks, where it keeps things, and what it found here.⟧" in said
    assert "⟦This computer⟧" in said
    assert "\nProxy\n" in said


def test_a_file_that_is_none_leaves_it_english_and_the_log_says_so(monkeypatch, caplog, tmp_path):
    (tmp_path / "broken.toml").write_text("[settings\n")
    monkeypatch.setenv(texts.FILE_VARIABLE, str(tmp_path / "broken.toml"))
    texts.texts.cache_clear()

    assert texts.text("settings.title") == "Settings"
    assert "cannot be read" in caplog.text
    texts.texts.cache_clear()
