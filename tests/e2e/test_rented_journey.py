"""On a rented GPU: what it costs, a run that is watched, its adapter back here, and a chat with it.

The pods are the emulator's: the real supervisor runs the real `train.py` on the tiny model in them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.docker_engine import CHECKOUT
from tests.e2e.conftest import RunningApp, running_app
from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import CURVE, QUESTIONS, ask, choose_session, import_the_sample_as, pick
from tests.emulators.runpod.server import RunpodEmulator
from tests.launchers.rented_place import trainer_image

pytestmark = pytest.mark.browser

STEPS = 12


@pytest.fixture
def runpod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunpodEmulator]:
    images = trainer_image(CHECKOUT / "trainer_image" / "train.py", OMP_NUM_THREADS="1")
    with RunpodEmulator(tmp_path / "runpod", images=images) as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def renting_app(runpod: RunpodEmulator, tmp_path: Path) -> Iterator[RunningApp]:
    with running_app(tmp_path / "home") as running:
        yield running


def test_from_a_price_to_a_chat_with_a_model_that_was_trained_elsewhere(
    runpod: RunpodEmulator, renting_app: RunningApp, page: Page, tmp_path: Path
):
    ui = FletUI(page).open(renting_app.url)
    ui.page.set_viewport_size({"width": 1280, "height": 2600})  # all of the form in sight
    ui.at_rest()
    import_the_sample_as(ui, "harbour", tmp_path)
    choose_session(ui, "harbour")
    ui.choose_option("target", "Runpod - Pod")
    ui.wait_for_text("Type the trainer image", "start-reason")
    ui.fill("Trainer image", "ghcr.io/somebody/tunewright-trainer:1")
    pick(ui, "Fastest (Runpod)")
    ui.fill("Max steps", str(STEPS))
    ui.wait_for_text(r"H100 SXM, 80 GB, \$2\.99/h", "gpu-ladder")
    ui.wait_for_text(r"H100 SXM: \$2\.99/h, at most \$5\.00", "ready-figures", timeout=60)
    ui.screenshot("runpod-plan")
    assert not runpod.account.pods

    ui.click("Start training")
    ui.wait_for_text("Training on the pod", "rental", timeout=60)
    ui.wait_for_text(r"\$2\.99 an hour", "rental")
    ui.screenshot("runpod-training")
    ui.wait_for_text("Finished", "run-status", timeout=180)
    ui.wait_for_text("The pod is gone", "rental")
    ui.screenshot("runpod-finished")

    assert CURVE.search(ui.wait_for_text(rf"at step {STEPS}\b", "loss-chart"))
    [pod] = runpod.account.pods.values()
    assert pod.is_gone
    [adapter] = (tmp_path / "home" / "data" / "outputs").glob("*/output/adapter_model.safetensors")
    there = pod.place.volume.glob("runs/*/output/adapter_model.safetensors")
    assert [adapter.read_bytes()] == [path.read_bytes() for path in there]
    pick(ui, "Deterministic")
    assert ask(ui, 1, QUESTIONS[0])
