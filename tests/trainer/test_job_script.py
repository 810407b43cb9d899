"""The script for Hugging Face Jobs, run as a job runs it: alone, in a folder of its own."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.job_scripts import job_script
from app.services.job_scripts import packed_trainer
from trainer_image.config import RunConfig

from . import tiny
from .test_publishing import Hub, hub  # noqa: F401


def script_for(tmp_path: Path, model: Path) -> Path:
    config = tiny.make_run(
        tmp_path / "made", model, push={"repo_id": "me/rivers"}, max_steps=2, offline=False
    )
    path = tmp_path / "job.py"
    text = job_script(
        RunConfig.model_validate_json((config / "config.json").read_text()),
        title='A "title"',
        command=["hf", "jobs", "uv", "run", "job.py"],
        pinned=["torch==2.13.0"],
        trainer=packed_trainer(tiny.TRAIN.parent),
        rows=gzip.compress((config / "data" / "train.jsonl").read_bytes()),
    )
    path.write_text(text)
    return path


def run(script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("HF_TOKEN", "PYTHONPATH")}
    return subprocess.run(
        [sys.executable, "-P", script.name],
        check=False,
        cwd=script.parent,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.training
def test_it_trains_and_pushes_the_result(tiny_model: Path, tmp_path: Path, hub: Hub) -> None:  # noqa: F811
    ran = run(script_for(tmp_path, tiny_model), HF_TOKEN="hf_of_the_job", HF_ENDPOINT=hub.address)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert hub.repositories == {"me/rivers": True}
    assert "model.safetensors" in hub.files
    assert "hf_of_the_job" not in ran.stdout + ran.stderr


def test_without_a_token_it_ends_at_once_and_says_how_to_start_it(tiny_model: Path, tmp_path: Path) -> None:
    ran = run(script_for(tmp_path, tiny_model))

    assert ran.returncode == 2
    assert "--secrets HF_TOKEN" in ran.stdout
