"""The SDK: what importing it does to a process is undone, and what it is told goes nowhere else."""

import json
import logging
import subprocess
import sys

import pytest
import requests
from graphql import parse
from graphql.utilities import value_from_ast_untyped

from app.adapters.runpod import sdk
from app.domain.errors import StudioError
from app.domain.runpod_ports import BusyError, NotValidError, PodMayExistError, RunpodError
from tests.docker_engine import CHECKOUT
from tests.runpod.conftest import client_of, order

LOOK = """
import asyncio, json, logging, os, signal, sys, threading
heard = []
watched = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.exec", "socket.connect")
sys.addaudithook(lambda event, args: heard.append(event) if event in watched else None)

def state():
    root, policy = logging.getLogger(), asyncio.get_event_loop_policy()
    return [
        root.level, len(root.handlers), threading.active_count(), type(policy).__name__, repr(sys.excepthook),
        repr(signal.getsignal(signal.SIGINT)), sorted(os.environ), "cpuinfo" in sys.modules,
    ]

before = state()
from app.adapters.runpod import sdk
assert "runpod" not in sys.modules, "it is imported before it is needed"
run, errors = sdk._sdk()
print(json.dumps({"heard": heard, "before": before, "after": state(), "imported": "runpod" in sys.modules}))
"""


def test_importing_it_starts_nothing_and_leaves_logging_as_it_was():
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=True
    )

    told = json.loads(done.stdout)
    assert told["imported"]
    assert told["heard"] == []
    assert told["after"] == told["before"]
    assert done.stderr == ""


def test_without_it_a_sentence_says_what_to_install():
    code = (
        "import sys; sys.modules['runpod'] = None\n"
        "from app.adapters.runpod import sdk\n"
        "try: sdk.ask('query { myself { id } }', 'k')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
    )

    assert "RunpodError" in done.stdout
    assert 'pip install "tunewright[runpod]"' in done.stdout


def test_what_is_refused_is_said_without_what_was_asked(client, cloud, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "hf_never_to_be_seen"

    with pytest.raises(StudioError) as caught:
        client.create_pod(order(region="US-TX-9", environment={"A": secret}, ends_at=cloud.clock.now()))
    said = ""
    for wrong in (f'{{nonsense: "{secret}"}}', f'{{gpuCount: "{secret}"}}'):
        with pytest.raises(NotValidError) as refused:
            sdk.ask(f"mutation {{ podFindAndDeployOnDemand(input: {wrong}) {{ id }} }}", cloud.account.key)
        said += str(refused.value)

    seen = caplog.text + str(caught.value) + said
    assert secret not in seen
    assert cloud.account.key not in seen


@pytest.mark.parametrize(
    "value", ["plain", 'a "b"', "\n\t\\", "é 😀 \u2028", "}]}) { x }", 1, 2.5, True, None, ["a", 1]]
)
def test_every_value_comes_through_graphql_as_it_was(value):
    field = parse(f"{{ x(a: {sdk.literal({'v': value})}) }}").definitions[0].selection_set.selections[0]

    assert value_from_ast_untyped(field.arguments[0].value)["v"] == value


def test_the_key_is_in_a_header_alone_and_we_say_who_we_are(client, cloud, caplog):
    caplog.set_level(logging.DEBUG)
    client.create_pod(order(ends_at=cloud.clock.now().replace(year=2099)))
    client.pods()
    client.balance()
    cloud.faults.add("GET /v2/pods", "500", times=3)
    with pytest.raises(RunpodError) as caught:
        client.pods()

    for _, path, headers, body in cloud.requests:
        assert cloud.account.key not in path
        assert cloud.account.key not in body.decode()
        assert headers["Authorization"] == f"Bearer {cloud.account.key}"
        name = "tunewright/" if path.startswith("/v2") else "Integration/tunewright"
        assert name in headers["User-Agent"]
    assert cloud.account.key not in caplog.text + str(caught.value)


def test_an_answer_that_echoes_the_key_is_not_repeated(cloud, monkeypatch):
    """A page of whoever stands between may have the request on it."""
    key = cloud.account.key
    monkeypatch.setattr(
        cloud.account, "rent", lambda wish: (_ for _ in ()).throw(ValueError(f"Bearer {key} went wrong"))
    )

    with pytest.raises(StudioError) as caught:
        client_of(cloud).create_pod(order(ends_at=cloud.clock.now()))

    assert key not in str(caught.value)


def test_a_refusal_of_no_known_words_may_have_done_it(cloud, monkeypatch):
    said = "Something went wrong. Please try again later or contact support."
    monkeypatch.setattr(cloud.account, "rent", lambda wish: (_ for _ in ()).throw(ValueError(said)))

    with pytest.raises(PodMayExistError):
        client_of(cloud).create_pod(order(ends_at=cloud.clock.now()))


def test_a_create_that_is_never_answered_is_looked_for(cloud, monkeypatch):
    """The SDK waits 30 s, and lets nobody choose."""
    post = requests.post
    monkeypatch.setattr(requests, "post", lambda *args, **more: post(*args, **more | {"timeout": 0.3}))
    cloud.faults.add("POST /graphql", "hang", though_done=True)

    pod = client_of(cloud).create_pod(order(ends_at=cloud.clock.now().replace(year=2099)))

    assert [pod.id] == list(cloud.account.pods)


def test_where_nobody_listens_nothing_was_asked_for(cloud):
    client = client_of(cloud)
    cloud.close()

    for wanted in (order(), order(ends_at=cloud.clock.now())):
        with pytest.raises(BusyError, match="cannot be reached"):
            client.create_pod(wanted)


def test_two_accounts_do_not_share_a_key(cloud):
    reader = client_of(cloud, key=cloud.account.reading_key)
    owner = client_of(cloud)

    assert owner.balance().credit == reader.balance().credit
    keys = [headers["Authorization"] for _, path, headers, _ in cloud.requests if path == "/graphql"]
    assert keys == [f"Bearer {cloud.account.key}", f"Bearer {cloud.account.reading_key}"]
