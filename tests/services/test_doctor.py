"""What works on this computer, in plain sentences."""

import pytest

from app.domain.runs import DockerOptions, Target
from app.services.doctor import DoctorService
from tests.fakes import FakeLauncher
from tests.services.conftest import FixedSecrets


@pytest.fixture
def launchers():
    return {Target.LOCAL: FakeLauncher(), Target.DOCKER: FakeLauncher(), Target.RUNPOD: FakeLauncher()}


def look(home, launchers, *, gpus=(), token=None, has_runpod_key=False):
    doctor = DoctorService(
        home,
        launchers,
        FixedSecrets(token),
        lambda: list(gpus),
        DockerOptions(),
        has_runpod_key=lambda: has_runpod_key,
    )
    return {finding.name: finding for finding in doctor.findings()}


def test_a_computer_that_can_train_has_no_problem(tmp_path, launchers):
    found = look(tmp_path, launchers, gpus=["NVIDIA A, 24 GB"])

    assert "problem" not in {finding.state for finding in found.values()}
    assert found["GPU"].text == "NVIDIA A, 24 GB"


def test_what_a_target_would_refuse_is_passed_on(tmp_path, launchers):
    launchers[Target.LOCAL].problems_found = ["torch is missing."]
    launchers[Target.DOCKER].problems_found = ["Docker is not running."]

    found = look(tmp_path, launchers)

    assert (found["This computer (no Docker)"].state, found["Local (Docker)"].state) == ("problem", "warning")
    assert found["Local (Docker)"].text == "Docker is not running."


def test_who_never_rents_is_not_warned_for_having_no_key(tmp_path, launchers):
    launchers[Target.RUNPOD].problems_found = ["There is no key for Runpod."]

    without = look(tmp_path, launchers)["Runpod - Pod"]
    assert (without.state, without.text[:35]) == ("ok", "No key. Only needed to rent GPUs: s")
    assert look(tmp_path, launchers, has_runpod_key=True)["Runpod - Pod"].state == "warning"


def test_a_token_is_found_but_never_said(tmp_path, launchers):
    found = look(tmp_path, launchers, token="hf_secret")

    assert "Found" in found["Hugging Face token"].text
    assert "secret" not in repr(found)
