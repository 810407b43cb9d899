"""The expert's form: every setting, found, judged as it is typed, brought back."""

from dataclasses import fields
from pathlib import Path
from typing import Literal

import flet as ft
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import Field, create_model

from app.domain.layer_patterns import matches, usual_names
from app.domain.setting_labels import label_of
from app.services.layers import MatchedLayers
from app.ui.training.draft import TrainingDraft
from app.ui.training.draft_setup import setup_of
from app.ui.training.expert import binding
from app.ui.training.expert.catalogue import GROUPS, METHODS, SECTIONS, settings
from app.ui.training.expert.form import expert_bar, expert_groups
from app.ui.training.expert.help import page_beside, page_of
from app.ui.training.expert.problems import problems
from app.ui.training.expert.typed_limits import limits_of
from tests.every_setting import every_setting
from tests.ui.harness import mounted
from tests.ui.training.conftest import choose_segment
from tests.ui.training.test_form_parts import CHANGES, set_value
from trainer_image.config import RunConfig


class Tomorrow(RunConfig):
    """The schema with settings that nobody has thought of yet."""

    momentum: float = Field(0.9, ge=0, lt=1, description="How much of the last step is kept.")
    mirror: bool = Field(False, description="Read rows from the end, too.")
    flavour: str = Field("plain", description="Anything.")


def all_paths(config=RunConfig) -> set[str]:
    """Every leaf of the schema that is no part of the data or the model."""
    sections = {"method", *SECTIONS}
    top = set(config.model_fields) - {"schema_version", "base_model", "dataset"} - sections
    inner = {f"{name}.{f}" for name, owner in SECTIONS.items() for f in owner.model_fields}
    of_methods = {f"method.{f}" for owner in METHODS.values() for f in owner.model_fields}
    return top | inner | of_methods - {"method.kind", "method.load_in_8bit"}


def found(method, path, config=RunConfig):
    return next(s for s in settings(method, config) if s.path == path)


def test_every_field_of_the_schema_is_in_the_form_with_its_help_and_a_group():
    shown = {s.path: s for method in METHODS for s in settings(method)}

    assert set(shown) == all_paths()
    assert all(s.help and s.group in GROUPS and s.label == label_of(s.path) for s in shown.values())


def test_a_setting_the_form_has_never_heard_of_appears_is_judged_and_reaches_the_config():
    draft = TrainingDraft(session="any")
    momentum, mirror = found("sft", "momentum", Tomorrow), found("sft", "mirror", Tomorrow)
    assert (momentum.group, momentum.kind, mirror.kind) == (GROUPS[-1], "number", "switch")
    assert binding.kept(draft, momentum) == "0.9"

    binding.put(draft, momentum, "1.5")
    assert problems(draft, Tomorrow) == {"momentum": "Must be less than 1."}

    binding.put(draft, momentum, "0.5")
    binding.put(draft, mirror, True)
    assert problems(draft, Tomorrow) == {}
    assert binding.read(draft, momentum) == 0.5
    config = setup_of(draft, Tomorrow).config
    assert (config.momentum, config.mirror, config.flavour) == (0.5, True, "plain")

    again = TrainingDraft()
    again.load(setup_of(draft, Tomorrow))
    assert setup_of(again, Tomorrow) == setup_of(draft, Tomorrow)


PLACES = ("", "method", "push", "distributed", "logging")
NEW_FIELDS = st.sampled_from(
    [
        (bool, False, True, True),
        (int, 3, "8", 8),
        (float, 0.5, "2.5e-3", 0.0025),
        (str, "plain", "very new", "very new"),
        (Literal["one", "two"], "one", "two", "two"),
        (int | None, None, "", None),
        (int | None, None, "12", 12),
    ]
)
"""(type, default, as it is typed, as the config then has it)"""


def with_new_field(section: str, method: str, kind, default) -> type[RunConfig]:
    """The schema of the day on which a section got a field that this form knows nothing of."""
    field = (kind, Field(default, description="Brand new."))
    if not section:
        return create_model("Tomorrow", __base__=RunConfig, brand_new=field)
    known = METHODS[method] if section == "method" else SECTIONS[section]
    grown = create_model(known.__name__, __base__=known, brand_new=field)
    if section == "push":
        return create_model("Tomorrow", __base__=RunConfig, push=(grown | None, None))
    first = {"default_factory": grown} if section != "method" else {}
    return create_model("Tomorrow", __base__=RunConfig, **{section: (grown, Field(**first))})


