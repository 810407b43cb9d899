"""The list of breaks that `scripts/mutate.py` tries stays true to the code it breaks."""

import importlib.util
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


def test_there_are_breaks_for_at_least_forty_promises():
    assert len({one.promise for one in BREAKS}) >= 40


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.promise)
def test_its_snippet_stands_in_its_file_once_and_its_test_exists(one):
    content = (CHECKOUT / one.file).read_text()
    file, _, name = one.test.partition("::")

    assert content.count(one.original) == 1
    assert one.broken != one.original
    if one.test != "lint-imports":
        assert f"def {name.partition('[')[0]}(" in (CHECKOUT / file).read_text()
