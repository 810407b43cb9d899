"""The supervisor in a pod of the emulated Runpod: its own key, its proxy, its restarts."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.runpod.agent import PodAgent, PodUnreachableError
from app.adapters.runpod.agent_mirror import RunMirror
from app.adapters.runpod.agent_transfer import Fetcher, PartSize, manifest, upload
from app.adapters.runpod.places import places
from app.domain.runpod_ports import PodOrder
from tests.emulators.runpod import Image, RunpodEmulator
from tests.emulators.runpod.pods import Pod
from tests.pod.conftest import TOKEN, TRAINER
from tests.runpod.conftest import GPU, client_of, waited_for

CHECKOUT = Path(__file__).parents[2]
SUPERVISED = Image(
    ["{python}", "-P", "-m", "trainer_image.pod"],
    {
        "PYTHONPATH": str(CHECKOUT),
        "STUDIO_HOME": "{volume}",
        "STUDIO_HOST": "127.0.0.1",
        "STUDIO_PORT": "{port:8080}",
        "STUDIO_TRAINER": str(TRAINER),
        "STUDIO_RETRIEVED_GRACE": "0.1",
        "STUDIO_RETRY_SECONDS": "0.2",
    },
)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[RunpodEmulator]:
    with RunpodEmulator(tmp_path / "runpod", images={"trainer": SUPERVISED}, proxy_seconds=5) as emulator:
        yield emulator


@pytest.fixture
def pod(cloud: RunpodEmulator) -> Pod:
    told = {
        "STUDIO_RUN_ID": "7f3c",
        "STUDIO_TOKEN_SHA256": hashlib.sha256(TOKEN.encode()).hexdigest(),
        "STUDIO_BUDGET_USD": "5",
    }
    order = PodOrder("tunewright-1-7f3c-1", "trainer:1", GPU, ports=("8080/http",), environment=told)
    return cloud.account.pod(client_of(cloud).create_pod(order).id)


@pytest.fixture
def agent(cloud: RunpodEmulator, pod: Pod) -> Iterator[PodAgent]:
    base_url = places(cloud.environment()).pod(pod.id, 8080)
    with PodAgent(base_url, TOKEN, pause=lambda _: time.sleep(0.05)) as found:
        yield found


def answers(agent: PodAgent) -> bool:
    try:
        return agent.health().can_self_terminate is not None
    except PodUnreachableError:
        return False


def test_a_pod_sees_itself_trains_and_is_gone_when_everything_was_fetched(
    cloud: RunpodEmulator, pod: Pod, agent: PodAgent, tmp_path: Path
) -> None:
    waited_for(lambda: answers(agent))
    health = agent.health()
    agent.start(1, {"steps": 3}, secrets={})
    waited_for(lambda: agent.health().phase == "ended")
    mirror, fetcher = RunMirror(tmp_path), Fetcher(agent, tmp_path)
    mirror.bring_up_to_date(agent)
    fetcher.fetch(manifest(agent, wait_seconds=4))
    agent.retrieved()

    waited_for(lambda: pod.is_gone)
    assert health.can_self_terminate is True
    assert pod.ended_by == "itself"
    assert "step 2" in (tmp_path / "log.txt").read_text()
    assert (tmp_path / "output" / "adapter.bin").stat().st_size == 1000
    copy = [line.line for line in pod.log.lines if line.source == "container"]
    assert '@@studio {"event": "exit", "attempt": 1, "code": 0, "outcome": "finished"}' in copy


def test_a_pod_that_may_not_delete_itself_is_terminated_or_stopped(
    cloud: RunpodEmulator, pod: Pod, agent: PodAgent
) -> None:
    waited_for(lambda: answers(agent))
    agent.start(1, {"a": 1}, secrets={})
    waited_for(lambda: agent.health().phase == "ended")
    cloud.faults.refused_to_pods |= {"delete", "terminate"}

    agent.retrieved()

    waited_for(lambda: pod.status == "EXITED")


def test_a_host_that_kills_the_container_costs_only_the_way_back_to_the_checkpoint(
    pod: Pod, agent: PodAgent, tmp_path: Path
) -> None:
    waited_for(lambda: answers(agent))
    mirror = RunMirror(tmp_path)
    agent.start(1, {"walk": 60}, secrets={})
    waited_for(lambda: manifest(agent, wait_seconds=1).files)

    pod.kill_container()

    waited_for(lambda: pod.starts > 1 and answers(agent))
    waited_for(lambda: agent.health(patient=True).phase == "ended")
    said = mirror.bring_up_to_date(agent)
    assert agent.health().outcome == "finished"
    assert next(event.fields["message"] for event in said if event.kind == "notice").startswith(
        "The pod was restarted; the training goes on from samples_"
    )


def test_cut_and_refused_connections_only_take_time(
    cloud: RunpodEmulator, pod: Pod, agent: PodAgent, tmp_path: Path
) -> None:
    waited_for(lambda: answers(agent))
    rows = tmp_path / "rows"
    rows.write_bytes(b"0123456789" * 100_000)
    part = PartSize(300_000)
    for fault in ("502", "cut", "524"):
        cloud.faults.proxy, cloud.faults.proxy_times = fault, 3
        upload(agent, f"data/{fault}", rows, part=part)
        assert agent.ask("GET", f"/v1/outputs/data/{fault}").content == rows.read_bytes()
    agent.start(1, {"bytes": 2_000_000}, secrets={})
    waited_for(lambda: agent.health(patient=True).phase == "ended")
    offered = manifest(agent, wait_seconds=4)

    for fault in ("502", "cut", "524"):
        cloud.faults.proxy, cloud.faults.proxy_times = fault, 3
        here = tmp_path / fault
        assert Fetcher(agent, here, part=part).fetch(offered)
        assert (here / "output" / "adapter.bin").stat().st_size == 2_000_000
