"""Offline mode in the window: said at the top, and what needs the network is off with its reason."""

import flet as ft

from app.ui.merge.draft import MergeDraft
from app.ui.merge.sources import AddHub
from app.ui.offline import OfflineBanner
from app.ui.settings.offline import OfflineSwitch
from app.ui.training.draft import TrainingDraft
from app.ui.training.form import TrainingForm
from app.ui.training.options import Source
from tests.ui.harness import mounted


async def test_a_banner_says_that_it_is_on_and_how_to_leave_it(services):
    services.offline.switch(True)

    async with mounted(OfflineBanner, services) as screen:
        await screen.wait_for_text("Nothing new is fetched or sent. Switch")
        assert "Switch offline mode off in Settings" in screen.text()


async def test_without_it_there_is_no_banner(services):
    async with mounted(OfflineBanner, services) as screen:
        assert screen.texts() == []


async def test_the_switch_of_the_settings_moves_it(services):
    async with mounted(OfflineSwitch, services.offline) as screen:
        await screen.fire(screen.find(ft.Switch, "Offline mode"), "change", True)

        await screen.wait_for(lambda: services.settings.is_offline)
    assert "switched on" in services.offline.reason()


async def test_where_the_environment_decides_the_switch_shows_it_and_stays(services, monkeypatch):
    monkeypatch.setenv("TUNEWRIGHT_OFFLINE", "1")

    async with mounted(OfflineSwitch, services.offline) as screen:
        await screen.wait_for(lambda: screen.find(ft.Switch, "Offline mode").value)

        assert screen.find(ft.Switch, "Offline mode").disabled
        assert "TUNEWRIGHT_OFFLINE decides" in " ".join(screen.identified("offline-help"))


async def test_the_training_form_takes_back_what_needs_the_network(services):
    draft = TrainingDraft(source=Source.HUB, push_repo="me/mine", skill="expert")
    services.offline.switch(True)

    async with mounted(TrainingForm, services, draft, lambda: None, is_shown=True) as screen:
        await screen.wait_for(lambda: draft.offline_reason)
        await screen.wait_for(lambda: hub_segment(screen).disabled)

        assert (draft.source, draft.push_repo) == (Source.SESSION, "")
        assert "Hugging Face dataset cannot be read now" in " ".join(screen.identified("source-offline"))

        services.offline.switch(False)
        await screen.wait_for(lambda: not hub_segment(screen).disabled)


async def test_the_field_for_a_repository_to_push_to_says_why_it_is_empty(services):
    draft = TrainingDraft(push_repo="me/mine", skill="expert", sought="push to hub")

    async with mounted(TrainingForm, services, draft, lambda: None, is_shown=True) as screen:
        field = await screen.wait_for(lambda: push_field(screen))
        assert (field.value, field.disabled) == ("me/mine", False)
        assert not screen.identified("push-offline")

        services.offline.switch(True)
        await screen.wait_for(lambda: push_field(screen).disabled)
        assert push_field(screen).value == ""
        assert "Nothing can be pushed to the Hub now" in " ".join(screen.identified("push-offline"))

        services.offline.switch(False)
        await screen.wait_for(lambda: not push_field(screen).disabled)
        assert not screen.identified("push-offline")


async def test_a_merge_takes_no_dataset_of_the_hub_and_says_why(services):
    services.offline.switch(True)

    async with mounted(AddHub, services.library, MergeDraft()) as screen:
        await screen.type("Dataset repository", "owner/name")
        await screen.wait_for_text("switched on in Settings")

        assert screen.button("Add dataset").disabled


def push_field(screen) -> ft.TextField | None:
    fields = screen.controls(ft.TextField)
    return next((f for f in fields if str(f.label).startswith("Push to Hub")), None)


def hub_segment(screen) -> ft.Segment:
    return next(s for s in screen.controls(ft.Segment) if s.value == Source.HUB)
