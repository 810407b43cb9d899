"""One dataset, several methods: each with its advice, all comparable."""

import pytest

from app.domain.errors import StudioError
from app.domain.fan_out import fan_out
from app.domain.presets import QUICK_LOCAL_TEST
from app.domain.setups import Setup
from trainer_image.config import Lora, RunConfig


def setup(**config) -> Setup:
    made = RunConfig(base_model="a/b", method=Lora(lora_r=7), learning_rate=1e-3, **config)
    return Setup(session="s", output_name="x", config=made)


def test_each_method_gets_its_advice_and_the_chosen_one_keeps_its_settings():
    lora, osft, sft = fan_out(setup(), ["lora", "osft", "sft"], rows=500)

    assert (lora.config.method, lora.config.learning_rate) == (Lora(lora_r=7), 1e-3)
    assert (osft.config.method.kind, osft.config.learning_rate) == ("osft", 5e-6)
    assert (sft.config.method.kind, sft.config.learning_rate) == ("sft", 5e-6)
    assert [s.output_name for s in (lora, osft, sft)] == ["x-lora", "x-osft", "x-sft"]


def test_what_a_preset_says_for_a_method_goes_before_the_rule_of_thumb():
    quick = setup().model_copy(update={"preset": QUICK_LOCAL_TEST})

    assert fan_out(quick, ["sft"], rows=500)[0].config.learning_rate == 2e-5


@pytest.mark.parametrize(("asked", "made"), [("off", "share"), ("auto", "share"), ("file", "file")])
def test_all_measure_on_rows_kept_aside_alike(asked, made):
    file = {"validation_file": "v.jsonl"} if asked == "file" else {}
    setups = fan_out(setup(validation=asked, **file), ["lora", "sft"], rows=500)

    assert {s.config.validation for s in setups} == {made}
    assert len({(s.config.seed, s.config.validation_share) for s in setups}) == 1


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"backend": "unsloth"}, "OSFT cannot be compared here: the backend unsloth trains LoRA only."),
        (
            {"method_plugin": "pissa:niter=16"},
            "OSFT cannot be compared here: the method plugin pissa:niter=16 is a way to do LoRA.",
        ),
    ],
)
def test_what_cannot_be_compared_is_said_with_the_setting_that_rules_it_out(config, said):
    with pytest.raises(StudioError, match="cannot be compared here") as refused:
        fan_out(setup(**config), ["lora", "osft"], rows=500)

    assert refused.value.message == said
    assert refused.value.hint


def test_a_method_named_twice_is_compared_once():
    assert len(fan_out(setup(), ["lora", "lora"], rows=1)) == 1
