"""A rented GPU as pictures: a step of `training_states`, for an app whose Runpod is the tests' emulator."""

from typing import TYPE_CHECKING, Final

from tests.e2e.test_journey import pick
from tests.emulators.runpod.server import RunpodEmulator

if TYPE_CHECKING:
    from scripts.training_states import States

_WHOLE: Final = {"width": 1280, "height": 2800}
_TALL: Final = {"width": 1280, "height": 1500}
_NARROW: Final = {"width": 420, "height": 860}
_BILLED_SECONDS: Final = 240.0
"""Until a pod that does not go is spoken of on every tab."""


def rented(states: "States", runpod: RunpodEmulator) -> None:
    """What it will cost, the question before a run waits in line, a pod at work, one that will not go."""
    ui = states.ui
    ui.go_to("Training")
    states.is_ready()
    states.resize(_WHOLE)
    ui.choose_option("target", "Runpod - Pod")
    ui.wait_for_text("Type the trainer image", "start-reason")
    ui.fill("Trainer image", "ghcr.io/somebody/tunewright-trainer:1")
    pick(ui, "Fastest (Runpod)")
    ui.fill("Max steps", "12")
    ui.wait_for_text("H100 SXM", "gpu-ladder")
    ui.wait_for_text(r"H100 SXM: \$2\.99/h, at most", "ready-figures", timeout=60)
    states.take("21-runpod-what-it-costs", _WHOLE)
    states.take("21-runpod-what-it-costs-dark", _WHOLE, dark=True)
    states.show("=gpu-ladder")
    states.take("21-runpod-what-it-costs-narrow", _NARROW)
    states.resize(_WHOLE)

    ui.click("Add to queue")
    ui.wait_for_text(r"\$2\.99")
    ui.page.wait_for_timeout(1000)
    states.take("21-runpod-asked-before-the-queue", _TALL)
    ui.page.keyboard.press("Escape")

    states.resize(_WHOLE)
    ui.click("Start training")
    ui.wait_for_text("Training on the pod", "rental", timeout=90)
    states.take("21-runpod-training", _TALL)
    states.resize(_WHOLE)
    ui.wait_for_text("Finished", "run-status", timeout=180)
    ui.wait_for_text("The pod is gone", "rental")
    states.take("21-runpod-finished", _TALL)
    states.resize(_WHOLE)

    runpod.faults.add("DELETE /v2/pods/*", "502", times=100_000)
    runpod.faults.add("POST /v2/pods/*", "502", times=100_000)
    ui.click("Start training")
    ui.wait_for_text("The end of the pod|Ending", "rental", timeout=180)
    ui.wait_for_text(r"\$2\.99", "pods-banner", timeout=_BILLED_SECONDS)
    states.take("21-runpod-a-pod-that-does-not-go", _TALL)
    runpod.faults.queue.clear()
