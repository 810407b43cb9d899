"""What the trainer says it can do here, without loading what it would do it with."""

import json
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from trainer_image import doctor, machine

from . import tiny

METHODS = ["sft", "osft", "lora", "qlora_4bit", "qlora_8bit"]


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A computer with these packages and GPUs."""

    def make(*, missing: Collection[str] = (), gpus: int = 0) -> dict[str, Any]:
        monkeypatch.setattr(machine, "is_installed", lambda name: name not in missing)
        monkeypatch.setattr(doctor, "_gpus", lambda: ["A card"] * gpus)
        return doctor.examine()

    return make


def can_run(part: dict[str, Any]) -> list[str]:
    assert all(bool(verdict["why_not"]) is not verdict["can_run"] for verdict in part.values())
    return [name for name, verdict in part.items() if verdict["can_run"]]


def test_on_a_cpu_every_method_runs_and_the_backends_that_need_a_gpu_say_so(computer: Any) -> None:
    found = computer()

    assert can_run(found["methods"]) == METHODS
    assert can_run(found["backends"]) == ["native"]
    assert "no NVIDIA GPU" in found["backends"]["unsloth"]["why_not"]
    assert can_run(found["several_gpus"]) == ["ddp", "fsdp"]
    assert found["device"]["kind"] == "cpu"


def test_one_gpu_opens_the_backends_and_two_what_needs_several(computer: Any) -> None:
    one, two = computer(gpus=1), computer(gpus=2)

    assert can_run(one["backends"]) == ["native", "unsloth", "instructlab-training", "mini-trainer"]
    assert can_run(one["several_gpus"]) == []
    assert can_run(two["several_gpus"]) == ["ddp", "fsdp", "model_splitting"]
    assert (two["device"]["kind"], two["device"]["name"], len(two["device"]["gpus"])) == ("cuda", "A card", 2)


def test_what_lacks_a_package_names_it(computer: Any) -> None:
    found = computer(missing={"peft", "bitsandbytes", "instructlab"}, gpus=1)

    assert can_run(found["methods"]) == ["sft", "osft"]
    assert "peft, bitsandbytes" in found["methods"]["qlora_4bit"]["why_not"]
    assert "instructlab-training is not installed" in found["backends"]["instructlab-training"]["why_not"]


def test_the_command_prints_it_and_loads_no_training_library(tmp_path: Path) -> None:
    asked = f"""
import sys
sys.argv = ["train.py", "--doctor"]
sys.path.insert(0, {str(tiny.TRAIN.parents[1])!r})
from trainer_image import train
code = train.main(["--doctor"])
print(code, [name for name in ("torch", "transformers", "unsloth") if name in sys.modules], file=sys.stderr)
"""

    ran = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=tmp_path,
        env=tiny.environment(CUDA_VISIBLE_DEVICES=""),
        capture_output=True,
        text=True,
        check=True,
    )

    found = json.loads(ran.stdout)
    assert list(found["methods"]) == METHODS
    assert found["versions"]["python"]
    assert ran.stderr.strip() == "0 []"
    assert list(tmp_path.iterdir()) == []
