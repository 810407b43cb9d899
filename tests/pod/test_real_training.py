"""The real train.py on a tiny model in a pod, which dies in the midst of it."""

import json
import os
import signal
from pathlib import Path

import pytest

from app.adapters.runpod.agent_mirror import RunMirror
from app.adapters.runpod.agent_transfer import Fetcher, manifest, upload
from tests.pod.conftest import Pod
from tests.trainer import tiny
from trainer_image.events import Metrics, Started, parse_event

pytestmark = pytest.mark.training
TRAIN = Path(__file__).parents[2] / "trainer_image" / "train.py"


def test_a_pod_that_dies_while_it_trains_goes_on_and_everything_comes_back(
    unbooted_pod: Pod, tmp_path: Path
) -> None:
    pod, model = unbooted_pod, tiny.save_model(tmp_path / "model")
    here = tiny.make_run(tmp_path / "here", "model", num_epochs=50, save_steps=10)
    pod.environment |= {"STUDIO_TRAINER": str(TRAIN), "OMP_NUM_THREADS": "1"}
    pod.boot()
    for file in model.iterdir():
        upload(pod.agent, f"model/{file.name}", file)
    upload(pod.agent, "data/train.jsonl", here / "data" / "train.jsonl")
    mirror, fetcher = RunMirror(here), Fetcher(pod.agent, here)

    pod.agent.start(1, json.loads((here / "config.json").read_text()), secrets={})
    pod.wait_until(lambda: list(pod.run_dir.glob("checkpoints/[!.]*/COMPLETE.json")))
    os.kill(pod.trainer(), signal.SIGSTOP)  # or a fast computer would be done before it is killed
    early = manifest(pod.agent, wait_seconds=20)
    fetcher.fetch(early)
    mirror.bring_up_to_date(pod.agent)
    pod.restart()
    health = pod.wait_until(lambda: h if (h := pod.health()).phase == "ended" else None, every_seconds=0.3)
    mirror.bring_up_to_date(pod.agent)
    late = manifest(pod.agent, wait_seconds=20)
    fetcher.fetch(late)

    assert "COMPLETE.json" in {Path(file.path).name for file in early.files}
    assert (health.outcome, health.exit_code, health.boots) == ("finished", 0, 2)
    events = [parse_event(line) for line in (here / "events.jsonl").read_bytes().splitlines()]
    begun = [event.resumed_from_step for event in events if isinstance(event, Started)]
    assert begun[0] is None
    assert begun[1]
    steps = [event.step for event in events if isinstance(event, Metrics)]
    assert sorted(set(steps)) == list(range(1, 101))
    for name in ("events.jsonl", "log.txt"):
        assert (here / name).read_bytes() == (pod.run_dir / name).read_bytes()
    assert late.complete
    assert tiny.load_weights(here / "output").keys() == tiny.load_weights(pod.run_dir / "output").keys()
    assert json.loads((here / "result.json").read_text())["status"] == "finished"
