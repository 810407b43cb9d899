"""The verbs that help with a run, over real services; the words themselves are tested in test_words."""

import csv
import json
from types import SimpleNamespace

import pytest

from app.cli.output import Output
from app.cli.parser import make_parser
from app.cli.verbs import VERBS
from app.domain.errors import StudioError
from app.domain.runs import JobPhase, JobState, RunRequest, Target
from app.services.diagnostics import DiagnosticsService
from tests.services.conftest import ends, step, world, write_events
from trainer_image.config import FINISH_COMMAND, RunConfig
from trainer_image.events import Evaluation, Result

__all__ = ["world"]


@pytest.fixture
def run(world):
    session = world.library.ensure_sample()
    return world.training.start(
        RunRequest(RunConfig(base_model="owner/model"), Target.LOCAL, session_id=session.id)
    )


@pytest.fixture
def say(world, capsys):
    """Does what the words say; returns exit code and what was printed."""
    diagnostics = DiagnosticsService(world.monitoring, world.secrets, world.home / "exports")
    services = SimpleNamespace(training=world.training, monitoring=world.monitoring, diagnostics=diagnostics)

    def said(*words: str) -> tuple[int, str]:
        args = make_parser().parse_args(words)
        code = VERBS[args.verb, getattr(args, "noun", None)](services, args, Output(as_json=args.json))
        return code, capsys.readouterr().out

    return said


def test_a_run_is_asked_to_finish_with_its_best_model(say, run):
    code, out = say("runs", "finish", run.id)

    assert (code, (run.folder / FINISH_COMMAND).is_file()) == (0, True)
    assert "the model measured best" in out


def test_the_numbers_of_a_run_are_written_and_nothing_is_replaced_unasked(say, run, tmp_path):
    write_events(run, step(1, 2.0), Evaluation(step=1, loss=1.5, best=True), step(2, 1.0))
    file = tmp_path / "curve.csv"

    assert say("runs", "curve", run.id, str(file))[0] == 0

    with file.open(newline="") as lines:
        assert [(r["step"], r["validation_loss"]) for r in csv.DictReader(lines)] == [("1", "1.5"), ("2", "")]
    with pytest.raises(StudioError, match="is there already"):
        say("runs", "curve", run.id, str(file))
    assert say("runs", "curve", run.id, str(file), "--force")[0] == 0


def test_why_a_run_failed_is_told_with_what_to_do_next(say, run, world):
    problem = Result(status="failed", message="There is not enough memory for this run.")
    ends(world, run, JobState(JobPhase.EXITED, 1), problem)

    _, out = say("runs", "diagnose", run.id)
    _, told = say("runs", "diagnose", run.id, "--zip", "--json")

    assert "Next: Retry with 1 row at once instead of 2." in out
    assert "## Config" in out
    assert json.loads(told)["trouble"]["tree"] == "memory"
    assert json.loads(told)["file"].endswith("-diagnostics.zip")


def test_a_job_command_is_put_right_and_the_exit_code_says_that_there_was_something(say):
    code, out = say("jobs", "check", "hf jobs run uv --timeout 1h train.py")

    assert code == 1
    assert "Better: hf jobs uv run --timeout 1h train.py" in out
    assert say("jobs", "check", "hf jobs uv run --timeout 1h train.py")[0] == 0
