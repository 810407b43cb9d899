"""Dockerfile.trainer as text: what the oldest builder understands, and what must never get into an image."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.docker_engine import CHECKOUT
from trainer_image.network import NO_TELEMETRY

DOCKERFILE = (CHECKOUT / "Dockerfile.trainer").read_text()
INSTRUCTIONS = re.findall(
    r"^([A-Z]+) ((?:.*\\\n)*.*)", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.M), flags=re.M
)


def arguments(instruction: str) -> list[str]:
    return [text for name, text in INSTRUCTIONS if name == instruction]


def test_the_builder_of_docker_20_understands_every_instruction():
    assert not re.search(r"^#\s*(syntax|escape|check)\s*=", DOCKERFILE, flags=re.M | re.I)
    assert not [text for text in arguments("RUN") if text.lstrip().startswith("--")]
    assert not [
        text
        for name in ("COPY", "ADD")
        for text in arguments(name)
        if re.search(r"--(chmod|link|parents)", text)
    ]
    assert "<<" not in "".join(text for _, text in INSTRUCTIONS)


def test_cuda_is_the_default_and_both_variants_share_base_and_steps():
    assert set(arguments("ARG")) >= {"BASE=python:3.11-slim", "VARIANT=cuda"}
    assert "VARIANT=cpu" not in arguments("ARG")
    assert arguments("FROM") == ["${BASE} AS packages", "${BASE}"]


def test_no_argument_or_variable_can_carry_a_secret_into_the_image():
    names = [text.split("=")[0] for text in arguments("ARG")]
    names += re.findall(r"(\w+)=", " ".join(arguments("ENV")))

    assert not [name for name in names if re.search(r"TOKEN|KEY|SECRET|PASSW|CRED", name, flags=re.I)]


def test_whoever_starts_the_image_by_hand_reports_to_nobody_either():
    said = dict(pair.split("=", 1) for text in arguments("ENV") for pair in re.findall(r"\w+=\S+", text))

    assert said.items() >= NO_TELEMETRY.items()


def test_no_package_index_and_no_certificate_is_named():
    assert "://" not in DOCKERFILE
    assert not re.search(r"pip\.conf|--cert|\.pem|\.crt|--trusted-host", DOCKERFILE)


def test_the_code_comes_after_everything_that_is_slow_to_make():
    order = [name if name != "COPY" else text for name, text in INSTRUCTIONS]
    code = order.index("trainer_image /opt/studio/trainer_image")

    assert code > order.index("--from=packages /opt/venv /opt/venv")
    assert len([name for name in order[code:] if name == "RUN"]) == 1


def test_only_the_trainer_gets_into_the_build_context():
    rules = [
        line
        for line in (CHECKOUT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]

    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {"!trainer_image", "!wheels"}


def test_nothing_is_put_where_a_pods_volume_is_mounted():
    assert "/workspace" not in "".join(text for name, text in INSTRUCTIONS if name != "ENTRYPOINT")
    assert not arguments("VOLUME")


def started(*arguments: str, tmp_path: Path, **environment: str) -> list[str]:
    """What the entry point becomes, told by a stand-in for Python."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    script = [str(CHECKOUT / "trainer_image" / "start.sh"), *arguments]
    path = f"{tmp_path}:{os.environ['PATH']}"
    told = subprocess.run(["sh", *script], env={"PATH": path, **environment}, capture_output=True, check=True)
    return told.stdout.decode().split()


def test_the_entry_point_is_the_supervisor_in_a_pod_only(tmp_path: Path):
    train = "/opt/studio/trainer_image/train.py"
    run = ("--run-dir", "/data/a b")

    assert started(tmp_path=tmp_path, STUDIO_TOKEN_SHA256="0") == ["-u", "-P", "-m", "trainer_image.pod"]
    assert started(tmp_path=tmp_path) == [train, "--help"]
    assert started(*run, tmp_path=tmp_path, STUDIO_TOKEN_SHA256="0")[:2] == [train, "--run-dir"]
