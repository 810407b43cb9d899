"""Two processes under torchrun train as one does."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from trainer_image.config import SAVE_COMMAND
from trainer_image.events import CheckpointSaved, Plan, Started

from . import tiny

pytestmark = pytest.mark.training


@pytest.mark.skipif(sys.platform == "win32", reason="gloo under torchrun")
def test_two_processes_have_the_loss_curve_of_one(tiny_model: Path, tmp_path: Path) -> None:
    lines = [
        json.dumps({"prompt": f"What is {n}?", "completion": "It is " + "so " * (n % 7)}) for n in range(32)
    ]
    both = {"lines": lines, "num_epochs": 2, "validation": "off", "save_steps": 4}
    alone = tiny.make_run(tmp_path / "one", tiny_model, **both, gradient_accumulation_steps=4)
    together = tiny.make_run(tmp_path / "two", tiny_model, **both, gradient_accumulation_steps=2)
    (together / SAVE_COMMAND).parent.mkdir()
    (together / SAVE_COMMAND).touch()
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", "--standalone"]

    process = subprocess.run(
        [sys.executable, *torchrun, str(tiny.TRAIN), "--run-dir", str(together)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env=tiny.environment(),
    )

    one, two = tiny.run(alone), tiny.Ran(together, process.returncode, process.stdout)
    assert process.returncode == 0, process.stdout + process.stderr
    assert len(two.of(Started)) == 1
    assert two.of(Plan)[0].effective_batch_size == one.of(Plan)[0].effective_batch_size == 8
    assert [saved.step for saved in two.of(CheckpointSaved)] == [1, 4, 8]
    assert tiny.losses(one).keys() == tiny.losses(two).keys()
    for step, loss in tiny.losses(one).items():
        assert math.isclose(tiny.losses(two)[step], loss, rel_tol=1e-5)
    assert (together / "output" / "model.safetensors").is_file()
    assert two.result.status == "finished"
