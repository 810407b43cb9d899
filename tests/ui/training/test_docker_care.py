"""Docker for humans in the form, over a care of Docker that remembers what it was asked."""

import json
import threading
from datetime import UTC, datetime

import flet as ft
import pytest

from app.domain.docker_care import (
    BuildFailedError,
    CareCancelledError,
    CareProgress,
    Container,
    EngineFacts,
    ImageFacts,
    NoToolkitError,
)
from app.domain.errors import TargetError, UnknownRunError
from app.domain.runs import RunId
from app.services.docker_care import DockerCareService
from app.ui.training.docker_care import DockerCare, ImageGoingOn, Output
from tests.ui.harness import mounted

NAME = "tunewright-trainer:cuda"


class RememberedCare:
    """An engine without the image, with one container left; builds until it is let go."""

    def __init__(self) -> None:
        self.images: dict[str, ImageFacts] = {}
        self.left = [Container("c1", "tunewright-old", RunId("gone"), "exited", None)]
        self.go_on = threading.Event()
        self.let_end = threading.Event()
        """Cleared, a build that was told to stop has not noticed yet."""
        self.let_end.set()
        self.refusal: TargetError | None = None
        self.build_fails: BuildFailedError | None = None
        self.gpu_refusal: TargetError = NoToolkitError()

    def engine(self) -> EngineFacts:
        return EngineFacts("28.5", "/var/lib/docker", None, True)

    def image(self, name):
        if self.refusal:
            raise self.refusal
        return self.images.get(name)

    def build(self, name, variant, told, stop) -> None:
        """An engine that is silent after one line."""
        if self.build_fails:
            raise self.build_fails
        told(CareProgress("Step 3/9 : RUN pip install"))
        with stop.reaching(self.go_on.set):
            self.go_on.wait()
        self.let_end.wait()
        if stop.is_wanted:
            raise CareCancelledError
        self.images[name] = ImageFacts(
            name, 9_100_000_000, datetime(2026, 11, 26, tzinfo=UTC), variant, "0.1.0"
        )

    def pull(self, name, told, stop) -> None:
        told(CareProgress("Downloading a", 250_000_000, 1_000_000_000))
        with stop.reaching(self.go_on.set):
            self.go_on.wait()
        if stop.is_wanted:
            raise CareCancelledError

    def test_gpu(self, image) -> str:
        raise self.gpu_refusal

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
    async with mounted(DockerCare, care, f"registry.example/owner/{NAME}") as screen:
        screen.start(screen.click("Pull it"))
        await screen.wait_for_text("250 of 1,000 MB")
        await screen.click("Cancel")

        await screen.wait_for_text("It was cancelled.")
        await screen.wait_for(lambda: screen.has_button("Build the image"))


async def test_only_an_image_of_a_registry_can_be_pulled(care):
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.wait_for(lambda: screen.has_button("Build the image"))

        assert not screen.has_button("Pull it")


async def test_a_silent_build_that_is_cancelled_says_so_at_once(engine, care):
    engine.let_end.clear()
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.wait_for(lambda: screen.has_button("Build the image"))
        await screen.click("Build the image")
        await screen.wait_for_text("Step 3/9")
        await screen.click("Cancel")

        await screen.wait_for_text("Cancelling…")
        assert not screen.has_button("Cancel")
        assert engine.go_on.is_set()

        engine.let_end.set()
        await screen.wait_for_text("It was cancelled.")


async def test_who_comes_back_finds_the_build_going_on_and_no_second_one(engine, care):
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.wait_for(lambda: screen.has_button("Build the image"))
        await screen.click("Build the image")
        await screen.wait_for_text("Step 3/9")

    async with mounted(DockerCare, care, "another:image") as screen:
        await screen.wait_for_text(f"{NAME}: Step 3/9")
        await screen.wait_for_text("another:image is not on this computer yet")
        assert not screen.has_button("Build the image")
        await screen.click("Cancel")

        await screen.wait_for_text("It was cancelled.")


