"""Dockerfile.trainer as text: what the oldest builder understands, and what must never get into an image."""

from __future__ import annotations

import re

from tests.docker_engine import CHECKOUT

DOCKERFILE = (CHECKOUT / "Dockerfile.trainer").read_text()
INSTRUCTIONS = re.findall(
    r"^([A-Z]+) (.*(?:\\\n.*)*)", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.M), flags=re.M
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
