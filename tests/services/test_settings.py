"""What is remembered between starts."""

import pytest

from app.domain.setups import Setup
from trainer_image.config import RunConfig


def test_the_last_setup_comes_back_as_it_was(world):
    setup = Setup(session="mine", output_name="first", config=RunConfig(base_model="a/b", max_steps=7))

    world.settings.remember_setup(setup)

    assert world.settings.last_setup() == setup


def test_a_setup_this_version_cannot_read_counts_as_none(world):
    world.settings._store.set("training.last_setup", '{"setup_version": 99}')

    assert world.settings.last_setup() is None


def test_a_theme_is_kept_and_nonsense_is_refused(world):
    assert world.settings.theme == "system"

    world.settings.set_theme("dark")

    assert world.settings.theme == "dark"
    with pytest.raises(ValueError, match="plaid"):
        world.settings.set_theme("plaid")