async def test_a_build_is_told_and_can_be_cancelled_while_dockers_own_fields_are_not_shown(engine, care):
    async with mounted(ImageGoingOn, care) as screen:
        assert not screen.identified("docker-progress")

    care.work.begin(care.build, NAME)
    async with mounted(ImageGoingOn, care) as screen:
        await screen.wait_for_text(f"{NAME}: Step 3/9")
        await screen.click("Cancel")

        await screen.wait_for(lambda: not screen.identified("docker-progress"))
        assert engine.go_on.is_set()


async def test_of_a_long_output_the_end_is_shown_and_all_is_copied(engine, care):
    printed = "\n".join(f"line {number}" for number in range(1, 801))
    async with mounted(Output, printed) as screen:
        await screen.click("What the build printed")

        await screen.wait_for_text("Its last 500 of 800 lines")
        assert "line 301" in screen.text()
        assert "line 300\n" not in screen.text()
        await screen.click("Copy what the build printed")
        assert any(call[1].get("data") == printed for call in screen.client.calls if call[0] == "set")


async def test_a_build_that_failed_shows_why_and_its_whole_output_to_open_and_copy(engine, care):
    printed = "Step 3/9 : RUN pip install\nERROR: No matching distribution found for torch"
    engine.build_fails = BuildFailedError("The image could not be built: No torch.", "Look.", printed)
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.wait_for(lambda: screen.has_button("Build the image"))
        await screen.click("Build the image")
        await screen.wait_for_text("could not be built: No torch.")

        await screen.click("What the build printed")
        await screen.wait_for_text("ERROR: No matching distribution found for torch")
        await screen.click("Copy what the build printed")
        assert any(call[1].get("data") == printed for call in screen.client.calls if call[0] == "set")


async def test_an_engine_that_was_started_meanwhile_is_noticed(engine, care, monkeypatch):
    monkeypatch.setattr("app.ui.training.docker_care._LOOK_SECONDS", 0.05)
    engine.refusal = TargetError("Docker is not running.", "Start Docker.")
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.wait_for_text("Docker is not running.")
        engine.refusal = None
        await screen.wait_for_text("is not on this computer yet")
        engine.images[NAME] = ImageFacts(NAME, 1_000_000_000, None)

        await screen.wait_for_text(f"{NAME}: 1.0 GB")


async def test_who_does_not_want_to_wait_looks_again(engine, care, monkeypatch):
    monkeypatch.setattr("app.ui.training.docker_care._LOOK_SECONDS", 1000)
    engine.refusal = TargetError("Docker is not running.", "Start Docker.")
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.wait_for_text("Docker is not running.")
        engine.refusal = None
        await screen.click("Look again")
        await screen.wait_for_text("is not on this computer yet")
        engine.images[NAME] = ImageFacts(NAME, 1_000_000_000, None)
        await screen.click("Look again")

        await screen.wait_for_text(f"{NAME}: 1.0 GB")


async def test_the_gpu_test_gives_the_commands_of_this_system_to_copy(engine, care):
    engine.images[NAME] = ImageFacts(NAME, 1_000_000_000, None)
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.click("Test the GPU in Docker")
        await screen.wait_for_text("sudo dnf install -y nvidia-container-toolkit")

        await screen.click("Copy the commands")
        assert any("dnf" in str(call[1].get("data")) for call in screen.client.calls if call[0] == "set")


async def test_lines_that_install_the_toolkit_are_given_only_where_it_is_missing(engine, care):
    engine.images[NAME] = ImageFacts(NAME, 1_000_000_000, None)
    engine.gpu_refusal = TargetError("The NVIDIA driver was updated.", "Restart the computer.")
    async with mounted(DockerCare, care, NAME) as screen:
        await screen.click("Test the GPU in Docker")
        await screen.wait_for_text("The NVIDIA driver was updated. Restart the computer.")

        assert not screen.has_button("Copy the commands")
        assert not any("nvidia-ctk" in said for said in screen.texts())


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
    async with mounted(DockerCare, care, f"owner/{NAME}", "Offline mode is on.") as screen:
        await screen.wait_for_text("one can come in a bundle")

        assert screen.button("Build the image").disabled
        assert screen.button("Pull it").disabled
