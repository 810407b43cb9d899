"""Docker in the form as pictures: a step of `training_states`, under `scripts/with-engine.sh`.

Needs the image that `scripts/build-trainer-image.sh --cpu` makes.
"""

from typing import TYPE_CHECKING, Final

import docker

if TYPE_CHECKING:
    from scripts.training_states import States

_WHOLE: Final = {"width": 1280, "height": 2800}
_TALL: Final = {"width": 1280, "height": 1500}
_IMAGE: Final = "tunewright-trainer:cpu"
_LABELS: Final = {"tunewright.app": "1", "tunewright.run_id": "0123456789abcdef0123456789abcdef"}
"""As on a container of a run that nobody knows any more."""


def care(states: "States") -> None:
    """An image that is missing, built, here; what a container of it can train; one that was left over."""
    ui = states.ui
    ui.go_to("Training")
    states.is_ready()
    states.resize(_WHOLE)
    ui.choose_option("target", "Local (Docker)")
    ui.fill("Docker image", "tunewright-trainer:mine")
    ui.wait_for_text("is not on this computer yet", "docker-image", timeout=60)
    states.take("22-docker-image-is-missing", _TALL)
    states.resize(_WHOLE)
    ui.click("Build the image")
    ui.wait_for_text(r"tunewright-trainer:mine: \S", "docker-progress", timeout=60)
    states.take("22-docker-building", _TALL, at_once=True)
    states.resize(_WHOLE)
    ui.click("Cancel")
    ui.wait_for_text("It was cancelled", timeout=60)
    ui.click("Dismiss")

    client = docker.from_env()
    left = client.containers.create(_IMAGE, ["true"], name="tunewright-left-over", labels=_LABELS)
    try:
        ui.fill("Docker image", _IMAGE)
        ui.wait_for_text("Here", "docker-image", timeout=60)
        ui.click("What can it train?")
        ui.wait_for_text("LoRA", "image-abilities", timeout=180)
        ui.click("Test the GPU in Docker")
        ui.wait_for_text("no NVIDIA GPU|works|Not yet", "gpu-test", timeout=60)
        ui.wait_for_text("tunewright-left-over", "docker-leftovers", timeout=60)
        states.take("22-docker-image-is-here", _WHOLE)
        states.take("22-docker-image-is-here-dark", _WHOLE, dark=True)
    finally:
        left.remove(force=True)
        client.close()
