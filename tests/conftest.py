"""What holds for every test."""

import logging
import os
from collections.abc import Iterator

import huggingface_hub.constants  # noqa: F401 - looks at HF_HUB_OFFLINE once: before a test sets it
import pytest
from hypothesis import HealthCheck, settings

from tests.marks import pytest_ignore_collect, pytest_itemcollected
from trainer_image import network

__all__ = ["pytest_ignore_collect", "pytest_itemcollected"]

# Models of tests are so small that a second thread only waits: in the way, where other tests run beside.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# How threads wait is what some of them are about, so what is said of it where they run does not count.
for _name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
    os.environ.pop(_name, None)

# In CI the same examples every time: a change is judged by its own merits. Elsewhere new ones are looked for.
# Nowhere is a slow computer a failure.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    """What a test, or what it calls, puts into the environment ends with it."""
    before = dict(os.environ)
    yield
    network.open_again()
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def _what_was_rented_is_told_with_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Step by step: which one a pod was waited for is not to be guessed."""
    caplog.set_level(logging.INFO, logger="app.services.renting")
