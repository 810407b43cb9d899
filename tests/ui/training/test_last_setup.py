"""The form opens as it was last started."""

import flet as ft

from app.domain.setups import Setup
from tests.ui.training.conftest import choose_session
from trainer_image.config import RunConfig


async def test_the_last_started_setup_is_in_the_form_when_the_app_opens(studio):
    session = studio.services.library.sessions()[0]
    config = RunConfig(base_model="me/model", learning_rate=0.003, max_steps=None, num_epochs=4)
    studio.services.settings.remember_setup(Setup(session=session.name, config=config))

    async with studio.opened() as screen:
        await screen.wait_for(lambda: studio.draft.base_model == "me/model")

        assert screen.find(ft.TextField, "Learning rate").value == "0.003"
        assert studio.draft.to_setup().config == config


async def test_what_is_started_is_what_is_remembered(studio):
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await screen.type("Learning rate", "0.001")
        await screen.wait_for(lambda: not screen.button("Start training").disabled)
        await screen.click("Start training")
        await screen.wait_for(lambda: len(studio.runs()) == 1)

        await screen.wait_for(lambda: studio.services.settings.last_setup() is not None)

    assert studio.services.settings.last_setup().config.learning_rate == 0.001
