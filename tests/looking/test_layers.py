"""Which layers patterns match: by the model itself where it is here, else by its like."""

import re

import pytest

from app.domain.layer_patterns import PATTERN_GROUPS, matches, usual_names, with_group
from app.domain.setups import BUNDLED_MODEL
from app.services.everything import Services
from trainer_image import targets

GROUPS = {group.label: group.pattern for group in PATTERN_GROUPS}


def test_the_bundled_models_own_layers_are_matched(services: Services) -> None:
    found = services.layers.matching(BUNDLED_MODEL, [r"\.[01]\.mlp", "nothing_like_it"])

    assert found.is_real
    assert all(re.fullmatch(r"model\.layers\.[01]\.mlp\.(gate|up|down)_proj", n) for n in found.matches.names)
    assert len(found.matches.names) == 6
    assert found.matches.without_any == ("nothing_like_it",)
    assert found.matches.of > 6


def test_a_model_that_is_not_here_is_told_by_its_like_and_that_is_said(services: Services) -> None:
    found = services.layers.matching("nobody/gpt2-that-is-not-here", ["c_attn"])

    assert not found.is_real
    assert found.why_not
    assert found.matches.names == ("transformer.h.0.attn.c_attn",)


@pytest.mark.parametrize("model", ["owner/llama", "owner/gpt2", "facebook/opt-1b", "m/Phi-3", "tii/falcon"])
def test_attention_and_mlp_are_two_groups_that_make_up_all(model: str) -> None:
    names = usual_names(model)
    attention, mlp, every = (
        set(matches(names, [GROUPS[label]]).names) for label in ("Attention", "MLP", "All")
    )

    assert attention == set(targets.attention(names))
    assert attention | mlp == every == set(names)
    assert not attention & mlp
    assert targets.usual(names) == list(names)


def test_a_button_puts_its_pattern_and_takes_it_away_again() -> None:
    assert with_group("own.*", GROUPS["MLP"]) == GROUPS["MLP"]
    assert with_group(GROUPS["MLP"], GROUPS["MLP"]) == ""


def test_names_that_differ_in_a_number_only_are_one() -> None:
    found = matches(["model.layers.0.mlp.up", "model.layers.1.mlp.up", "model.x"], ["."])

    assert found.in_short == "model.layers.*.mlp.up (2), model.x"