@given(section=st.sampled_from(PLACES), method=st.sampled_from(list(METHODS)), new=NEW_FIELDS)
@hypothesis_settings(max_examples=60)
def test_a_new_field_of_any_section_is_shown_written_and_read_back(section, method, new):
    kind, default, typed, value = new
    config = with_new_field(section, method, kind, default)
    path = f"{section}.brand_new".lstrip(".")
    draft = TrainingDraft(session="any", method=method, push_repo="me/it")

    setting = found(method, path, config)
    binding.put(draft, setting, typed)
    made = setup_of(draft, config)
    again = TrainingDraft()
    again.load(made)

    owner = getattr(made.config, section) if section else made.config
    assert problems(draft, config) == {}
    assert owner.brand_new == value
    assert binding.read(again, setting) == value
    assert setup_of(again, config) == made


@ft.component
def ExpertParts(draft, config=RunConfig):
    return ft.Column([expert_bar(draft, config), *expert_groups(draft, config=config)])


async def test_it_can_be_typed_into_like_any_other():
    draft = TrainingDraft()
    async with mounted(ExpertParts, draft, Tomorrow) as screen:
        await screen.type("Search settings", "momentum")
        await screen.type("Momentum", "2")

        assert screen.find(ft.TextField, "Momentum").error == "Must be less than 1."
        assert screen.identified("group-further-settings") == ["1 to correct"]


async def test_every_choice_is_called_as_the_catalogue_calls_it(spoken, in_brackets):
    spoken(in_brackets)
    draft = TrainingDraft()
    draft.sought = "e"  # all groups are open, and every choice has one
    async with mounted(ExpertParts, draft) as screen:
        choices = {box.label: [o.text for o in box.options] for box in screen.controls(ft.Dropdown)}

    assert set(choices) == {s.label for s in settings("lora") if s.kind == "choice"}
    assert [text for texts in choices.values() for text in texts if not text.startswith("⟦")] == []


def test_every_setting_reads_back_as_it_was_loaded():
    for place, setup in every_setting():
        path = place.removeprefix("config.")
        draft = TrainingDraft()
        draft.load(setup)
        known = {s.path: s for s in settings(draft.method)}
        if path in known and path != "method.load_in_4bit":
            section, _, name = path.rpartition(".")
            owner = getattr(setup.config, section) if section else setup.config
            said = binding.read(draft, known[path])
            said = draft.token_bound() if path == "max_tokens_per_gpu" else said
            if path != "backend_args":
                assert said == getattr(owner, name), path
            assert binding.is_changed(draft, known[path]) == (getattr(owner, name) != known[path].default), (
                path
            )
        assert problems(draft) == {}, place


async def test_what_is_searched_for_is_found_by_label_name_and_help():
    draft = TrainingDraft()
    async with mounted(ExpertParts, draft) as screen:

        async def labels(words):
            await screen.type("Search settings", words)
            return {f.label for f in screen.controls(ft.TextField)} - {"Search settings"}

        assert await labels("warm-up") == {"Warm-up steps", "Warm-up share"}
        assert await labels("max_grad_norm") == {"Max gradient norm"}
        assert await labels("Pull of the weights") == {"Weight decay"}
        assert await labels("no such setting") == set()
        assert "No setting is called like that." in screen.texts()


async def test_the_badge_shows_just_what_is_changed_and_each_can_be_reset():
    draft = TrainingDraft()
    for setting in settings("lora"):
        binding.reset(draft, setting)
    binding.put(draft, found("lora", "seed"), "7")
    binding.put(draft, found("lora", "method.use_rslora"), True)
    async with mounted(ExpertParts, draft) as screen:
        [chip] = [c for c in screen.controls(ft.Chip) if c.label.value == "2 non-default"]
        await screen.fire(chip, "select", True)

        assert [f.label for f in screen.controls(ft.TextField)] == ["Search settings", "Seed"]
        assert [s.label for s in screen.controls(ft.Switch)] == ["Rank-stabilised (rsLoRA)"]

        await screen.click("Reset Seed to 3407")
        assert (draft.numbers["seed"], draft.use_rslora) == ("3407", True)

        await screen.click("Reset all")
        assert not draft.use_rslora
        assert "Everything is at its default." in screen.texts()


async def test_reset_all_can_be_undone_and_what_was_typed_since_stays():
    draft = TrainingDraft(skill="expert", only_changed=True)
    binding.put(draft, found("lora", "warmup_steps"), "12")
    binding.put(draft, found("lora", "seed"), "7")
    binding.put(draft, found("lora", "method.use_rslora"), True)
    async with mounted(ExpertParts, draft) as screen:
        await screen.click("Reset all")
        assert (draft.numbers["seed"], draft.use_rslora) == ("3407", False)
        binding.put(draft, found("lora", "seed"), "8")
        binding.put(draft, found("lora", "distributed.nnodes"), "2")
        draft.output_name = "ferries"
        await screen.wait_for_text("2 non-default")
        assert screen.identified("reset-all") == ["All settings were reset to their defaults."]

        await screen.click("Undo")
        assert (draft.numbers["seed"], draft.numbers["warmup_steps"]) == ("8", "12")
        assert (draft.use_rslora, draft.output_name) == (True, "ferries")
        assert draft.preset == draft.shown_preset
        assert draft.spread.texts["nnodes"] == "2"
        assert not screen.identified("reset-all")
        assert "6 non-default" in screen.texts()  # with the steps and the accumulation of the quick test


