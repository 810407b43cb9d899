"""The verbs that help with a run, over real services; the words themselves are tested in test_words."""

import csv
import hashlib
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
from trainer_image.config import CHECKPOINTS_DIR, FINISH_COMMAND, RunConfig
from trainer_image.events import CheckpointSaved, Evaluation, Result

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
    diagnostics = DiagnosticsService(
        world.monitoring, world.secrets, world.home / "exports", app_log=world.home / "tunewright.log"
    )
    services = SimpleNamespace(
        training=world.training,
        monitoring=world.monitoring,
        diagnostics=diagnostics,
        history=world.history,
    )

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


def test_a_run_gets_another_name_and_a_note_that_stays_and_goes(say, run, world):
    say("runs", "rename", run.id, "the  first")
    say("runs", "note", run.id, "rate too high")

    assert world.monitoring.find("the first").note == "rate too high"
    assert say("runs", "note", "the first")[1] == "rate too high\n"
    assert "no note" in say("runs", "note", run.id, "")[1]


def test_checkpoints_are_listed_and_one_of_them_is_gone_on_from(say, run, world):
    for name, number in (("samples_4", 1), ("samples_8", 2)):
        checkpoint(run, name, number)
    (run.folder / CHECKPOINTS_DIR / "samples_4" / "model.safetensors").unlink()
    write_events(run, CheckpointSaved(time=0, step=2, path=f"{CHECKPOINTS_DIR}/samples_8", samples_seen=8))
    ends(world, run, JobState(JobPhase.EXITED, 1))

    listed = say("runs", "checkpoints", run.id)[1]
    with pytest.raises(
        StudioError, match=r"from samples_4: its file model\.safetensors is damaged or missing"
    ):
        say("runs", "resume", run.id, "--checkpoint", "samples_4")
    say("runs", "resume", run.id, "--checkpoint", "samples_8")

    assert listed.index("samples_8") < listed.index("samples_4")
    assert "its file model.safetensors is damaged or missing" in listed
    assert world.launcher.job(run).resume_from == "samples_8"


def test_checksums_of_checkpoints_are_compared_when_asked(say, run, world):
    for name, number in (("samples_4", 1), ("samples_8", 2)):
        checkpoint(run, name, number)
    (run.folder / CHECKPOINTS_DIR / "samples_8" / "model.safetensors").write_bytes(b"weighty")
    ends(world, run, JobState(JobPhase.EXITED, 1))

    listed = say("runs", "checkpoints", run.id)[1]
    compared = say("runs", "checkpoints", run.id, "--sums")[1]

    assert "not as it was written" not in listed
    assert "its file model.safetensors is not as it was written" in compared
    assert "yes, checksums right" in compared


def checkpoint(run, name: str, number: int) -> None:
    folder = run.folder / CHECKPOINTS_DIR / name
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    marker = {
        "step": number,
        "files": {"model.safetensors": 7},
        "samples_seen": 4 * number,
        "saved_at": number,
        "sums": {"model.safetensors": hashlib.sha256(b"weights").hexdigest()},
    }
    (folder / "COMPLETE.json").write_text(json.dumps(marker))


def test_another_trainers_run_is_looked_at_then_taken_in_and_its_files_are_safe(say, world, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "training_metrics_0.jsonl").write_text('{"step": 3, "loss": 1.5}\n')

    looked = say("runs", "import", str(folder), "--look")[1]
    assert "mini-trainer" in looked
    assert world.monitoring.runs() == []
    say("runs", "import", str(folder))

    [taken] = world.monitoring.runs()
    assert taken.origin == "mini-trainer"
    with pytest.raises(StudioError, match="another trainer's"):
        say("runs", "delete", taken.id, "--files")
    say("runs", "delete", taken.id)
    assert world.monitoring.runs() == []
    assert list(folder.iterdir())


def test_a_run_is_deleted_with_or_without_its_files_and_never_while_it_goes(say, run, world):
    with pytest.raises(StudioError, match="still going"):
        say("runs", "delete", run.id)
    ends(world, run, JobState(JobPhase.EXITED, 0), Result(status="finished", step=1, total_steps=1))

    say("runs", "delete", run.id, "--files")

    assert (run.folder.exists(), world.monitoring.runs()) == (False, [])
