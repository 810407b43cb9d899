"""The list of breaks that `scripts/mutate.py` tries stays true to the code it breaks."""

import importlib.util
import re
import sys

import pytest

from tests.docker_engine import CHECKOUT


def _mutate():
    spec = importlib.util.spec_from_file_location("mutate", CHECKOUT / "scripts" / "mutate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutate"] = module
    spec.loader.exec_module(module)
    return module


BREAKS = _mutate().read_breaks()


GUARDS = {one.test.partition("[")[0] for one in BREAKS}


def test_no_promise_is_listed_twice():
    promises = [one.promise for one in BREAKS]

    assert sorted(set(promises)) == sorted(promises)


def test_every_folder_of_tests_guards_a_promise():
    folders = {file.relative_to(CHECKOUT).parts[1] for file in CHECKOUT.glob("tests/*/**/test_*.py")}

    assert folders - {guard.split("/")[1] for guard in GUARDS if "/" in guard} == set()


def test_every_browser_test_guards_a_promise():
    tests = {
        f"tests/e2e/{file.name}::{name}"
        for file in CHECKOUT.glob("tests/e2e/test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }

    assert tests - GUARDS == set()


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.promise)
def test_its_snippet_stands_in_its_file_once_and_its_test_exists(one):
    content = (CHECKOUT / one.file).read_text()
    file, _, name = one.test.partition("::")

    assert content.count(one.original) == 1
    assert one.broken != one.original
    if one.test != "lint-imports":
        assert f"def {name.partition('[')[0]}(" in (CHECKOUT / file).read_text()
