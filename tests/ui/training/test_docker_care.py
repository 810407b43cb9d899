"""Docker for humans in the form, over a care of Docker that remembers what it was asked."""

import json
import threading
from datetime import UTC, datetime

import flet as ft
import pytest

from app.domain.docker_care import CareProgress, Container, EngineFacts, ImageFacts
from app.domain.errors import TargetError, UnknownRunError
from app.domain.runs import RunId
from app.services.docker_care import DockerCareService
from app.ui.training.docker_care import DockerCare
from tests.ui.harness import mounted

NAME = "tunewright-trainer:cuda"


class RememberedCare:
    """An engine without the image, with one container left; builds until it is let go."""

    def __init__(self) -> None:
        self.images: dict[str, ImageFacts] = {}
        self.left = [Container("c1", "tunewright-old", RunId("gone"), "exited", None)]
        self.go_on = threading.Event()
        self.refusal: TargetError | None = None

    def engine(self) -> EngineFacts:
        return EngineFacts("28.5", "/var/lib/docker", None, True)

    def image(self, name):
        if self.refusal:
            raise self.refusal
        return self.images.get(name)

    def build(self, name, variant, told) -> None:
        while not self.go_on.wait(0.01):
            told(CareProgress("Step 3/9 : RUN pip install"))
        self.images[name] = ImageFacts(
            name, 9_100_000_000, datetime(2026, 11, 26, tzinfo=UTC), variant, "0.1.0"
        )

    def pull(self, name, told) -> None:
        while not self.go_on.wait(0.01):
            told(CareProgress("Downloading a", 250_000_000, 1_000_000_000))

    def test_gpu(self, image) -> str:
        raise TargetError("Docker cannot hand the GPU to a container.", "Install the toolkit.")

    def examine(self, image) -> str:
        said = {"lora": {"why_not": ""}, "sft": {"why_not": ""}}
        no_gpu = "There is no NVIDIA GPU here that torch can use."
        return json.dumps(
            {"methods": said, "backends": {"unsloth": {"why_not": no_gpu}}, "several_gpus": {}, "new": 1}
        )

    def containers(self):
        return self.left

    def remove(self, container_id) -> None:
        self.left = [each for each in self.left if each.id != container_id]


class NoRuns:
    def get(self, run_id):
        raise UnknownRunError("There is no such run.")


@pytest.fixture
def engine() -> RememberedCare:
    return RememberedCare()


@pytest.fixture
def care(engine, services, tmp_path) -> DockerCareService:
    os_release = tmp_path / "os-release"
    os_release.write_text("ID=fedora\n")
    return DockerCareService(engine, NoRuns(), services.offline, lambda: ["NVIDIA A"], os_release)


async def test_a_missing_image_is_built_by_one_click_and_then_says_what_it_is(engine, care):
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.wait_for_text("is not on this computer yet")
        screen.start(screen.click("Build the image"))
        await screen.wait_for_text("Step 3/9")
        engine.go_on.set()

        await screen.wait_for_text("9.1 GB, for NVIDIA GPUs, of version 0.1.0")


async def test_a_pull_shows_how_much_is_there_and_can_be_cancelled(engine, care):
    async with mounted(DockerCare, care, NAME) as screen:
        screen.start(screen.click("Pull it"))
        await screen.wait_for_text("250 of 1,000 MB")
        await screen.click("Cancel")

        await screen.wait_for_text("It was cancelled.")
        assert screen.button("Build the image")


async def test_the_gpu_test_gives_the_commands_of_this_system_to_copy(engine, care):
    engine.images[NAME] = ImageFacts(NAME, 1_000_000_000, None)
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.click("Test the GPU in Docker")
        await screen.wait_for_text("sudo dnf install -y nvidia-container-toolkit")

        await screen.click("Copy the commands")
        assert any("dnf" in str(call[1].get("data")) for call in screen.client.calls if call[0] == "set")


async def test_the_image_says_what_it_can_train_in_badges(engine, care):
    engine.images[NAME] = ImageFacts(NAME, 1_000_000_000, None)
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.click("What can it train?")
        await screen.wait_for(lambda: screen.identified("image-abilities"))

        heading, *badges, reason = screen.identified("image-abilities")
        assert heading == f"What {NAME} can train here"
        assert {"LoRA", "All weights"} <= {*badges}
        assert reason == "Not here: Unsloth. There is no NVIDIA GPU here that torch can use."


async def test_what_is_left_over_is_explained_and_removed_after_a_question(engine, care):
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.wait_for_text("tunewright-old: Left by a run that was deleted")
        await screen.click("Remove 1 container")
        assert engine.left
        await screen.click("Remove containers")

        await screen.wait_for(lambda: not screen.identified("docker-leftovers"))
        assert engine.left == []


async def test_an_engine_that_does_not_answer_is_said_and_nothing_is_offered(engine, care):
    engine.refusal = TargetError("Docker is not running.", "Start Docker.")
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.wait_for_text("Docker is not running.")

        assert not screen.has_button("Build the image")
        assert screen.find(ft.OutlinedButton, "Test the GPU in Docker").disabled


async def test_offline_nothing_can_be_fetched_and_the_reason_is_said(engine, care):
    async with mounted(DockerCare, care, NAME, "Offline mode is on.") as screen:
        await screen.wait_for_text("one can come in a bundle")

        assert screen.button("Build the image").disabled
        assert screen.button("Pull it").disabled
