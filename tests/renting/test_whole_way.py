"""From this computer to a pod and back: the real trainer goes on from the same verified checkpoint."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.bootstrap import build_services
from app.domain.runs import Run, RunRequest, RunStatus, Target
from app.domain.setups import BUNDLED_MODEL
from app.paths import Paths
from app.services.checkpoints import saved_states
from app.services.everything import Services
from tests.docker_engine import CHECKOUT
from tests.emulators.runpod.server import RunpodEmulator
from tests.launchers.places import wait_until
from tests.launchers.rented_place import HURRY, POD, trainer_image
from tests.renting.rented import CHEAPEST
from trainer_image.config import RunConfig
from trainer_image.events import Metrics, Started, parse_event

pytestmark = pytest.mark.training
LONGEST_SECONDS = 180
CONFIG = RunConfig(
    base_model=BUNDLED_MODEL,
    max_steps=100_000,
    save_steps=200,
    max_seq_len=64,
    per_device_batch_size=1,
    gradient_accumulation_steps=1,
    validation="off",
    samples=0,
    measure_first=False,
    probe_memory=False,
)
"""Nothing that takes time and is not asked for here."""
PATIENCE = replace(HURRY, save=timedelta(seconds=LONGEST_SECONDS), leave=timedelta(seconds=LONGEST_SECONDS))
"""The real trainer may take its time to save, on a slow machine."""


@dataclass
class Home:
    services: Services
    runpod: RunpodEmulator

    def going(self, run: Run, is_so: Callable[[Run], object]) -> Run:
        """As it stands once that is so."""
        found = [run]

        def look() -> object:
            found[0] = self.services.monitoring.refresh(run.id)
            assert found[0].status is not RunStatus.FAILED, found[0].message
            return is_so(found[0])

        wait_until(look, LONGEST_SECONDS)
        return found[0]

    def stopped(self, run: Run) -> Run:
        return self.going(self.services.training.stop(run.id, save=True), lambda r: r.status.is_final)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    images = trainer_image(CHECKOUT / "trainer_image" / "train.py", OMP_NUM_THREADS="1")
    with RunpodEmulator(tmp_path / "runpod", images=images) as runpod:
        for name, value in runpod.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path / "home"))
        paths = Paths.from_environment()
        paths.make()
        services = build_services(paths, patience=PATIENCE)
        yield Home(services, runpod)
        services.reaper.close()


def test_a_run_goes_from_here_to_a_pod_and_back_from_the_same_verified_checkpoint(home: Home):
    training = home.services.training
    file = CHECKOUT / "assets/sample/ferry-help-desk.jsonl"
    run = training.start(RunRequest(CONFIG, Target.LOCAL, data_file=file, output_name="wanderer"))
    here = home.stopped(home.going(run, lambda r: r.step >= 2))
    left_here = checksums_in(here.folder / (here.checkpoint or ""))
    assert is_verified(here)

    run = training.resume(here.id, target=Target.RUNPOD, pod=replace(POD, gpus=(CHEAPEST,)))
    run = home.going(run, lambda r: r.step >= here.step + 2)
    [pod] = home.runpod.account.pods.values()
    arrived = pod.place.volume / "runs" / run.id / (here.checkpoint or "")
    assert checksums_in(arrived) == left_here
    there = home.stopped(run)
    assert pod.is_gone
    assert is_verified(there)

    run = home.going(training.resume(there.id, target=Target.LOCAL), lambda r: r.step >= there.step + 1)
    training.finish_now(run.id)
    run = home.going(run, lambda r: r.status is RunStatus.FINISHED)

    begun, steps = told(run)
    assert begun == [None, here.step, there.step]
    assert sorted(set(steps)) == list(range(1, run.step + 1))
    assert list(run.folder.glob("output/adapter_model.safetensors"))


def is_verified(run: Run) -> bool:
    """Whether its newest checkpoint is that of its last step, and whole, as the trainer looks at it."""
    newest = saved_states(run)[0]
    return (newest.step, newest.blocked) == (run.step, "")


def checksums_in(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def told(run: Run) -> tuple[list[int | None], list[int]]:
    """From which steps it was begun, and the steps it made."""
    events = [parse_event(line) for line in run.events_path.read_bytes().splitlines()]
    begun = [event.resumed_from_step for event in events if isinstance(event, Started)]
    return begun, [event.step for event in events if isinstance(event, Metrics)]
