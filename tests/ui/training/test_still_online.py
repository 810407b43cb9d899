"""What goes on although offline mode was switched on stands in the banner, and is stopped from there."""

from dataclasses import replace

import pytest

from app.domain.runs import RunRequest, RunStatus, Target
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
