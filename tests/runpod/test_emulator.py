"""The emulator does what is known of Runpod: pods begin again, keys have limits, faults come by switch."""

import json
import os
import random
from contextlib import closing
from datetime import timedelta

import httpx
import psutil
import pytest

from app.domain.runpod_ports import PodStatus
from tests.emulators.runpod import Image, RunpodEmulator
from tests.emulators.runpod.containers import free_port
from tests.runpod.conftest import GPU, client_of, order, waited_for

SERVES = Image(
    ["{python}", "-m", "http.server", "{port:8080}", "--bind", "127.0.0.1", "--directory", "{volume}"]
)
AGENT = {"User-Agent": "a pod/1"}


def ask(cloud, method, path, key, **more):
    headers = {"Authorization": f"Bearer {key}", **AGENT}
    return httpx.request(method, f"{cloud.url}{path}", headers=headers, timeout=20, **more)


def running(client, cloud, **more):
    pod = client.create_pod(order(**more))
    waited_for(lambda: client.pod(pod.id).status is PodStatus.RUNNING)
    return cloud.account.pods[pod.id]


def test_a_command_that_ends_is_begun_again_though_it_did_well(client, cloud):
    pod = client.create_pod(order(command=("python3", "-c", "print('done')")))

    waited_for(lambda: cloud.account.pods[pod.id].starts >= 3)

    assert client.pod(pod.id).status is PodStatus.RUNNING
    system = [line.line for line in cloud.account.pods[pod.id].log.lines if line.source == "system"]
    assert sum("start container" in line for line in system) >= 3


def test_the_volume_survives_its_pods_and_is_where_it_was_mounted(client, cloud):
    volume = client.create_volume("v", size_gb=10, region="EU-RO-1")
    wanted = {"region": "EU-RO-1", "volume_id": volume.id}
    writes = "import os; open(os.environ['PLACE'] + '/kept', 'w').write('yes'); import time; time.sleep(100)"
    first = client.create_pod(
        order(command=("python3", "-c", writes), environment={"PLACE": "/workspace/x/.."}, **wanted)
    )
    folder = cloud.account.volumes[volume.id].folder
    (folder / "x").mkdir()
    waited_for((folder / "kept").exists)
    client.terminate_pod(first.id)

    second = client.create_pod(
        order(
            "second",
            command=("python3", "-uc", "import sys; print(open(sys.argv[1]).read())", "/workspace/kept"),
            **wanted,
        )
    )

    with closing(client.log(second.id, source="container")) as log:
        assert next(log).text == "yes"


def test_everything_in_a_pod_ends_with_it_also_what_left_its_session(client, cloud):
    escapes = (
        "import subprocess, sys, time; "
        "sleeps = [sys.executable, '-c', 'import time; time.sleep(1000)']; "
        "print(subprocess.Popen(sleeps, start_new_session=True).pid); "
        "time.sleep(1000)"
    )
    pod = client.create_pod(order(command=("python3", "-uc", escapes)))
    with closing(client.log(pod.id, source="container")) as log:
        escaped = int(next(log).text)
    assert psutil.pid_exists(escaped)

    client.terminate_pod(pod.id)

    waited_for(lambda: not psutil.pid_exists(escaped))


