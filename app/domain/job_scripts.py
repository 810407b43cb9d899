"""A run as one Python script for Hugging Face Jobs: its dependencies, the trainer, config and rows inside.

Source: PEP 723 (inline script metadata), https://peps.python.org/pep-0723/, and the guide "Run and manage
Jobs" of huggingface_hub. A job's disk is gone when it ends, so its result must be pushed; a job without a
timeout is ended after half an hour.
"""

import base64
from collections.abc import Sequence
from typing import Final

from app.domain.errors import StudioError
from app.domain.jobs import FLAVOR, TIMEOUT
from trainer_image.config import HubDataset, RunConfig

MOST_ROW_BYTES: Final = 4 * 1024**2
"""Of packed rows inside a script; more belong in a dataset on the Hub."""

_LINE: Final = 76

_SCRIPT: Final = '''# /// script
# requires-python = ">=3.11"
# dependencies = [
{dependencies}
# ]
# ///
"""{title}

Made by Tunewright. Start it with

    {command}
"""

import base64
import gzip
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CONFIG = {config}

# The trainer, a zip; and the rows, JSONL packed by gzip (none: they come from the Hub).
TRAINER = """
{trainer}
"""
ROWS = """
{rows}
"""


def main() -> int:
    if not os.environ.get("HF_TOKEN"):
        print("There is no token to push the result with. Start the job with --secrets HF_TOKEN.")
        return 2
    place = Path(tempfile.mkdtemp(prefix="tunewright-"))
    zipfile.ZipFile(io.BytesIO(base64.b64decode(TRAINER))).extractall(place)
    run = Path(os.environ.get("TUNEWRIGHT_RUN_DIR") or place / "run")
    (run / "data").mkdir(parents=True)
    (run / "config.json").write_text(CONFIG, encoding="utf-8")
    if ROWS.strip():
        (run / "data" / "train.jsonl").write_bytes(gzip.decompress(base64.b64decode(ROWS)))
    return subprocess.call([sys.executable, place / "trainer_image" / "train.py", "--run-dir", run])


if __name__ == "__main__":
    sys.exit(main())
'''


def job_command(script: str, *, flavor: str, timeout: str) -> list[str]:
    """What starts the script as a job. Options stand before the script: what follows it is the script's own.

    The token is named, never given: its value is read from the environment of whoever starts the job.
    Raises StudioError for what is no flavor or no time.
    """
    if not FLAVOR.fullmatch(flavor):
        raise StudioError(f"'{flavor}' is no flavor of a job.", "Give one like a10g-large or a100-large.")
    if not TIMEOUT.fullmatch(timeout):
        raise StudioError(f"'{timeout}' is no time.", "Give a number with s, m, h or d, like 6h.")
    options = ["--flavor", flavor, "--timeout", timeout, "--secrets", "HF_TOKEN"]
    return ["hf", "jobs", "uv", "run", *options, script]


def job_problem(config: RunConfig, *, is_model_a_folder: bool) -> str:
    """Why this run cannot be a job, as a sentence; empty if it can."""
    if is_model_a_folder:
        return "A job cannot see this computer's folders: choose a base model by its name on the Hub."
    if config.push is None:
        return "A job's disk is gone when it ends: name a repository to push the result to."
    if config.offline:
        return "A job works on the Hub, and offline mode is on."
    if config.backend not in ("native", "unsloth") or config.distributed.nnodes not in (None, 1):
        return "A job runs on one computer with the native trainer."
    return ""


def dependencies(config: RunConfig, pinned: Sequence[str]) -> list[str]:
    """What a job must install. `pinned` are lines like "torch==2.13.0". Never flash-attn: it has to be built
    on the spot, and PyTorch's own attention serves."""
    logging = config.logging
    wanted = {
        "pillow": True,  # the processors of Gemma 3
        "trackio>=0.43": bool(logging.trackio_project or logging.trackio_space_id),
        "tensorboard>=2.20": bool(logging.tensorboard_log_dir),
        "wandb>=0.20": bool(logging.wandb_project),
        "mlflow-skinny>=3": bool(logging.mlflow_tracking_uri),
    }
    return [*pinned, "pydantic>=2.10,<3", *(name for name, is_wanted in wanted.items() if is_wanted)]


def job_script(
    config: RunConfig,
    *,
    title: str,
    command: Sequence[str],
    pinned: Sequence[str],
    trainer: bytes,
    rows: bytes,
) -> str:
    """The whole script. `trainer` is a zip with the package `trainer_image`, `rows` JSONL packed by gzip;
    empty where the config names a Hub dataset."""
    if not isinstance(config.dataset, HubDataset) and not rows:
        raise ValueError("rows are missing")
    return _SCRIPT.format(
        dependencies="\n".join(f'#     "{name}",' for name in dependencies(config, pinned)),
        title=_said(title),
        command=" ".join(command),
        config=repr(config.model_dump_json()),
        trainer=_wrapped(trainer),
        rows=_wrapped(rows),
    )


def _said(text: str) -> str:
    """Text that ends no docstring early."""
    return " ".join(text.replace("\\", "/").replace('"', "'").split())


def _wrapped(content: bytes) -> str:
    text = base64.b64encode(content).decode()
    return "\n".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))
