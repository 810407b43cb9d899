"""What a pasted `hf jobs` command would do wrong."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.errors import StudioError
from app.domain.hf_jobs import _ALONE, _WITH_VALUE, lint_command

GOOD = "hf jobs uv run --flavor a10g-small --timeout 3h --secrets HF_TOKEN train.py --epochs 3"


def rules(command: str) -> list[str]:
    return [finding.rule for finding in lint_command(command).findings]


def test_a_good_command_stays_as_it_is():
    linted = lint_command(GOOD)

    assert linted.findings == ()
    assert linted.command == GOOD


FLAGS = "--flavor a10g-small --timeout 3h --secrets HF_TOKEN"


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        (f"hf jobs run uv {FLAGS} train.py --epochs 3", "verb-order"),
        (f"hf jobs uv run train.py --epochs 3 {FLAGS}", "flag-after-script"),
        (GOOD.replace("--secrets", "--secret"), "flag-name"),
        (GOOD.replace("HF_TOKEN", "HF_TOKEN=$HF_TOKEN"), "secret-value"),
    ],
)
def test_each_known_mistake_is_named_and_put_right(command, rule):
    linted = lint_command(command)

    assert [finding.rule for finding in linted.findings] == [rule]
    assert shlex.split(linted.command)[:4] == ["hf", "jobs", "uv", "run"]
    assert rules(linted.command) == []
    assert sorted(shlex.split(linted.command)) == sorted(shlex.split(GOOD))


def test_a_token_is_taken_out_and_never_repeated():
    linted = lint_command(
        "hf jobs uv run --timeout 1h --secrets HF_TOKEN=hf_abcdefghijklmnop --env WANDB_API_KEY=0123456789 "
        "--token hf_qrstuvwxyzabcdef train.py"
    )

    said = linted.command + " ".join(finding.message for finding in linted.findings)
    assert [f.rule for f in linted.findings] == ["secret-value", "secret-in-env", "token-in-command"]
    assert not [piece for piece in ("abcdefghijklmnop", "0123456789", "qrstuvwxyz") if piece in said]
    assert "--secrets HF_TOKEN --secrets WANDB_API_KEY train.py" in linted.command


def test_a_job_without_a_time_limit_is_told_of_the_usual_one():
    assert rules("hf jobs uv run train.py") == ["no-timeout"]


def test_arguments_of_the_script_stay_its_own():
    linted = lint_command("hf jobs uv run --timeout 1h train.py -e 3 --name x --timeout-ms 5")

    assert linted.findings == ()
    assert linted.command.endswith("train.py -e 3 --name x --timeout-ms 5")


def test_a_job_that_is_not_found_is_looked_up_in_its_namespace():
    assert rules("hf jobs logs 12345") == ["job-not-found"]


@pytest.mark.parametrize("text", ["rm -rf /", "hf download x", "hf jobs run 'open", ""])
def test_what_is_no_such_command_is_refused_with_a_sentence(text):
    with pytest.raises(StudioError):
        lint_command(text)


def test_its_flags_are_those_of_the_installed_program():
    hf = Path(sys.executable).with_name("hf")
    shown = subprocess.run([hf, "jobs", "uv", "run", "--help"], capture_output=True, text=True, check=True)

    words = set(shown.stdout.replace(",", " ").split())
    assert not (_WITH_VALUE | _ALONE) - words
