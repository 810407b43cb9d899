"""What goes on although offline mode was switched on stands in the banner, and is stopped from there."""

import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from app.bootstrap import build_services
from app.domain.docker_care import ImageFacts
from app.domain.errors import ImportFailedError
from app.domain.runs import RunRequest, RunStatus, Target
from app.paths import Paths
from app.ui.offline import OfflineBanner
from tests.services.conftest import started, write_events
from tests.ui.harness import mounted
from trainer_image.config import Logging, Push, RunConfig


def going(studio, name: str, **config):
    session = studio.services.library.sessions()[0]
    request = RunRequest(
        RunConfig(base_model="owner/model", **config), Target.LOCAL, session_id=session.id, output_name=name
    )
    run = studio.services.training.start(request)
    write_events(run, started())
    return run


@pytest.mark.parametrize(
    ("config", "said", "saves"),
    [
        ({}, "ferry was started online and may use the network.", True),
        (
            {"logging": Logging(wandb_project="boats")},
            "ferry was started online and sends its numbers to Weights & Biases.",
            True,
        ),
        (
            {"push": Push(repo_id="me/mine", every_save=True)},
            "ferry was started online and sends each checkpoint and its result to me/mine on the Hugging",
            False,
        ),
    ],
    ids=["nothing known", "numbers", "each checkpoint"],
)
async def test_a_run_that_was_started_online_is_named_with_what_it_sends_and_stopped(
    studio, config, said, saves
):
    run = going(studio, "ferry", **config)
    studio.services.offline.switch(True)
    async with mounted(OfflineBanner, studio.services) as screen:
        await screen.wait_for_text(said)
        assert "Nothing new is fetched or sent, but what was started before goes on." in screen.text()

        await screen.click("Stop ferry")
        await screen.wait_for_text("Nothing new is fetched or sent. Switch")

    assert studio.world.launcher.job(run).stops == [saves]
    assert studio.services.monitoring.find("ferry").status is RunStatus.STOPPED


async def test_a_rented_pod_is_named_although_it_cannot_be_stopped_from_here(studio):
    run = going(studio, "far")
    studio.world.runs.update(run.id, lambda r: replace(r, target=Target.RUNPOD))
    studio.services.offline.switch(True)
    async with mounted(OfflineBanner, studio.services) as screen:
        await screen.wait_for_text("far goes on at Runpod - Pod and costs money until its deadline.")
        assert "Only online can it be looked at, fetched from or stopped." in screen.text()
        assert not screen.has_button("Stop far")


async def test_what_was_started_offline_or_is_over_is_not_named(studio):
    studio.finish(going(studio, "over"))
    going(studio, "inside", offline=True)
    studio.services.offline.switch(True)
    async with mounted(OfflineBanner, studio.services) as screen:
        await screen.wait_for_text("Nothing new is fetched or sent. Switch")
        assert "inside" not in screen.text()


def test_an_export_and_a_model_that_is_being_loaded_are_named_too(studio):
    still = studio.services.still_online
    still._exports, still._loads_online = lambda: ["ferry GGUF"], lambda: True

    said = [each.said for each in still.under_way()]

    assert said == [
        "The export of ferry GGUF goes on and may fetch what it needs of the model.",
        "A model to talk to is being loaded, perhaps from the Hub.",
    ]


async def test_an_image_that_docker_is_getting_is_named_until_it_is_there(studio):
    begun, over = threading.Event(), threading.Event()

    def get(image: str, told, stop) -> ImageFacts:
        begun.set()
        over.wait(30)
        return ImageFacts(image, 1, None, "cpu", "1")

    studio.services.docker_care.work.begin(get, "tunewright-trainer:cpu")
    begun.wait(30)
    studio.services.offline.switch(True)
    async with mounted(OfflineBanner, studio.services) as screen:
        await screen.wait_for_text("Docker is building or pulling the image tunewright-trainer:cpu")
        over.set()
        await screen.wait_for(lambda: "tunewright-trainer" not in screen.text())


async def test_a_dataset_that_is_being_fetched_is_named_until_it_is_here(studio):
    begun, over = threading.Event(), threading.Event()

    class SlowHub:
        def preview_hub(self, *place, token):
            begun.set()
            over.wait(30)
            raise ImportFailedError("Nothing came.", "Try again.")

    library = studio.services.library
    library._sources, studio.services.still_online._datasets = SlowHub(), library.fetching.names
    fetching = threading.Thread(target=lambda: suppressed(library, "owner/data"))
    fetching.start()
    begun.wait(30)
    studio.services.offline.switch(True)
    async with mounted(OfflineBanner, studio.services) as screen:
        await screen.wait_for_text("The dataset owner/data is being fetched from the Hub.")
        over.set()
        await screen.wait_for(lambda: "owner/data" not in screen.text())
    fetching.join()


def suppressed(library, repo: str) -> None:
    with suppress(ImportFailedError):
        library.preview_hub(repo)


def test_the_app_names_a_dataset_that_another_process_imports_for_it(tmp_path):
    services, named = build_services(Paths(tmp_path)), []

    class Other:
        def do(self, call, tell):
            named.extend(each.said for each in services.still_online.under_way())

    services.library.elsewhere = Other()
    services.library.import_hub("owner/data")

    assert named == ["The dataset owner/data is being fetched from the Hub."]
    assert services.still_online.under_way() == ()
