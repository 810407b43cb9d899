"""What `make test` says at its end: in CI nothing may be left out, elsewhere it is told in one line."""

import importlib.util
import sys

import pytest

from tests.docker_engine import CHECKOUT


@pytest.fixture
def runner(monkeypatch):
    spec = importlib.util.spec_from_file_location("run_tests", CHECKOUT / "scripts" / "run_tests.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_tests", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("in_ci", "code"), [(False, 0), (True, 1)])
@pytest.mark.parametrize(
    "gap", [{"left_out": "no Docker engine: install Docker"}, {"passed": 3, "skipped": 1}]
)
def test_what_is_left_out_or_skipped_is_told_and_fails_in_ci_only(
    runner, monkeypatch, capsys, in_ci, code, gap
):
    monkeypatch.setattr(runner, "CI", in_ci)

    assert runner.summarise([runner.Outcome("docker", **gap)], 1.0) == code
    assert "1 skipped" in (said := capsys.readouterr().out) or "left out: no Docker engine" in said


def test_a_failed_test_fails_everywhere(runner, monkeypatch):
    monkeypatch.setattr(runner, "CI", False)

    assert runner.summarise([runner.Outcome("fast", passed=9, failed=1)], 1.0) == 1


def test_a_stage_that_left_no_result_has_failed(runner, monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "RESULTS", tmp_path)

    assert runner.read_result("fast", 1.0).failed == 1
