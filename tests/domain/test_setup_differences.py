"""Two setups, or two runs' configs, side by side."""

import pytest
from pydantic import BaseModel

from app.domain.runs import Target
from app.domain.setting_labels import _LABELS, label_of
from app.domain.setup_differences import differences, worded
from app.domain.setups import Setup
from app.ui.training.typed_numbers import NUMBERS
from app.ui.training.typed_numbers import label_of as field_label
from trainer_image.config import Distributed, HubDataset, Logging, Lora, Osft, Push, RunConfig, Sft

PLAIN = RunConfig(base_model="owner/model")


def said(left, right):
    return {d.path: (d.left, d.right) for d in differences(left, right)}


def test_what_is_the_same_is_no_difference():
    assert differences(PLAIN, RunConfig(base_model="owner/model")) == []


def test_each_setting_that_differs_is_named_with_its_place_and_both_values():
    other = RunConfig(base_model="owner/model", learning_rate=1e-5, method=Lora(lora_r=64, lora_alpha=128))

    found = differences(PLAIN, other)

    assert [(d.path, d.label, d.left, d.right) for d in found] == [
        ("method.lora_r", "LoRA rank (r)", 16, 64),
        ("method.lora_alpha", "LoRA alpha", 32, 128),
        ("learning_rate", "Learning rate", 2e-4, 1e-5),
    ]


def test_what_only_one_method_has_is_missing_on_the_other_side():
    found = said(PLAIN, RunConfig(base_model="owner/model", method=Osft()))

    assert found["method.kind"] == ("lora", "osft")
    assert found["method.lora_r"] == (16, None)
    assert found["method.unfreeze_rank_ratio"] == (None, 0.5)


def test_each_backend_argument_and_each_setting_of_the_hub_differs_by_itself():
    left = RunConfig(
        base_model="m", method=Sft(), backend="instructlab-training", backend_args={"use_liger": True}
    )
    right = left.model_copy(update={"backend_args": {}, "push": Push(repo_id="me/it")})

    found = said(left, right)

    assert found["backend_args.use_liger"] == (True, None)
    assert found["push.repo_id"] == (None, "me/it")
    assert label_of("backend_args.use_liger") == "Backend argument use_liger"


def test_two_setups_differ_in_their_place_and_data_too():
    left = Setup(session="a1", config=PLAIN)
    right = Setup(
        target=Target.DOCKER, config=PLAIN.model_copy(update={"dataset": HubDataset(repo="owner/rows")})
    )

    found = said(left, right)

    assert found["target"] == ("local", "docker")
    assert found["session"] == ("a1", None)
    assert found["config.dataset.repo"] == (None, "owner/rows")
    assert "setup_version" not in found


def test_a_setup_is_compared_with_a_run_by_its_config():
    assert said(Setup(session="a1", config=PLAIN), PLAIN.model_copy(update={"seed": 1})) == {
        "seed": (3407, 1)
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (True, "on"), (2e-4, "0.0002"), (16, "16"), (["q_proj", "mlp"], "q_proj mlp"), ([], "–")],
)
def test_a_value_is_worded_for_people(value, words):
    assert worded(value) == words


def places(model: type[BaseModel], prefix: str = "") -> set[str]:
    return {prefix + name for name in model.model_fields}


def test_every_setting_has_a_label_and_no_label_is_for_nothing():
    method = places(Lora, "method.") | places(Osft, "method.")
    sections = places(Logging, "logging.") | places(Push, "push.") | places(Distributed, "distributed.")
    config = places(RunConfig) - {"schema_version", "dataset", "method", "distributed", "logging"}
    labelled = {
        path for path in _LABELS if not path.startswith(("docker.", "pod.", "job.", "dataset.", "answers."))
    }
    parts = {"setup_version", "docker", "pod", "job", "config", "answers"}
    of_setups = set(Setup.model_fields) - parts | {"session_name"}

    assert labelled == method | sections | config | of_setups


def test_the_forms_numbers_are_called_what_they_are_called_elsewhere():
    of_method = {**Lora.model_fields, **Osft.model_fields}
    for name in NUMBERS:
        assert field_label(name) == label_of(f"method.{name}" if name in of_method else name)


def test_a_target_is_said_as_it_is_called_where_it_is_chosen():
    here = Setup(session="any", config=RunConfig(base_model="a/b"))
    there = here.model_copy(update={"target": Target.DOCKER})

    [found] = differences(here, there)

    assert found.said() == ("This computer (no Docker)", "Local (Docker)")