def test_every_setting_can_be_reset_to_its_default():
    for _, setup in every_setting():
        draft = TrainingDraft()
        draft.load(setup)
        for setting in settings(draft.method):
            binding.reset(draft, setting)
        assert [s.path for s in settings(draft.method) if binding.is_changed(draft, s)] == []


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"warmup_steps": "3", "warmup_ratio": "0.1"}, {"warmup_steps", "warmup_ratio"}),
        ({"is_pretraining": True}, {"is_pretraining", "block_size"}),
        ({"validation": "file"}, {"validation_file"}),
        ({"backend": "mini-trainer"}, {"backend"}),
        ({"backend_args": '{"a": 1}'}, {"backend", "backend_args"}),
        ({"backend_args": "a=1"}, {"backend_args"}),
        ({"backend_args": "[1]"}, {"backend_args"}),
        ({"max_tokens_per_gpu": "20"}, {"max_tokens_per_gpu", "max_seq_len"}),
        ({"max_tokens_per_gpu": "some"}, {"max_tokens_per_gpu"}),
        ({"push.repo_id": "a b"}, {"push.repo_id"}),
        ({"distributed.nnodes": "two"}, {"distributed.nnodes"}),
        (
            {"distributed.rdzv_endpoint": "one:1", "distributed.master_addr": "one"},
            {"distributed.rdzv_endpoint", "distributed.master_addr", "distributed.master_port"},
        ),
        ({"method.target_patterns": "[a", "method.target_modules": "custom"}, {"method.target_patterns"}),
        ({"method.use_dora": True, "method.load_in_4bit": "8"}, {"method.use_dora", "method.load_in_4bit"}),
        (
            {"seed": "x", "push.repo_id": "a b", "validation": "file"},
            {"seed", "push.repo_id", "validation_file"},
        ),
        ({"logging.mlflow_tracking_uri": "https://me:pass@host"}, {"logging.mlflow_tracking_uri"}),
    ],
)
def test_what_is_wrong_is_said_at_the_settings_it_is_about(changes, wrong):
    draft = TrainingDraft(session="any")
    for path, value in changes.items():
        binding.put(draft, found("lora", path), value)

    said = problems(draft)

    assert wrong <= set(said) <= wrong | {"validation", "method.target_modules"}
    assert draft.missing() != ""
    assert all(text[0] in "“'" or text[0].isupper() for text in said.values())


def test_a_token_typed_as_a_backend_argument_is_refused_where_it_stands():
    draft = TrainingDraft(session="any", method="sft")
    binding.put(draft, found("sft", "backend"), "instructlab-training")
    binding.put(draft, found("sft", "backend_args"), '{"log_level": "hf_abcdefghijklmnopqrstuvwxyz"}')

    assert "looks like a secret" in problems(draft)["backend_args"]
    assert "looks like a secret" in draft.missing()


def test_alpha_is_twice_the_rank_until_it_is_unlinked_and_again_when_it_is_linked():
    draft = TrainingDraft()
    draft.type_number("lora_r", "64")
    assert draft.numbers["lora_alpha"] == "128"

    draft.type_number("lora_alpha", "20")
    draft.type_number("lora_r", "32")
    assert (draft.alpha_follows_rank, draft.numbers["lora_alpha"]) == (False, "20")

    draft.link_alpha(True)
    assert draft.numbers["lora_alpha"] == "64"


async def test_bits_are_one_choice_of_three_and_groups_of_layers_have_buttons():
    draft = TrainingDraft()
    async with mounted(ExpertParts, draft) as screen:
        [radios] = screen.controls(ft.RadioGroup)
        await screen.fire(radios, "change", "4")
        [mlp] = [c for c in screen.controls(ft.Chip) if c.label.value == "MLP"]
        await screen.fire(mlp, "select", True)

        draft.session = "any"
        method = draft.to_setup().config.method
        assert (method.load_in_4bit, method.load_in_8bit) == (True, False)
        assert (method.target_modules, len(method.target_patterns)) == ("custom", 1)


@pytest.mark.parametrize("setting", [s for m in METHODS for s in settings(m)], ids=lambda s: s.path)
def test_the_page_that_help_leads_to_speaks_of_the_setting(setting):
    page = (Path(__file__).parents[3] / "docs" / page_of(setting)).read_text(encoding="utf-8")

    assert setting.name in page or setting.label.lower() in page.lower()


