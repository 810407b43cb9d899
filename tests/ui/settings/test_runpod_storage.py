"""Runpod in Settings: asked at a button, prices before a yes, nothing deleted without one."""

import flet as ft
import pytest

from app.ui.settings.runpod_storage import RunpodStorage
from tests.runpod.conftest import cloud  # noqa: F401 - a fixture
from tests.ui.harness import mounted


@pytest.fixture
def parts(cloud, services):  # noqa: F811
    return services.runpod_storage, services.renting


async def test_a_volume_is_made_after_its_price_was_seen_and_deleted_after_a_question(cloud, parts):  # noqa: F811
    async with mounted(RunpodStorage, *parts, is_shown=True) as screen:
        assert not [path for path in cloud.paths() if path.startswith("GET")]
        await screen.click("Look at Runpod")
        await screen.wait_for_text("There is none.")
        assert "$100.00" in " ".join(screen.identified("runpod-balance"))

        await screen.type("GPU (optional)", "RTX 4090")
        await screen.click("Get a volume")
        await screen.wait_for_text("50 GB in EU-RO-1: about $3.50 a month more")
        assert not cloud.account.volumes
        await screen.click("Make it")
        await screen.wait_for_text("About $3.50 a month for all volumes.")
        [made] = cloud.account.volumes

        await screen.click("Get a volume")
        await screen.wait_for_text("There is one already, in EU-RO-1.")

        await screen.click(f"Delete volume {made}")
        await screen.wait_for_text("All files on it are gone")
        assert cloud.account.volumes
        await screen.click("Delete")
        await screen.wait_for(lambda: not cloud.account.volumes)
        await screen.wait_for(
            lambda: screen.identified("runpod-volumes") == ["Network volumes", "There is none."]
        )


async def test_what_tunewright_did_not_make_cannot_be_deleted_here(cloud, parts):  # noqa: F811
    volume = cloud.account.create_volume("precious", 10, "EU-RO-1", "STANDARD")
    async with mounted(RunpodStorage, *parts, is_shown=True) as screen:
        await screen.click("Look at Runpod")
        await screen.wait_for_text("Tunewright did not make it.")

        names = [button.tooltip for button in screen.controls(ft.IconButton) if button.disabled]
        assert names == [f"Delete volume {volume.id}"]


async def test_a_refusal_and_a_wrong_size_are_said(cloud, parts):  # noqa: F811
    async with mounted(RunpodStorage, *parts, is_shown=True) as screen:
        cloud.faults.add("GET /v2/network-volumes", "403")
        await screen.click("Look at Runpod")
        await screen.wait_for_text("may not do this")
        await screen.click("Look at Runpod")
        await screen.wait_for_text("There is none.")

        await screen.type("Size in GB", "much")
        await screen.click("Get a volume")
        await screen.wait_for_text("The size is a whole number of GB.")


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("Size in GB", "", "The size is a whole number of GB."),
        ("Size in GB", "-1", "The size is a whole number of GB."),
        ("Size in GB", "5", "Runpod has no volume of 5 GB."),
        ("Size in GB", "99999", "Runpod has no volume of 99999 GB."),
        ("GPU (optional)", "abacus", "Runpod has no GPU abacus."),
        ("Region of the volume (optional)", "mars", "In MARS there are no volumes now."),
        ("Image of the template", "my image", "A template needs an image that Runpod can get."),
    ],
)
async def test_nonsense_in_a_field_is_said_and_makes_nothing(cloud, parts, field, typed, said):  # noqa: F811
    async with mounted(RunpodStorage, *parts, is_shown=True) as screen:
        await screen.click("Look at Runpod")
        await screen.type(field, typed)
        await screen.click("Make the template" if "template" in field else "Get a volume")

        await screen.wait_for_text(said)
        assert not cloud.account.volumes
        assert not cloud.account.templates


async def test_a_template_is_made(cloud, parts):  # noqa: F811
    async with mounted(RunpodStorage, *parts, is_shown=True) as screen:
        await screen.click("Look at Runpod")
        await screen.wait_for_text("There is none.")
        await screen.type("Image of the template", "ghcr.io/x/trainer:1")
        await screen.click("Make the template")

        await screen.wait_for_text("ghcr.io/x/trainer:1, 40 GB")
        assert len(cloud.account.templates) == 1


async def test_without_a_key_nothing_is_asked_and_the_way_to_one_is_said(cloud, parts, monkeypatch):  # noqa: F811
    monkeypatch.delenv("RUNPOD_API_KEY")
    async with mounted(RunpodStorage, *parts, is_shown=True) as screen:
        await screen.wait_for_text("There is no key for Runpod.")

        assert screen.button("Look at Runpod").disabled
        assert cloud.paths() == []