def test_a_pods_environment_is_its_own(client, cloud, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THIS_COMPUTER", "1")
    pod = client.create_pod(
        order(
            command=("python3", "-uc", "import json, os; print(json.dumps(dict(os.environ)))"),
            environment={"A": "1"},
        )
    )
    with closing(client.log(pod.id, source="container")) as log:
        seen = json.loads(next(log).text)

    assert (seen["A"], seen["RUNPOD_POD_ID"]) == ("1", pod.id)
    assert seen["RUNPOD_API_KEY"] == cloud.account.pods[pod.id].key != cloud.account.key
    assert "SECRET_OF_THIS_COMPUTER" not in seen
    assert os.environ["RUNPOD_API_KEY"] == cloud.account.key


def test_a_pods_own_key_knows_that_pod_and_nothing_else(client, cloud):
    own, other = running(client, cloud), running(client, cloud, name="other")

    assert ask(cloud, "GET", f"/v2/pods/{own.id}", own.key).status_code == 200
    for method, path in (
        ("GET", f"/v2/pods/{other.id}"),
        ("DELETE", f"/v2/pods/{other.id}"),
        ("GET", "/v2/pods"),
    ):
        assert ask(cloud, method, path, own.key).status_code == 403
    assert ask(cloud, "DELETE", f"/v2/pods/{own.id}", own.key).status_code == 204
    assert own.ended_by == "itself"
    assert ask(cloud, "GET", f"/v2/pods/{other.id}", own.key).status_code == 401


@pytest.mark.parametrize("refused", [{"delete"}, {"delete", "terminate"}, {"delete", "terminate", "stop"}])
def test_a_pod_may_be_refused_its_own_end(client, cloud, refused):
    pod = running(client, cloud)
    cloud.faults.refused_to_pods = refused

    assert ask(cloud, "DELETE", f"/v2/pods/{pod.id}", pod.key).status_code == 403
    for action, good in (("terminate", 204), ("stop", 200)):
        code = ask(cloud, "POST", f"/v2/pods/{pod.id}/action", pod.key, json={"action": action}).status_code
        assert code == (403 if action in refused else good)
        if action not in refused:
            break


def test_a_pod_may_be_stuck_before_it_runs(client, cloud):
    cloud.faults.stuck_provisioning = 1
    stuck = client.create_pod(order("stuck"))
    next_one = running(client, cloud)

    assert client.pod(stuck.id).status is PodStatus.PROVISIONING
    assert client.pod(stuck.id).cost_per_hour == next_one.cost
    client.terminate_pod(stuck.id)
    assert client.pod(stuck.id) is None


def test_the_proxy_reaches_a_port_once_something_listens(tmp_path):
    with RunpodEmulator(tmp_path, images={"trainer": SERVES}) as cloud:
        client = client_of(cloud)
        cloud.faults.without_agent = 1
        silent = running(client, cloud, name="silent", ports=("8080/http",))
        serving = running(client, cloud, ports=("8080/http",))
        (serving.place.volume / "a.txt").write_text("hello")

        def got(pod, path="/a.txt", port=8080):
            return httpx.get(client.address(pod.id, port) + path, timeout=20)

        waited_for(lambda: got(serving).status_code == 200)
        assert got(serving).text == "hello"
        assert got(silent).status_code == 502
        assert got(serving, port=22).status_code == 502
        for switch in ("502", "524"):
            cloud.faults.proxy, cloud.faults.proxy_times = switch, 1
            assert got(serving).status_code == int(switch)
            assert got(serving).status_code == 200
        cloud.faults.proxy, cloud.faults.proxy_times = "cut", 1
        with pytest.raises(httpx.HTTPError):
            got(serving)
        client.terminate_pod(serving.id)
        assert got(serving).status_code == 404


def test_a_slow_answer_is_cut_by_the_proxy(tmp_path):
    slow = Image(
        [
            "{python}",
            "-c",
            "import socket, time\ns = socket.create_server(('127.0.0.1', {port:8080}))\ntime.sleep(1000)",
        ]
    )
    with RunpodEmulator(tmp_path, images={"trainer": slow}, proxy_seconds=0.3) as cloud:
        client = client_of(cloud)
        pod = running(client, cloud, ports=("8080/http",))

        waited_for(lambda: httpx.get(client.address(pod.id, 8080), timeout=20).status_code == 524)


def test_the_host_may_take_a_pod_away(client, cloud):
    pod = running(client, cloud)

    cloud.account.lose(pod.id)

    assert client.pod(pod.id) is None
    assert pod.ended_by == "host"


def test_what_dies_in_a_pod_is_begun_again(client, cloud):
    pod = running(client, cloud)
    waited_for(lambda: pod.starts == 1)
    waited_for(lambda: "world" in pod.log.text())

    pod.kill_container()

    waited_for(lambda: pod.starts == 2)


def test_without_money_pods_end(client, cloud):
    volume = client.create_volume("v", size_gb=10, region="EU-RO-1")
    kept = running(client, cloud, name="kept", region="EU-RO-1", volume_id=volume.id)
    lost = running(client, cloud, name="lost")

    cloud.clock.advance(3600 * 1000)

    waited_for(lambda: lost.is_gone and kept.status == "EXITED")
    assert client.pod(kept.id).cost_per_hour == 0


def test_every_second_is_billed_and_none_after_the_end(client, cloud):
    pod = running(client, cloud)
    cloud.clock.advance(100)
    client.terminate_pod(pod.id)
    spent = pod.spent()
    cloud.clock.advance(3600)

    assert spent == pytest.approx(0.69 * 100 / 3600, rel=0.1)
    assert pod.spent() == spent
    bills = client.bills(since=cloud.clock.now() - timedelta(days=1))
    assert sum(bill.amount for bill in bills) == pytest.approx(spent)


def test_a_request_that_the_schema_does_not_know_is_refused_in_their_words(cloud):
    wrong = {"name": "v", "size": 10, "dataCenterId": "EU-RO-1"}

    answer = ask(cloud, "POST", "/v2/network-volumes", cloud.account.key, json=wrong)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert any("missing property 'dataCenter'" in said for said in answer.json()["errors"])
    assert any("additional properties 'dataCenterId' not allowed" in said for said in answer.json()["errors"])


def test_generic_agents_too_many_questions_and_the_retired_interface_are_refused(tmp_path):
    with RunpodEmulator(tmp_path, per_minute=2) as cloud:
        key = cloud.account.key
        bare = httpx.get(f"{cloud.url}/v2/pods", headers={"Authorization": f"Bearer {key}"})
        assert (bare.status_code, bare.text) == (403, "error code: 1010")
        assert ask(cloud, "GET", "/v1/pods", key).status_code == 410
        codes = [ask(cloud, "GET", "/v2/pods", key) for _ in range(3)]
        assert [code.status_code for code in codes] == [200, 200, 429]
        assert 0 < int(codes[-1].headers["Retry-After"]) <= 61


def test_a_computer_without_network_reaches_nothing_and_its_pods_do(client, cloud):
    pod = running(client, cloud)
    cloud.faults.offline = True

    with pytest.raises(httpx.HTTPError):
        ask(cloud, "GET", "/v2/pods", cloud.account.key)
    assert ask(cloud, "GET", f"/v2/pods/{pod.id}", pod.key).status_code == 200


def test_a_create_may_never_be_answered(client, cloud, monkeypatch):
    monkeypatch.setattr("app.adapters.runpod.rest.CREATE_SECONDS", 0.3)
    cloud.faults.add("POST /v2/pods", "hang", though_done=True)

    pod = client.create_pod(order())

    assert [pod.id] == list(cloud.account.pods)


def test_another_process_can_switch_faults_and_time(cloud, client):
    def told(**what):
        return httpx.post(f"{cloud.url}/__control", json=what).json()

    told(do="switch", name="no_capacity", value=[GPU])
    told(do="fault", on="GET /v2/pods", what="500", times=2)
    assert told(do="advance", seconds=60)["faults"]["no_capacity"] == [GPU]
    assert cloud.faults.queue[0].times == 2
    assert told(do="stock", gpu=GPU, regions={})["pods"] == []
    assert httpx.post(f"{cloud.url}/__control", json={"do": "nothing"}).status_code == 400
    assert httpx.get(f"{cloud.url}/__control").json()["key"] == cloud.account.key


def test_two_processes_of_one_seed_do_not_take_the_same_ports():
    """The trainer seeds `random`; the pod of another worker of the tests would answer for a dead one."""
    before = random.getstate()
    try:
        taken = []
        for _ in range(2):
            random.seed(42)
            taken.append([free_port() for _ in range(8)])
    finally:
        random.setstate(before)

    assert taken[0] != taken[1]
