"""The draft keeps what a person typed and gives back exactly the setup it was loaded from."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.presets import PRESETS, QUICK_LOCAL_TEST
from app.domain.runs import DockerOptions, Target
from app.domain.setups import BUNDLED_MODEL, Setup
from app.ui.training.draft import CUSTOM, Source, TrainingDraft
from app.ui.training.memory_and_logging import LOGGERS, SWITCHES
from app.ui.training.typed_numbers import NUMBERS
from trainer_image.config import FileDataset, HubDataset, Logging, Lora, Push, RunConfig, Sft

names = st.text("abcdefgXYZ019-_./é字", min_size=1, max_size=30).map(lambda text: "n" + text)
maybe_names = st.one_of(st.just(""), names)
paths = names.map(Path)
shares = st.floats(min_value=0, max_value=1, exclude_max=True)
positives = st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True)


def whole(most: int, least: int = 1):
    return st.integers(min_value=least, max_value=most)


loras = st.builds(
    Lora,
    lora_r=whole(1024),
    lora_alpha=whole(4096),
    lora_dropout=shares,
    target_modules=st.sampled_from(["all-linear", "attention"]),
)


def configs(dataset):
    return st.builds(
        RunConfig,
        base_model=st.one_of(st.just(BUNDLED_MODEL), names),
        dataset=dataset,
        method=st.one_of(loras, st.just(Sft())),
        num_epochs=whole(1000),
        max_steps=st.one_of(st.none(), whole(10**9)),
        learning_rate=positives,
        per_device_batch_size=whole(4096),
        gradient_accumulation_steps=whole(4096),
        max_seq_len=whole(1_048_576),
        lr_scheduler=st.sampled_from(["cosine", "linear", "constant"]),
        warmup_steps=whole(10**7, least=0),
        weight_decay=shares,
        max_grad_norm=st.floats(min_value=0, max_value=1e30, exclude_min=True),
        seed=whole(2**32 - 1, least=0),
        precision=st.sampled_from(["auto", "float32", "bfloat16"]),
        gradient_checkpointing=st.booleans(),
        on_oom_shorten=st.booleans(),
        probe_memory=st.booleans(),
        save_full_state=st.booleans(),
        push=st.one_of(st.none(), st.builds(Push, repo_id=st.just("me/it"), private=st.booleans())),
        logging=st.builds(Logging, **dict.fromkeys(Logging.model_fields, st.one_of(st.none(), names))),
        save_steps=whole(10**7),
        keep_checkpoints=whole(100),
        offline=st.booleans(),
    )


docker = st.builds(
    DockerOptions,
    image=names,
    data_dir=st.one_of(st.none(), paths),
    use_gpu=st.booleans(),
    pass_hf_token=st.booleans(),
    container_name=maybe_names,
)
hubs = st.builds(HubDataset, repo=names, split=names, config=st.one_of(st.none(), names))
common = {"target": st.sampled_from(Target), "output_name": maybe_names, "docker": docker}
setups = st.one_of(
    st.builds(Setup, session=names, config=configs(st.just(FileDataset())), **common),
    st.builds(Setup, file=paths, config=configs(st.just(FileDataset())), **common),
    st.builds(Setup, config=configs(hubs), **common),
    st.builds(Setup, config=configs(st.builds(FileDataset, path=names)), session=names, **common),
)


@given(setups)
def test_a_setup_comes_back_exactly_as_it_was_loaded(setup):
    draft = TrainingDraft()

    draft.load(setup)

    assert draft.missing() == ""
    assert draft.to_setup() == setup


@given(setups, setups)
def test_loading_a_setup_leaves_nothing_of_the_one_before(first, second):
    draft = TrainingDraft()

    draft.load(first)
    draft.load(second)

    assert draft.to_setup() == second


def test_every_field_of_a_config_has_its_place_in_the_form():
    placed = set(NUMBERS) | {"base_model", "dataset", "method", "lr_scheduler", "precision"}
    placed |= {"gradient_checkpointing", "offline", "schema_version", "target_modules", "kind"}

    placed |= set(SWITCHES) | {"logging", "push"}

    assert set(RunConfig.model_fields) | set(Lora.model_fields) == placed
    assert set(Logging.model_fields) == set(LOGGERS)


def test_a_fresh_form_holds_the_quick_local_test_and_lacks_only_the_data():
    draft = TrainingDraft()

    assert (draft.preset, draft.base_model, draft.missing()) == (
        QUICK_LOCAL_TEST,
        BUNDLED_MODEL,
        "Choose a dataset",
    )
    draft.session = "any"
    config = draft.to_setup().config
    assert {name: getattr(config, name) for name in PRESETS[QUICK_LOCAL_TEST]} == dict(
        PRESETS[QUICK_LOCAL_TEST]
    )


def test_changing_a_value_of_the_preset_makes_it_custom():
    draft = TrainingDraft()

    draft.type_number("max_steps", "51")

    assert draft.preset == CUSTOM


def test_writing_the_same_value_another_way_keeps_the_preset():
    draft = TrainingDraft()

    draft.type_number("learning_rate", "2e-4")

    assert draft.preset == QUICK_LOCAL_TEST


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


def test_switching_the_source_keeps_what_was_typed_for_the_others():
    draft = TrainingDraft(session="mine", hub_repo="owner/rows", file="rows.jsonl")

    draft.source = Source.HUB
    assert draft.to_setup().config.dataset == HubDataset(repo="owner/rows")
    draft.source = Source.FILE
    assert draft.to_setup().file == Path("rows.jsonl")
    draft.source = Source.SESSION

    assert draft.to_setup().session == "mine"


def test_the_effective_batch_is_unknown_while_a_factor_is_no_number():
    draft = TrainingDraft()
    draft.type_number("per_device_batch_size", "3")
    draft.type_number("gradient_accumulation_steps", "4")
    assert draft.effective_batch_size == 12

    draft.type_number("gradient_accumulation_steps", "")

    assert draft.effective_batch_size is None