def test_links_of_a_page_lead_to_pages_and_nowhere_else():
    assert page_beside("user/settings.md", "memory.md") == "user/memory.md"
    assert page_beside("user/settings.md", "../run-contract.md#logging") == "run-contract.md"
    assert page_beside("user/settings.md", "../../README.md") == ""
    assert page_beside("user/settings.md", "gone.md") == ""


async def test_help_says_what_a_setting_may_be_and_where_to_read_on():
    draft = TrainingDraft()
    async with mounted(ExpertParts, draft) as screen:
        await screen.click("Help on Learning rate")

        text = screen.text()
        assert "It may be: more than 0, less than 1" in text
        assert "under [config]: learning_rate" in text
        assert "Read on: docs/user/settings.md" in text

    assert limits_of(found("lora", "max_tokens_per_gpu")) == "more than 0; auto; empty"


async def test_an_expert_has_no_presets_and_switching_the_skill_loses_nothing(studio):
    draft = studio.draft
    for what, change in CHANGES.items():
        if what not in {"skill", "method"}:
            set_value(draft, *change)
    names = [f.name for f in fields(draft) if f.name not in {"skill", "preset", "selection", "chat"}]
    async with studio.opened() as screen:
        draft.is_restored = True
        before = {name: getattr(draft, name) for name in names}

        await choose_segment(screen, "skill", "expert")
        assert not [c for c in screen.controls(ft.Chip) if c.label.value == "Custom"]
        assert "Preset" not in screen.texts()
        await choose_segment(screen, "skill", "beginner")

    assert {name: getattr(draft, name) for name in names if name not in {"row_counts", "session_names"}} == {
        name: value for name, value in before.items() if name not in {"row_counts", "session_names"}
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"use_ligr": true}', "knows no argument 'use_ligr'; the nearest is 'use_liger'"),
        ('{"learning_rate": 1}', "is decided by the run's learning_rate"),
        ('{"use_liger": true}', ""),
    ],
)
def test_backend_arguments_are_judged_by_what_the_backend_knows(arguments, said):
    draft = TrainingDraft(session="any", method="sft")
    binding.put(draft, found("sft", "backend"), "instructlab-training")
    binding.put(draft, found("sft", "backend_args"), arguments)

    wrong = problems(draft).get("backend_args", "")

    assert said in wrong
    assert bool(draft.missing()) == bool(said)


class Layers:
    """Says what a test wants."""

    def matching(self, model, patterns):
        return MatchedLayers(matches(usual_names(model), patterns), is_real=False, why_not="It is not here.")


async def test_the_layers_that_patterns_match_are_listed_and_which_match_none():
    draft = TrainingDraft(target_modules="custom", lora_patterns="up_proj q_prj")
    async with mounted(WithLayers, draft) as screen:
        await screen.wait_for(lambda: screen.identified("matched-layers"))

        said = screen.identified("matched-layers")
        assert said[0].startswith("It is not here. By the usual names of its kind")
        assert said[1:] == ["model.layers.*.mlp.up_proj", "Nothing matches q_prj: a run with it is refused."]


@ft.component
def WithLayers(draft):
    return ft.Column(expert_groups(draft, Layers()))


_NARROWEST: int = 14
"""Letters on a line under a field of half the width."""


async def test_no_help_and_no_error_under_a_field_is_cut_off():
    draft = TrainingDraft(sought="e")
    async with mounted(ExpertParts, draft) as screen:
        fields_shown = [f for f in screen.controls(ft.TextField) if f.helper]

        assert len(fields_shown) > 20
        for field in fields_shown:
            assert field.helper_max_lines * _NARROWEST >= len(field.helper), field.label
            assert field.error_max_lines * _NARROWEST >= 200, field.label


def test_a_plugin_that_is_none_is_not_taken_for_a_repository():
    draft = TrainingDraft(session="any")
    binding.put(draft, found("lora", "method_plugin"), "pissa:")

    assert problems(draft) == {
        "method_plugin": "Type its name and, after a colon, what it is told, like 'pissa:niter=16'."
    }


@pytest.mark.parametrize("method", METHODS)
def test_a_method_of_another_package_stands_after_the_methods_own_settings(method):
    assert [s.path for s in settings(method) if s.group == "method"][-1] == "method_plugin"


@pytest.mark.parametrize(
    ("path", "typed", "validation"),
    [("validation_file", "/data/mine.jsonl", "file"), ("validation_share", "0.2", "share")],
)
def test_what_is_typed_for_validation_is_what_validation_reads(path, typed, validation):
    draft = TrainingDraft(session="any")
    binding.put(draft, found("lora", path), typed)
    assert setup_of(draft).config.validation == validation

    again = TrainingDraft(session="any")
    binding.reset(again, found("lora", path))
    assert setup_of(again).config.validation == "auto"
