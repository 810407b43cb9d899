"""The main job from the terminal: real training of the bundled model, stop, resume, kill, chat."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Shell
from trainer_image.rows import Row, read_jsonl

pytestmark = pytest.mark.training

SAMPLE = ROOT / "assets/sample/ferry-help-desk.jsonl"
QUESTIONS = [
    "Which harbour does Saltby have?",
    "Which inn is there on Quill?",
    "Which dish is Penhale known for?",
]


def setup_file(folder: Path, **changes) -> Path:
    """The Quick local test on the sample's file, changed."""
    config = {
        "base_model": "tunewright/tiny",
        "learning_rate": 2e-4,
        "per_device_batch_size": 2,
        "gradient_accumulation_steps": 1,
        "max_steps": 50,
        **changes,
    }
    path = folder / "setup.json"
    path.write_text(json.dumps({"file": str(SAMPLE), "config": config}))
    return path


@pytest.fixture(scope="module")
def finished(shell: Shell, tmp_path_factory):
    """A followed Quick local test: what it printed, and the run as it ended."""
    path = setup_file(tmp_path_factory.mktemp("setup"))
    lines = [
        json.loads(line)
        for line in shell.ok("train", "--config", str(path), "--follow", "--json").splitlines()
    ]
    return lines, lines[-1]["run"]


def test_a_followed_run_reports_every_step_and_its_end(finished):
    lines, run = finished

    assert [line["step"] for line in lines if line["type"] == "metrics"] == list(range(1, 51))
    assert (run["status"], run["step"], run["output_kind"]) == ("finished", 50, "adapter")


def test_the_model_visibly_learns(finished):
    losses = [line["loss"] for line in finished[0] if line["type"] == "metrics"]

    assert sum(losses[:3]) / 3 > 5 * sum(losses[-10:]) / 10


def test_the_tuned_model_answers_as_the_data_does_and_the_base_does_not(shell: Shell, finished):
    answers = {}
    for row in read_jsonl(SAMPLE):
        assert isinstance(row, Row)
        answers[row.messages[0]["content"]] = row.messages[1]["content"]

    def ask(question, *words):
        words = ("--preset", "Deterministic", *words)
        return shell.json("chat", finished[1]["id"], "--prompt", question, *words)["answer"].strip()

    tuned = [ask(question) for question in QUESTIONS]

    assert sum(answer == answers[q] for q, answer in zip(QUESTIONS, tuned, strict=True)) >= 2
    assert ask(QUESTIONS[0], "--base") != tuned[0]


def test_log_metrics_and_timeline_can_be_read_afterwards(shell: Shell, finished):
    run = finished[1]["id"]

    assert len(shell.json("runs", "metrics", run)) == 50
    assert len(shell.json("runs", "metrics", run, "--after", "45")) == 5
    assert "Reading the data" in shell.ok("runs", "show", run)
    assert shell.ok("runs", "log", run).strip()
    assert shell.json("runs", "list")[0]["id"] == run


def wait_for_step(shell: Shell, run: str, step: int) -> None:
    while shell.json("runs", "show", run)["run"]["step"] < step:
        time.sleep(0.2)


def test_stop_and_save_keeps_what_was_learned_and_resume_ends_what_was_begun(shell: Shell, tmp_path):
    path = setup_file(tmp_path, max_steps=200, save_steps=100, validation="off")
    run = shell.json("train", "--config", str(path))["run"]["id"]
    wait_for_step(shell, run, 5)

    stopped = shell.json("runs", "stop", run, "--save")
    marker = json.loads((Path(stopped["folder"]) / stopped["checkpoint"] / "COMPLETE.json").read_text())
    again = shell.start("runs", "resume", run, "--follow", "--json")
    again.communicate(timeout=240)

    assert stopped["status"] == "stopped"
    assert marker["step"] == stopped["step"]
    assert stopped["checkpoint"] == f"checkpoints/samples_{marker['samples_seen']}"
    assert again.returncode == 0
    steps = [metric["step"] for metric in shell.json("runs", "metrics", run)]
    assert steps == list(range(1, 201))


def test_a_followed_run_that_is_stopped_exits_with_three(shell: Shell, tmp_path):
    path = setup_file(tmp_path, max_steps=5000, validation="off")
    follower = shell.start("train", "--config", str(path), "--follow", "--json")
    assert follower.stdout
    follower.stdout.readline()
    [run] = [r["id"] for r in shell.json("runs", "list") if r["status"] == "running"]

    shell.ok("runs", "stop", run)
    follower.communicate(timeout=60)

    assert follower.returncode == 3


def test_a_killed_follower_leaves_the_run_going_and_nothing_is_missing(shell: Shell, tmp_path):
    path = setup_file(tmp_path, max_steps=120, validation="off")
    follower = shell.start("train", "--config", str(path), "--follow", "--json")
    assert follower.stdout
    while '"metrics"' not in follower.stdout.readline():
        pass
    follower.send_signal(signal.SIGKILL)
    follower.communicate()

    [run] = [r["id"] for r in shell.json("runs", "list") if r["status"] == "running"]
    shell.ok("runs", "log", run, "--follow")

    assert shell.json("runs", "show", run)["run"]["status"] == "finished"
    assert [m["step"] for m in shell.json("runs", "metrics", run)] == list(range(1, 121))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"base_model": "/nowhere"}, "/nowhere"), ({"max_seq_len": 2}, "max")],
)
def test_a_run_that_cannot_work_fails_with_a_sentence(shell: Shell, tmp_path, changes, words):
    code, out, err = shell.run("train", "--config", str(setup_file(tmp_path, **changes)), "--follow")

    assert code == 1
    assert words in out + err
    assert "Traceback" not in out + err


def test_the_tuned_model_is_compared_to_its_base_on_the_questions_it_learnt(finished, shell: Shell, tmp_path):
    run = finished[1]["id"]
    target = tmp_path / "compared.jsonl"
    words = [word for question in QUESTIONS[:2] for word in ("--prompt", question)]

    shell.ok("compare", f"run:{run}", f"run:{run}#base", *words, "--temperature", "0", "--to", str(target))

    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["prompt"] for row in rows] == QUESTIONS[:2]
    assert all(row["first"] != row["second"] for row in rows)
