"""A new user's whole journey in a browser without network: no packet leaves, nobody is asked."""

import json
import os
import subprocess
import sys

import pytest

from tests.cli.test_offline_journey import CUT_OFF, can_be_cut_off, is_here
from tests.e2e.conftest import ROOT
from tests.network.listening import Ear

pytestmark = pytest.mark.browser


def test_with_the_loopback_alone_the_sample_is_trained_on_and_talked_to(tmp_path):
    """App and Chromium are both cut off. What Chromium looks up for itself is not the app's doing."""
    ear = Ear(tmp_path / "ear")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUNEWRIGHT_OFF"))
    }
    is_cut_off = can_be_cut_off()

    done = subprocess.run(
        [
            *(CUT_OFF if is_cut_off else []),
            sys.executable,
            "-m",
            "tests.e2e.journey_without_network",
            tmp_path / "home",
        ],
        cwd=ROOT,
        env=ear.environment(kept),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    account = json.loads(done.stdout.splitlines()[-1])
    assert "at step 4" in account["curve"]
    assert account["answer"]
    if is_cut_off:
        assert list(account["sent"]) == ["lo"]
        assert account["sent"]["lo"] > 100
        assert account["routes"] == []
    assert account["asked_by_page"] == ["127.0.0.1"]
    assert ear.processes() >= 3  # the app, the trainer, the process that chats
    assert [heard for heard in ear.heard() if not is_here(heard)] == []
