"""The form opens as it was last started."""

import flet as ft

from app.domain.setups import Setup
from app.ui.training.draft import TrainingDraft
from tests.ui.training.conftest import choose_session
from tests.ui.training.test_beginner import press
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


async def test_a_form_that_was_never_started_is_there_again_with_its_answers(studio):
    studio.draft.skill = "beginner"
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await screen.type("Learning rate", "0.004")
        await press(screen, "Everything")
        await screen.wait_for(lambda: _kept(studio).method.kind == "sft")

    again = TrainingDraft()
    again.restore(studio.services.settings.left_form())

    assert again.numbers["learning_rate"] == "0.004"
    assert (again.answers.goal, again.method) == ("everything", "sft")
    assert not again.was_started_before


async def test_answers_given_while_the_form_is_not_complete_are_kept_too(studio):
    studio.draft.skill = "beginner"
    async with studio.opened() as screen:
        await screen.type("Epochs", "many")
        await press(screen, "New knowledge")
        await screen.wait_for(lambda: studio.services.settings.left_form().answers is not None)
        await screen.wait_for(lambda: studio.services.settings.left_form().answers.goal == "knowledge")

    again = TrainingDraft()
    again.restore(studio.services.settings.left_form())

    assert (again.answers.goal, again.method) == ("knowledge", "osft")


def _kept(studio):
    left = studio.services.settings.left_form().setup
    return left.config if left else RunConfig(base_model="none")
