"""Runs as scripts for Hugging Face Jobs: what is in them, and what is refused."""

import base64
import gzip
import io
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from app.domain.errors import StudioError
from app.domain.job_scripts import dependencies, job_command
from app.domain.previews import PreviewError
from app.domain.runs import RunRequest, Target
from app.paths import Paths
from app.services.job_scripts import JobScriptService
from tests.preflight.known import KnownTrainer
from trainer_image.config import HubDataset, Push, RunConfig

CONFIG = RunConfig(
    base_model="Qwen/Qwen2.5-0.5B-Instruct",
    dataset=HubDataset(repo="tatsu-lab/alpaca"),
    push=Push(repo_id="me/rivers"),
    logging={"trackio_project": "rivers"},
)


@pytest.fixture
def trainer() -> KnownTrainer:
    return KnownTrainer()


@pytest.fixture
def scripts(world, tmp_path: Path, trainer) -> JobScriptService:
    return JobScriptService(world.library, Paths(tmp_path).trainer, trainer.estimate)


def written(scripts: JobScriptService, path: Path, config: RunConfig = CONFIG, **request: object) -> str:
    scripts.write(RunRequest(config, Target.LOCAL, **request), path, flavor="a10g-large", timeout="6h")
    return path.read_text(encoding="utf-8")


def header(script: str) -> dict:
    """As PEP 723 says to read it."""
    block = re.search(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$", script)
    assert block
    lines = block["content"].splitlines()
    return tomllib.loads("\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines))


def test_its_head_names_what_to_install_at_the_trainers_versions(scripts, tmp_path):
    head = header(written(scripts, tmp_path / "job.py"))

    assert head["requires-python"] == ">=3.11"
    assert {"torch==2.13.0", "transformers==5.17.0", "trl==1.14.2", "pillow", "trackio>=0.43"} <= set(
        head["dependencies"]
    )
    assert not any("flash" in name for name in head["dependencies"])


def test_a_logger_nobody_asked_for_is_not_installed():
    names = dependencies(
        CONFIG.model_copy(update={"logging": CONFIG.logging.model_copy(update={"trackio_project": None})}), []
    )

    assert not any(name.startswith(("trackio", "wandb", "mlflow", "tensorboard")) for name in names)


def test_it_carries_the_whole_trainer_and_no_token(scripts, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_this_person")

    script = written(scripts, tmp_path / "job.py")

    packed = re.search(r'TRAINER = """\n(.*?)"""', script, re.S)
    assert packed
    names = zipfile.ZipFile(io.BytesIO(base64.b64decode(packed[1]))).namelist()
    assert {"trainer_image/train.py", "trainer_image/methods/osft.py"} <= set(names)
    assert "hf_of_this_person" not in script
    assert "login(" not in script


def test_the_rows_of_a_session_are_in_it(scripts, world, tmp_path):
    session = world.library.ensure_sample()
    config = RunConfig(base_model="owner/model", push=Push(repo_id="me/rivers"))

    script = written(scripts, tmp_path / "job.py", config, session_id=session.id)

    packed = re.search(r'ROWS = """\n(.*?)"""', script, re.S)
    assert packed
    assert len(gzip.decompress(base64.b64decode(packed[1])).splitlines()) == session.row_count


def test_options_stand_before_the_script_and_the_secret_has_no_value():
    told = "hf jobs uv run --flavor a100-large --timeout 90m --secrets HF_TOKEN job.py"

    assert job_command("job.py", flavor="a100-large", timeout="90m") == told.split()


@pytest.mark.parametrize(
    ("flavor", "timeout"), [("a10g large", "6h"), ("a10g-large", ""), ("a10g-large", "6")]
)
def test_what_is_no_flavor_or_no_time_is_refused(flavor, timeout):
    with pytest.raises(StudioError):
        job_command("job.py", flavor=flavor, timeout=timeout)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"push": None}, "name a repository"),
        ({"base_model": "tunewright/tiny"}, "cannot see this computer's folders"),
        ({"base_model": "/models/mine"}, "cannot see this computer's folders"),
        ({"offline": True}, "offline mode is on"),
    ],
)
def test_what_cannot_be_a_job_is_refused_with_the_reason(scripts, tmp_path, change, reason):
    config = RunConfig.model_validate(CONFIG.model_dump() | change)

    with pytest.raises(StudioError) as refusal:
        written(scripts, tmp_path / "job.py", config)

    assert reason in refusal.value.hint
    assert not (tmp_path / "job.py").exists()


def test_a_model_that_a_run_would_refuse_is_refused_in_the_same_words(scripts, tmp_path, trainer):
    trainer.fail_with = PreviewError("bert (BertForMaskedLM) is an encoder.", "Choose another.")
    trainer.fail_with.is_refusal = True

    with pytest.raises(StudioError, match=r"bert \(BertForMaskedLM\) is an encoder") as refusal:
        written(scripts, tmp_path / "job.py")

    assert refusal.value.hint == "Choose another."
    assert trainer.asked[0][0].base_model == CONFIG.base_model
    assert not (tmp_path / "job.py").exists()


def test_a_model_that_could_not_be_looked_at_is_said_and_the_script_is_there(scripts, tmp_path, trainer):
    request = RunRequest(CONFIG, Target.LOCAL)
    known = scripts.write(request, tmp_path / "known.py", flavor="a10g-large", timeout="6h")
    trainer.fail_with = PreviewError("The Hugging Face Hub could not be reached.")

    unknown = scripts.write(request, tmp_path / "job.py", flavor="a10g-large", timeout="6h")

    assert known.caution == ""
    assert "was not looked at: The Hugging Face Hub could not be reached." in unknown.caution
    assert (tmp_path / "job.py").is_file()
