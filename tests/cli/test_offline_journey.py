"""The whole path of a new user without network: nothing is missed, and nothing is even tried.

Two proofs that do not depend on each other. The interpreter tells of every address and name that any Python
process asks for, before the guard of offline mode can refuse it: only this computer's own may be among them.
And where the system lets a program be cut off, all of it runs in a network namespace that holds nothing but
the loopback, so that no packet of any library, in whatever language, has a way out.
"""

import re
import subprocess
import sys
import warnings

import pytest

from app.worker.cut_off import NOT_POSSIBLE
from tests.cli.conftest import Shell
from tests.network.listening import Ear
from trainer_image import network

CUT_OFF = [sys.executable, "-P", "-m", "app.worker.cut_off"]


def can_be_cut_off() -> bool:
    devices = "import pathlib; print(*sorted(p.name for p in pathlib.Path('/sys/class/net').iterdir()))"
    tried = subprocess.run(
        [*CUT_OFF, sys.executable, "-c", devices], capture_output=True, text=True, check=False
    )
    if tried.returncode == NOT_POSSIBLE:
        warnings.warn(
            f"NO NAMESPACE HERE ({tried.stderr.strip()}): proven by what Python asked for alone.",
            stacklevel=1,
        )
        return False
    assert tried.returncode == 0, tried.stderr
    return True


@pytest.fixture(scope="module")
def ear(tmp_path_factory) -> Ear:
    return Ear(tmp_path_factory.mktemp("ear"))


@pytest.fixture(scope="module")
def shell(tmp_path_factory, ear: Ear) -> Shell:
    made = Shell(tmp_path_factory.mktemp("home"))
    made.environment = ear.environment(made.environment)
    if can_be_cut_off():
        made.before = CUT_OFF
    return made


@pytest.mark.training
def test_the_demo_trains_and_talks_offline_and_nobody_is_asked_for_anything(shell: Shell, ear: Ear):
    shell.ok("offline", "on")

    out = shell.ok("demo")
    run = re.search(r"tunewright chat (\w+)", out)[1]
    answer = shell.ok("chat", run, "--prompt", "Which harbour does Saltby have?")

    assert out.count("Yours: Ahoy!") >= 2
    assert answer.strip()
    assert ear.processes() >= 5  # this program three times, the trainer, the process that chats
    assert [heard for heard in ear.heard() if not is_here(heard)] == []


def test_the_ear_hears_what_is_tried_and_the_guard_refuses_it(shell: Shell, ear: Ear):
    shell.ok("offline", "on")
    before = len(ear.heard())
    program = (
        "from trainer_image import network; network.close('A test says so.')\n"
        "import httpx\n"
        "try:\n    httpx.get('http://192.0.2.1:9/')\n"
        "except httpx.ConnectError as error:\n    print(error)\n"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], env=shell.environment, capture_output=True, text=True, check=True
    )

    assert "A test says so." in said.stdout
    assert [heard for heard in ear.heard()[before:] if not is_here(heard)] != []


def test_what_needs_the_network_says_so_without_trying(shell: Shell, ear: Ear):
    shell.ok("offline", "on")
    session = shell.json("sessions", "list")[0]["id"]
    before = len(ear.heard())

    for words in (("import", "owner/dataset", "--hub"), ("publish", session, "me/ferries")):
        code, _, err = shell.run("sessions", *words)

        assert (code, "Offline mode is on" in err) == (1, True), err
    assert [heard for heard in ear.heard()[before:] if not is_here(heard)] == []


def is_here(heard: str) -> bool:
    what = heard.partition(" ")[2]
    return what == "guarded" or network.is_here(what.strip("'\"")) or what in ("None", "b'localhost'")
