"""Auto Set over real rows, a real model folder and its tokenizer; a test says which GPU there is."""

import json
from dataclasses import replace

import pytest

from app.adapters.model_configs import FoundModelConfigs
from app.bootstrap import build_services
from app.domain.auto_set import Wishes
from app.domain.errors import StudioError
from app.domain.gpus import GIB, Gpu
from app.domain.runs import DockerOptions, RunRequest, Target
from app.domain.setups import BUNDLED_MODEL
from app.paths import Paths
from tests.services.automatic import CARD, CONFIGS, Shelf, auto
from trainer_image.config import Lora, RunConfig, Sft
from trainer_image.demand import work_of
from trainer_image.memory import estimate
from trainer_image.memory_history import Known, MemoryHistory, kind_of
from trainer_image.shapes import shape_of


@pytest.fixture
def services(tmp_path):
    paths = Paths(tmp_path / "home")
    paths.make()
    made = build_services(paths)
    made.library.ensure_sample()
    yield made
    made.previews.close()


def request(services, model=BUNDLED_MODEL, **changes):
    session = services.library.sessions()[0]
    return RunRequest(RunConfig(base_model=model), Target.LOCAL, session_id=session.id, **changes)


def test_the_lengths_of_the_sample_decide_the_longest_row_and_its_size_the_batch(services):
    answer = auto(services, CARD, previews=services.previews).settings_for(request(services))
    session = services.library.sessions()[0]
    config = RunConfig(base_model=BUNDLED_MODEL)
    survey = services.previews.sample(services.previews.of_session(session), config)
    longest = services.previews.percentiles(survey)["max"]

    assert longest <= answer.value("max_seq_len") < longest + 16
    assert (answer.value("effective_batch_size"), answer.value("per_device_batch_size")) == (32, 32)
    assert answer.notes == ()


def test_where_rows_cannot_be_looked_at_it_says_so_and_cuts_nothing(services):
    answer = auto(services, CARD, models=Shelf()).settings_for(request(services, "Qwen2.5-1.5B"))

    assert answer.value("max_seq_len") == 2048
    assert any("How long the rows are is not known" in note for note in answer.notes)
    assert answer.value("effective_batch_size") == 32  # the session's rows are counted all the same


def test_a_model_whose_config_is_not_to_be_had_is_sized_by_its_name_and_said_to_be_rough(services):
    answer = auto(services, CARD, models=Shelf()).settings_for(request(services, "me/new-1B"))

    assert answer.choices
    assert any("told from its name, about 1 billion" in note for note in answer.notes)
    assert any("me/new-1B could not be had." in note for note in answer.notes)


def test_offline_nobody_is_asked_over_the_network(services):
    shelf = Shelf()

    auto(services, models=shelf, offline="It is off.").settings_for(request(services, "gpt2"))

    assert shelf.asked_offline


def test_a_model_of_which_nothing_is_known_is_not_guessed_at(services):
    answer = auto(services, CARD, models=Shelf()).settings_for(request(services, "me/new"))

    assert answer.choices == ()
    assert answer.problem.startswith("How much memory this model takes cannot be told.")
    assert "choose another preset" in answer.advice


def test_the_best_of_several_cards_counts(services):
    small = Gpu("small", 8 * GIB, 8 * GIB)
    model = request(services, "Qwen2.5-1.5B")
    one = auto(services, CARD, models=Shelf()).settings_for(model)
    two = auto(services, small, CARD, models=Shelf()).settings_for(model)

    assert two.choices == one.choices
    assert any(f"Sized for GPU 1, {CARD.name}: one of 2 GPUs" in note for note in two.notes)


@pytest.mark.parametrize(
    ("changes", "trains_on_gpus"),
    [({"docker": DockerOptions(use_gpu=False), "target": Target.DOCKER}, True), ({}, False)],
)
def test_a_card_that_the_run_will_not_use_does_not_count(services, changes, trains_on_gpus):
    asked = replace(request(services), **changes)
    answer = auto(services, CARD, trains_on_gpus=trains_on_gpus).settings_for(asked)

    assert answer.value("max_steps") == 50
    assert any("No NVIDIA GPU is used" in note for note in answer.notes)


def test_what_runs_took_on_this_card_corrects_what_fits(services, tmp_path):
    shape, model = shape_of(CONFIGS["Qwen2.5-1.5B"]), request(services, "Qwen2.5-1.5B")
    before = auto(services, CARD, models=Shelf()).settings_for(model)
    config = before.applied_to(model.config)
    guess = estimate(shape, work_of(config, device="cuda", bfloat16=True))
    formula = guess.expected - guess.terms["context"]
    for checkpointing in (False, True):
        for bits in ({}, {"load_in_4bit": True}):
            like = config.model_copy(update={"gradient_checkpointing": checkpointing, "method": Lora(**bits)})
            kind = kind_of(like, shape, device=CARD.name, bfloat16=True, engine="transformers")
            known = Known(kind=kind, rows=1, longest_row=8, estimated=formula, peak=3 * formula)
            MemoryHistory(tmp_path / "memory.jsonl").add(known)

    after = auto(services, CARD, models=Shelf(), history=tmp_path / "memory.jsonl").settings_for(model)

    assert after.problem or after.value("per_device_batch_size") < before.value("per_device_batch_size")


def test_a_wish_reaches_the_choice(services):
    asked = replace(request(services), config=RunConfig(base_model=BUNDLED_MODEL, method=Sft()))
    wishes = Wishes(pinned=frozenset({"learning_rate"}))

    assert auto(services, CARD).settings_for(asked, wishes).value("learning_rate") == 2e-4


def test_a_models_config_is_found_in_its_folder_and_its_absence_explained(tmp_path, monkeypatch):
    configs = FoundModelConfigs(lambda: None)
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS["gpt2"]))

    assert configs.of(str(tmp_path), offline=True) == CONFIGS["gpt2"]

    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(StudioError, match="holds no settings"):
        configs.of(str(tmp_path), offline=True)
    (tmp_path / "config.json").unlink()
    with pytest.raises(StudioError, match="cannot be read"):
        configs.of(str(tmp_path), offline=True)
    with pytest.raises(StudioError, match="offline mode is on"):
        configs.of("nobody/has-this-model", offline=True)
    with pytest.raises(StudioError, match="could not be had from the Hugging Face Hub"):
        configs.of("not a name", offline=False)
