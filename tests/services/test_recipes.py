"""The recipes that come with the app say where they are from, and what was seen is of what they say now."""

import pytest

from app.domain.errors import StudioError
from app.domain.setups import BUNDLED_MODEL
from app.paths import Paths
from app.services.recipes import recipe, recipes

ASSETS = Paths.from_environment().assets
ALL = recipes(ASSETS)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_a_recipe_was_run_as_it_stands_or_says_that_it_was_not(one):
    if one.measured is None:
        assert one.setup.config.base_model != BUNDLED_MODEL, "run benchmarks/recipes.py"
        assert one.limits.startswith("Not run")
        assert one.seen == "It has not been run for this list."
    else:
        assert one.measured.config_sha256 == one.config_sha256, "changed: run benchmarks/recipes.py again"
        assert one.measured.loss_after < one.measured.loss_before
        assert f"{one.measured.loss_before:.3g} before, {one.measured.loss_after:.3g} after" in one.seen
    assert one.source
    assert one.what_for


def test_every_method_has_one_and_a_name_that_is_none_is_told():
    assert {one.setup.config.method.kind for one in ALL} == {"sft", "lora", "osft"}
    with pytest.raises(StudioError, match="no recipe “soup”"):
        recipe(ASSETS, "soup")


def test_what_was_seen_of_a_changed_recipe_no_longer_counts():
    one = recipe(ASSETS, "every-weight")
    config = one.setup.config.model_copy(update={"learning_rate": 0.5})
    changed = one.model_copy(update={"setup": one.setup.model_copy(update={"config": config})})

    assert changed.config_sha256 != one.config_sha256


def test_a_recipe_that_cannot_be_read_is_told_by_its_name(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "soup.toml").write_text("title = 3", encoding="utf-8")

    with pytest.raises(StudioError, match="recipe soup cannot be read"):
        recipes(tmp_path)
