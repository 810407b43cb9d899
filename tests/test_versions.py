"""One set of versions for this computer and for the trainer's image."""

from __future__ import annotations

import tomllib

from tests.docker_engine import CHECKOUT
from trainer_image import sinks


def pins(name: str) -> dict[str, str]:
    lines = (CHECKOUT / "trainer_image" / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def test_the_image_installs_the_versions_of_this_computer():
    # The cuda variant replaces torch alone: Unsloth's CUDA builds stop at 2.12.1.
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = dict(line.split("==") for line in project["optional-dependencies"]["local"])
    pydantic = next(line for line in project["dependencies"] if line.startswith("pydantic"))

    requirements = (CHECKOUT / "trainer_image" / "requirements.txt").read_text().splitlines()

    assert {"-r constraints.txt", "-r requirements-loggers.txt", pydantic} <= set(requirements)
    assert wanted.items() <= pins("constraints.txt").items()
    assert not set(pins("requirements-cuda.txt")) & set(wanted)


def test_the_image_carries_every_logger_the_larger_ones_with_cuda_only():
    def packages(name: str) -> set[str]:
        lines = (CHECKOUT / "trainer_image" / name).read_text().splitlines()
        return {line.partition(">=")[0] for line in lines if ">=" in line and not line.startswith("#")}

    assert packages("requirements-loggers.txt") == {"tensorboard", "trackio"}
    assert {"wandb", "mlflow-skinny"} <= packages("requirements-cuda.txt")
    assert set(sinks._NAMES) == {"tensorboard", "trackio", "wandb", "mlflow"}
