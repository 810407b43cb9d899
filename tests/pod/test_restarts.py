"""A pod whose container dies and comes back: the training goes on or is told truly, and never runs twice."""

import json
import random
import signal
import time
from pathlib import Path

from app.adapters.runpod.agent_mirror import RunMirror
from app.adapters.runpod.agent_transfer import Fetcher, manifest
from app.domain.errors import TargetError
from tests.pod.conftest import Pod, children


def ready(pod: Pod) -> Pod:
    before = len(pod.launches())
    pod.wait_until(lambda: pod.lines().count("ready") >= max(before, 1))
    return pod


def test_a_training_goes_on_from_its_newest_checkpoint(pod: Pod) -> None:
    pod.start(wait=True, checkpoint=40)
    ready(pod).restart()
    pod.wait_until(lambda: len(pod.launches()) == 2)
    ready(pod)

    assert pod.launches() == ["", "--resume"]
    assert "goes on from samples_40" in pod.said()
    numbers = [event["n"] for event in pod.events()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert (pod.health().phase, pod.health().attempt, pod.health().boots) == ("running", 1, 2)


def test_a_training_that_had_a_token_goes_on_without_it_from_a_checkpoint(pod: Pod) -> None:
    shown = ["HF_TOKEN", "HF_HUB_OFFLINE"]
    pod.start(secrets={"HF_TOKEN": "hf_abc"}, wait=True, checkpoint=40, show=shown)

    ready(pod).restart()

    pod.wait_until(lambda: "environment HF_TOKEN=None HF_HUB_OFFLINE=1" in pod.lines())


def test_a_training_that_needs_its_token_waits_for_the_app_to_send_it_again(pod: Pod) -> None:
    pod.start(secrets={"HF_TOKEN": "hf_abc"}, wait=True)
    ready(pod).restart()
    health = pod.health()
    assert (health.phase, "needs the token" in health.message) == ("interrupted", True)
    assert len(pod.launches()) == 1

    assert pod.start(secrets={"HF_TOKEN": "hf_abc"}, wait=True) == "running"

    pod.wait_until(lambda: pod.launches() == ["", "--resume"])


def test_a_training_that_was_told_to_stop_is_not_continued(pod: Pod) -> None:
    pod.start(stubborn=True)
    ready(pod).agent.stop(save=True)

    pod.restart()

    assert (pod.health().phase, pod.health().outcome) == ("ended", "stopped")
    assert len(pod.launches()) == 1


def test_a_training_that_had_ended_is_not_begun_again_and_its_end_is_told_once(pod: Pod) -> None:
    pod.start()
    pod.wait_for("ended")
    pod.edit_state(phase="running", outcome=None, exit_code=None)
    pod.restart()
    pod.restart()

    assert (pod.health().phase, pod.health().outcome) == ("ended", "finished")
    assert len(pod.launches()) == 1
    assert [event["kind"] for event in pod.events()].count("exit") == 1


def test_another_pod_on_the_same_volume_waits_for_the_next_attempt(pod: Pod) -> None:
    pod.start(wait=True, checkpoint=40)
    ready(pod)
    pod.environment["RUNPOD_POD_ID"] = "pod-2"

    pod.restart()

    assert pod.health().phase == "interrupted"
    assert len(pod.launches()) == 1
    pod.agent.start(2, {"a": 1}, resume=True, secrets={})
    assert pod.wait_for("ended").attempt == 2


def test_another_pod_on_the_volume_of_an_ended_run_has_its_full_grace(pod: Pod) -> None:
    pod.start()
    pod.wait_for("ended")
    pod.agent.retrieved()
    pod.environment["RUNPOD_POD_ID"] = "pod-2"

    pod.restart()

    health = pod.health()
    assert (health.phase, health.ends_because) == ("waiting", "not started")
    assert health.ends_at is not None
    assert health.ends_at > health.time + 1700


def test_a_trainer_that_dies_is_told_as_lost_and_leaves_nothing_behind(pod: Pod) -> None:
    pod.start(die=signal.SIGKILL)

    health = pod.wait_for("ended")

    assert (health.outcome, health.exit_code) == ("lost", 137)
    assert health.message == "The trainer was ended by signal 9 without a word."
    assert '"code": 137' in pod.said()


def test_no_trainer_outlives_its_supervisor(pod: Pod) -> None:
    pod.start(stubborn=True)
    ready(pod)
    trainer = pod.trainer()
    assert _lives(trainer)

    pod.kill()

    pod.wait_until(lambda: not _lives(trainer))


def test_a_platform_that_stops_the_pod_lets_it_save_and_it_goes_on_later(pod: Pod) -> None:
    pod.start(wait=True, checkpoint=40)
    ready(pod)
    assert pod.process

    pod.process.terminate()
    assert pod.process.wait(60) == 0
    assert json.loads((pod.run_dir / "result.json").read_text())["status"] == "stopped"
    pod.boot()

    pod.wait_until(lambda: pod.launches() == ["", "--resume"])
    assert pod.health().phase == "running"


def test_what_a_trainer_leaves_behind_is_ended_and_does_not_keep_the_run_from_its_end(pod: Pod) -> None:
    pod.start(orphans=3)
    pod.wait_for("ended")
    assert pod.process

    pod.wait_until(lambda: not children(pod.process.pid))


def test_kills_at_random_moments_lose_nothing_and_tell_everything_in_order(pod: Pod, tmp_path: Path) -> None:
    chance = random.Random(6)
    here = tmp_path / "here"
    here.mkdir()
    mirror = RunMirror(here)
    pod.start(walk=100)
    for kill in range(1, 5):
        pod.wait_until(lambda kill=kill: _steps(pod) >= 15 * kill)
        time.sleep(chance.random() * 0.1)  # no wait for anything: the moment is the matter
        pod.kill()
        if chance.random() < 0.5:
            mirror = RunMirror(here)
        try:
            mirror.bring_up_to_date(pod.agent)
        except TargetError:
            pod.boot()
        mirror.bring_up_to_date(pod.agent)
    health = pod.wait_for("ended")
    mirror.bring_up_to_date(pod.agent)
    Fetcher(pod.agent, here).fetch(manifest(pod.agent, wait_seconds=20))

    assert health.outcome == "finished"
    assert [event["n"] for event in pod.events()] == list(range(1, health.last_event + 1))
    for name in ("events.jsonl", "log.txt", "output/adapter.bin"):
        assert (here / name).read_bytes() == (pod.run_dir / name).read_bytes()
    events = [json.loads(line) for line in (here / "events.jsonl").read_text().splitlines() if _is_json(line)]
    assert {event["step"] for event in events if event["type"] == "metrics"} == set(range(1, 101))


def _steps(pod: Pod) -> int:
    """Reported so far, those twice that were made twice."""
    path = pod.run_dir / "events.jsonl"
    return path.read_bytes().count(b"metrics") if path.exists() else 0


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:  # torn by a kill
        return False
    return True


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
