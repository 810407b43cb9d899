"""The draft keeps what a person typed and gives back exactly the setup it was loaded from."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how

from app.domain.presets import PRESETS, QUICK_LOCAL_TEST, preset_values
from app.domain.runs import RunId
from app.domain.sessions import Session, SessionId
from app.domain.setups import BUNDLED_MODEL
from app.services.settings import LeftForm
from app.ui.training.beginner.cloned import open_clone
from app.ui.training.draft import CUSTOM, TrainingDraft
from app.ui.training.expert.catalogue import METHODS, SECTIONS, settings
from app.ui.training.options import Source
from tests.ui.training.any_setup import setups
from trainer_image.config import (
    HubDataset,
    Lora,
    Osft,
    RunConfig,
    Sft,
)

SLOWLY = how(suppress_health_check=[HealthCheck.too_slow])
"""A setup has many fields to draw, and a busy computer takes its time for each."""


@given(setups)
@SLOWLY
def test_a_setup_comes_back_exactly_as_it_was_loaded(setup):
    draft = TrainingDraft()

    draft.load(setup)

    assert draft.missing() == ""
    assert draft.to_setup() == setup


@given(setups, setups)
@SLOWLY
def test_loading_a_setup_leaves_nothing_of_the_one_before(first, second):
    draft = TrainingDraft()

    draft.load(first)
    draft.load(second)

    assert draft.to_setup() == second


def test_every_field_of_a_config_has_its_place_in_the_form():
    shown = {s.path.rpartition(".")[2] for method in METHODS for s in settings(method)}
    elsewhere = {"schema_version", "kind", "base_model", "dataset", "method", "load_in_8bit", *SECTIONS}

    fields = {name for part in (RunConfig, Lora, Osft, *SECTIONS.values()) for name in part.model_fields}
    assert fields == shown | elsewhere


@pytest.mark.parametrize(
    ("typed", "bound", "said"),
    [
        ("", None, ""),
        ("Auto", "auto", ""),
        ("4096", 4096, ""),
        ("2000", None, "Type at least 2,048 tokens"),
        ("many", None, "Type a number of tokens"),
    ],
)
def test_tokens_at_once_are_a_number_auto_or_nothing(typed, bound, said):
    draft = TrainingDraft(session="any", max_tokens=typed)

    assert draft.missing().startswith(said)
    if not said:
        assert draft.missing() == ""
        assert draft.to_setup().config.max_tokens_per_gpu == bound


def test_a_fresh_form_holds_the_quick_local_test_and_lacks_only_the_data():
    draft = TrainingDraft()

    assert (draft.preset, draft.base_model, draft.missing()) == (
        QUICK_LOCAL_TEST,
        BUNDLED_MODEL,
        "Choose a dataset",
    )
    draft.session = "any"
    config = draft.to_setup().config
    wanted = preset_values(QUICK_LOCAL_TEST, "lora")
    assert {name: getattr(config, name) for name in wanted} == wanted


def test_changing_a_value_of_the_preset_makes_it_custom():
    draft = TrainingDraft()

    draft.type_number("max_steps", "51")

    assert draft.preset == CUSTOM


def test_writing_the_same_value_another_way_keeps_the_preset():
    draft = TrainingDraft()

    draft.type_number("learning_rate", "2e-4")

    assert draft.preset == QUICK_LOCAL_TEST


@pytest.mark.parametrize(("method", "learning_rate"), [("lora", "0.0002"), ("sft", "0.00002")])
def test_the_preset_learns_ten_times_slower_when_it_changes_all_weights(method, learning_rate):
    draft = TrainingDraft(session="any")

    draft.choose_method(method)

    assert (draft.numbers["learning_rate"], draft.preset) == (learning_rate, QUICK_LOCAL_TEST)
    assert draft.to_setup().config.learning_rate == float(learning_rate)


def test_changing_the_method_keeps_ones_own_values():
    draft = TrainingDraft(session="any")
    draft.type_number("learning_rate", "0.003")

    draft.choose_method("sft")

    assert (draft.to_setup().config.learning_rate, draft.preset) == (0.003, CUSTOM)


@pytest.mark.parametrize("method", ["lora", "sft"])
@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_values_are_its_own_in_a_setup_that_says_so_and_in_one_of_a_run(name, method):
    draft = TrainingDraft(session="any")
    draft.choose_method(method)
    draft.apply_preset(name)
    setup, loaded = draft.to_setup(), TrainingDraft()

    loaded.load(setup)
    assert loaded.preset == name

    of_a_run = setup.model_copy(update={"preset": ""})
    loaded.load(of_a_run)
    assert loaded.preset == CUSTOM
    open_clone(loaded, RunId("a run"), of_a_run)
    assert loaded.preset == name


@pytest.mark.parametrize(
    ("sessions", "last", "chosen"), [(1, None, "s0"), (2, None, ""), (0, None, ""), (1, "Setup", "")]
)
def test_only_before_the_very_first_run_a_single_session_is_chosen_already(sessions, last, chosen):
    draft, first = TrainingDraft(), TrainingDraft(source=Source.FILE, file="rows.jsonl").to_setup()
    draft.restore(LeftForm(first, was_started=True) if last else LeftForm())

    draft.preselect([session(f"s{n}") for n in range(sessions)])

    assert draft.session == chosen


def session(name: str) -> Session:
    return Session(SessionId(name), name, "a file", 1, datetime(2026, 1, 2, tzinfo=UTC), "0" * 64)


def test_applying_the_preset_again_puts_its_values_back():
    draft = TrainingDraft(session="any")
    draft.type_number("max_steps", "7")
    draft.type_number("seed", "1")

    draft.apply_preset(QUICK_LOCAL_TEST)

    config = draft.to_setup().config
    assert (config.max_steps, config.seed, draft.preset) == (50, 1, QUICK_LOCAL_TEST)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("num_epochs", "0", "Must be at least 1."),
        ("num_epochs", "two", "Type a whole number."),
        ("num_epochs", "", "Type a whole number."),
        ("learning_rate", "1", "Must be less than 1."),
        ("learning_rate", "0,1", "Type a number with a point, like 0.0002."),
        ("learning_rate", "nan", "Type a finite number."),
        ("lora_dropout", "-0.1", "Must be at least 0."),
        ("lora_r", "2000", "Must be at most 1,024."),
        ("seed", "4294967296", "Must be less than 4,294,967,296."),
    ],
)
def test_an_invalid_number_is_kept_as_typed_and_says_what_is_wrong(name, text, problem):
    draft = TrainingDraft(session="any")

    draft.type_number(name, text)

    assert draft.numbers[name] == text
    assert draft.number_problem(name) == problem
    assert draft.missing().startswith("Correct")


def test_numbers_of_a_method_that_is_not_chosen_do_not_block():
    draft = TrainingDraft(session="any", method="sft")

    draft.type_number("lora_r", "nonsense")

    assert draft.missing() == ""
    assert draft.to_setup().config.method == Sft()


@pytest.mark.parametrize(
    ("settings", "order"),
    [
        ({"target_modules": "custom"}, "Type target patterns, or choose other target modules"),
        ({"target_modules": "custom", "lora_patterns": "q_proj ("}, "'(' is not a regular expression"),
        ({"method": "osft", "osft_patterns": "[a"}, "'[a' is not a regular expression"),
        ({"use_dora": True, "base_bits": "8"}, "Choose 4 bits, or turn DoRA off"),
        ({"lora_patterns": "["}, ""),
        ({"method": "sft", "osft_patterns": "[", "use_dora": True, "base_bits": "8"}, ""),
    ],
)
def test_only_what_the_chosen_method_uses_can_be_wrong_with_it(settings, order):
    draft = TrainingDraft(session="any", **settings)

    assert draft.missing().startswith(order)
    assert bool(draft.missing()) == bool(order)
    if not order:
        assert draft.to_setup().config.method.kind == draft.method


def test_switching_the_source_keeps_what_was_typed_for_the_others():
    draft = TrainingDraft(session="mine", hub_repo="owner/rows", file="rows.jsonl")

    draft.source = Source.HUB
    assert draft.to_setup().config.dataset == HubDataset(repo="owner/rows")
    draft.source = Source.FILE
    assert draft.to_setup().file == Path("rows.jsonl")
    draft.source = Source.SESSION

    assert draft.to_setup().session == "mine"


def test_documents_need_a_block_size_and_leave_out_what_is_for_conversations():
    draft = TrainingDraft(session="any")
    draft.rows["packing"] = True
    draft.rows["is_pretraining"] = True
    assert draft.missing() == "Type the “Block size” of the documents, like 2048"

    draft.type_number("block_size", "512")

    assert draft.missing() == ""
    config = draft.to_setup().config
    assert (config.is_pretraining, config.block_size, config.packing) == (True, 512, False)


def test_a_validation_file_needs_a_path():
    draft = TrainingDraft(session="any")
    draft.rows["validation"] = "file"

    assert draft.missing() == "Type the path of the validation file"


def test_the_effective_batch_is_unknown_while_a_factor_is_no_number():
    draft = TrainingDraft()
    draft.type_number("per_device_batch_size", "3")
    draft.type_number("gradient_accumulation_steps", "4")
    assert draft.effective_batch_size == 12

    draft.type_number("gradient_accumulation_steps", "")

    assert draft.effective_batch_size is None


def test_a_backend_that_trains_another_method_is_refused_with_what_it_trains():
    draft = TrainingDraft(session="any", method="lora")
    draft.spread = replace(draft.spread, backend="mini-trainer")

    assert "trains the method 'osft' only" in draft.missing()

    draft.choose_method("osft")
    assert draft.missing() == ""


def test_two_ways_for_computers_to_meet_are_refused():
    draft = TrainingDraft(session="any")
    meeting = {"rdzv_endpoint": "one:29400", "master_addr": "one"}
    draft.spread = replace(draft.spread, texts={**draft.spread.texts, **meeting})

    assert "exclude each other" in draft.missing()


def test_backend_arguments_that_are_no_json_are_refused():
    draft = TrainingDraft(session="any", method="sft")
    draft.spread = replace(draft.spread, backend="instructlab-training", backend_args="use_liger=true")

    assert draft.missing().startswith("Type the backend's arguments as JSON")


def test_warm_up_is_given_in_steps_or_as_a_share():
    draft = TrainingDraft(session="any")
    draft.type_number("warmup_steps", "3")
    draft.type_number("warmup_ratio", "0.1")

    assert draft.missing() == "Set “Warm-up steps” or “Warm-up share” to 0"


def test_advice_is_for_the_rows_of_the_chosen_session():
    draft = TrainingDraft(session="s1")
    assert draft.row_count is None

    draft.note_rows([session("s0"), session("s1")])
    assert draft.row_count == 1

    draft.source = Source.FILE
    assert draft.row_count is None
