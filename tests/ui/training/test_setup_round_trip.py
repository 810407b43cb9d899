"""Every field of a setup comes back exactly, through form, store, form and file."""

import pytest
from hypothesis import given, settings

from app.adapters.sqlite.configs import SqliteConfigStore
from app.adapters.sqlite.engine import open_database
from app.domain.setup_differences import differences
from app.domain.setups import Setup
from app.services.setup_files import parse_setup, setup_text
from app.services.setups import SetupService
from app.ui.training.draft import TrainingDraft
from tests.every_setting import every_setting, plain
from tests.services.conftest import make_world
from tests.ui.training.any_setup import setups as any_setups
from trainer_image.config import Lora, Osft, RunConfig, Sft

SETTINGS = list(every_setting())


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    home = tmp_path_factory.mktemp("setups")
    database = open_database(home / "tunewright.db")
    world = make_world(home, database)
    yield SetupService(SqliteConfigStore(database), world.library, world.training)
    database.dispose()


def through_a_form(setup: Setup) -> Setup:
    draft = TrainingDraft()
    draft.load(setup)
    assert draft.incomplete() == ""
    return draft.to_setup()


def all_the_way(saved: SetupService, setup: Setup) -> list[Setup]:
    """As it is after each step: form, store, form again, .toml and .json."""
    formed = through_a_form(setup)
    saved.save("it", formed, replace=True)
    stored = saved.load("it")
    again = through_a_form(stored)
    return [formed, stored, again, *_files(again)]


def _files(setup: Setup) -> list[Setup]:
    can_be_toml = None not in setup.config.backend_args.values()
    names = ["it.json", *(["it.toml"] if can_be_toml else [])]
    return [parse_setup(setup_text(setup, name), name) for name in names]


def test_every_setting_comes_back_through_form_store_form_and_file(saved):
    for place, setup in SETTINGS:
        for step, back in enumerate(all_the_way(saved, setup)):
            assert differences(back, setup) == [], f"{place}, step {step}"
            assert back == setup, f"{place}, step {step}"


def test_the_settings_above_are_all_there_are():
    """A setting that no setup of this test changes would come back by chance."""
    fresh = [Setup.model_validate(plain(method)) for method in (Lora, Osft)]
    changed = {d.path for _, setup in SETTINGS for other in fresh for d in differences(other, setup)}
    known = {d.path for a in fresh for d in differences(a, Setup.model_validate(plain(Sft)))}

    assert known <= changed
    assert {f"config.{name}" for name in RunConfig.model_fields} - {
        "config." + name for name in ("schema_version", "method", "dataset", "push", "logging")
    } - {"config.distributed", "config.backend_args"} <= changed


@given(any_setups)
@settings(max_examples=20)
def test_so_does_any_mixture_of_them(saved, setup):
    assert all(back == setup for back in all_the_way(saved, setup))
