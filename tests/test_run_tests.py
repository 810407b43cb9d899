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


def test_a_stage_that_runs_beside_others_is_counted_and_tells_what_it_said(
    runner, monkeypatch, tmp_path, capfd
):
    monkeypatch.setattr(runner, "RESULTS", tmp_path)
    suite = '<testsuites><testsuite tests="3" failures="1" time="2"/></testsuites>'
    program = f"import pathlib; print('one has failed'); pathlib.Path('training.xml').write_text('{suite}')"
    monkeypatch.setattr(runner, "command_of", lambda stage, marks: [sys.executable, "-c", program])
    monkeypatch.chdir(tmp_path)

    with runner.beside("training") as outcomes:
        print("the other stage")

    assert [(one.passed, one.failed) for one in outcomes] == [(2, 1)]
    said = capfd.readouterr().out
    assert said.index("the other stage") < said.index("one has failed")


def test_a_stage_that_breaks_down_beside_others_has_failed(runner, monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "RESULTS", tmp_path)
    monkeypatch.setattr(runner, "command_of", lambda stage, marks: [sys.executable, "-c", "raise OSError"])

    with runner.beside("training") as outcomes:
        pass

    assert [(one.passed, one.failed) for one in outcomes] == [(0, 1)]
