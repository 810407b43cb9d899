"""The beginner's form: questions, presets that are really applied, and Auto Set with its reasons."""

from dataclasses import replace

import flet as ft
import pytest

from app.domain.auto_reasons import AutoSet, Choice, Instead
from app.domain.presets import AUTO_SET, CHEAPEST_RUNPOD, FASTEST_RUNPOD, OFFERED, QUICK_LOCAL_TEST
from app.domain.questions import Answers
from app.domain.renting import Order
from app.domain.runs import Target
from app.domain.setups import Setup
from app.ui.training.beginner import auto_form
from app.ui.training.draft import CUSTOM, TrainingDraft
from tests.services.automatic import CARD, Shelf, auto
from tests.ui.training.conftest import choose_segment, choose_session
from trainer_image.config import Lora, RunConfig, Sft


@pytest.fixture
def beginner(studio):
    studio.draft.skill = "beginner"
    studio.services = replace(studio.services, auto=auto(studio.services, CARD, models=Shelf()))
    return studio


def draft_of(model="Qwen2.5-1.5B", **changes) -> TrainingDraft:
    return TrainingDraft(session="any", typed_model=model, is_model_typed=True, **changes)


def chip(screen, name):
    [found] = [c for c in screen.controls(ft.Chip) if c.label.value == name]
    return found


async def press(screen, name):
    await screen.fire(chip(screen, name), "select", True)


def shown(screen, label):
    return screen.find(ft.TextField, label).value


def answer(**values):
    return AutoSet(tuple(Choice(name, value, "Why.") for name, value in values.items()))


def answered(draft, **values):
    auto_form.take(draft, auto_form.question(draft), answer(**values))


async def test_answers_choose_the_method_and_say_why(beginner):
    async with beginner.opened() as screen:
        await press(screen, "New knowledge")
        assert beginner.draft.method == "osft"
        assert "matter least" in screen.identified("recommendation")[0]

        await press(screen, "Little memory")
        assert (beginner.draft.method, beginner.draft.base_bits) == ("lora", "4")
        assert screen.identified("recommendation")[0].startswith("QLoRA")


async def test_what_auto_set_shows_is_what_is_sent_with_every_reason(beginner):
    beginner.services = replace(beginner.services, auto=auto(beginner.services, CARD))
    async with beginner.opened() as screen:
        await choose_session(screen, beginner)
        await press(screen, AUTO_SET)
        await screen.wait_for(lambda: screen.identified("auto-choices"))
        session = beginner.services.library.sessions()[0]
        request = beginner.services.training.request_of(beginner.draft.to_setup(), beginner.world.home)
        wanted = beginner.services.auto.settings_for(replace(request, session_id=session.id))

        config = beginner.draft.to_setup().config
        assert config == wanted.applied_to(config)
        assert shown(screen, "Effective batch") == str(config.effective_batch_size)
        assert shown(screen, "Learning rate") == "0.0002"
        assert {choice.why for choice in wanted.choices} <= set(screen.identified("auto-choices"))
        assert chip(screen, AUTO_SET).selected

        await screen.wait_for(lambda: not screen.button("Start training").disabled)
        await screen.click("Start training")
        await screen.wait_for(beginner.runs)
        sent = beginner.runs()[0].config
        assert (sent.per_device_batch_size, sent.max_steps) == (
            config.per_device_batch_size,
            config.max_steps,
        )


async def test_a_model_that_does_not_fit_can_be_swapped_for_a_method_that_does(beginner):
    beginner.draft.typed_model, beginner.draft.is_model_typed = "Mistral-7B", True
    beginner.draft.rows["validation"] = "off"
    async with beginner.opened() as screen:
        await choose_session(screen, beginner)
        await press(screen, "Everything")
        await press(screen, AUTO_SET)
        await screen.wait_for(lambda: screen.identified("auto-refusal"))
        assert "Training all weights does not fit" in screen.identified("auto-refusal")[0]
        assert screen.button("Start training").disabled

        await screen.click("Use QLoRA")
        await screen.wait_for(lambda: screen.identified("auto-choices"))

        assert (beginner.draft.method, beginner.draft.base_bits) == ("lora", "4")


async def test_another_model_is_worked_out_anew(beginner):
    async with beginner.opened() as screen:
        await choose_session(screen, beginner)
        await screen.choose("Base model", "other")
        await screen.type("Hub name or folder", "Llama-3.2-1B")
        await press(screen, AUTO_SET)
        await screen.wait_for(lambda: screen.identified("auto-choices"))
        assert beginner.draft.base_bits == ""

        await screen.type("Hub name or folder", "Mistral-7B")
        assert "Auto Set is working it out…" in screen.identified("start-reason")
        await screen.wait_for(lambda: beginner.draft.base_bits == "4")
        assert "4 bits" in screen.identified("auto-choices")


async def test_presets_are_for_beginners_and_changing_sides_loses_nothing_typed(beginner):
    async with beginner.opened() as screen:
        await press(screen, "New knowledge")
        await screen.type("Learning rate", "fast")
        await screen.type("Effective batch", "many")
        await choose_segment(screen, "skill", "expert")
        assert not [c for c in screen.controls(ft.Chip) if c.label.value in {"Quick local test", "Custom"}]
        assert "New knowledge" not in screen.texts()
        assert shown(screen, "Learning rate") == "fast"
        await screen.type("Unfreeze rank ratio", "0.25")
        await screen.type("Max sequence length", "77")

        await choose_segment(screen, "skill", "beginner")

        assert (shown(screen, "Learning rate"), shown(screen, "Effective batch")) == ("fast", "many")
        assert chip(screen, "New knowledge").selected
        assert (beginner.draft.numbers["unfreeze_rank_ratio"], beginner.draft.numbers["max_seq_len"]) == (
            "0.25",
            "77",
        )


async def test_what_other_presets_send_besides_is_shown(beginner):
    async with beginner.opened() as screen:
        assert screen.identified("also-sent") == [
            *("Rows at once", "2", "Accumulation", "1", "Longest row", "2048"),
            *("4-bit", "off", "Checkpointing", "off"),
        ]


@pytest.mark.parametrize("target", [t for t in Target if not t.needs_network])
def test_the_first_preset_is_applied_at_the_start_and_again_on_a_switch_of_target(target):
    draft = TrainingDraft(session="any")
    draft.preset = "Fastest (Runpod)"  # as it will be where Runpod is left

    draft.choose_target(target)

    config = draft.to_setup().config
    values = (config.learning_rate, config.per_device_batch_size, config.gradient_accumulation_steps)
    assert (*values, config.max_steps, draft.preset) == (2e-4, 2, 1, 50, QUICK_LOCAL_TEST)
    assert OFFERED["local"][:2] == (QUICK_LOCAL_TEST, AUTO_SET)


def test_on_runpod_the_fastest_is_where_to_start_and_each_preset_says_which_gpu_comes_first():
    draft = TrainingDraft(session="any")

    draft.choose_target(Target.RUNPOD)

    assert (draft.preset, draft.pod.order) == (FASTEST_RUNPOD, Order.FASTEST)
    draft.apply_preset(CHEAPEST_RUNPOD)
    assert (draft.shown_preset, draft.pod.order) == (CHEAPEST_RUNPOD, Order.CHEAPEST)


def test_own_values_stay_on_a_switch_of_target():
    draft = TrainingDraft(session="any")
    draft.type_number("max_steps", "7")

    draft.choose_target(Target.DOCKER)

    assert (draft.preset, draft.numbers["max_steps"]) == (CUSTOM, "7")


def test_start_waits_for_what_is_worked_out_and_an_answer_to_an_older_question_is_not_taken():
    draft = draft_of()
    auto_form.choose_preset(draft, AUTO_SET)
    older = auto_form.question(draft)
    assert draft.missing() == "Auto Set is working it out…"

    draft.typed_model = "Mistral-7B"
    auto_form.take(draft, older, answer(max_steps=9))
    assert (draft.numbers["max_steps"], draft.missing()) == ("50", "Auto Set is working it out…")

    answered(draft, max_steps=None, num_epochs=3, bits="4", gradient_checkpointing=True)
    config = draft.to_setup().config
    assert draft.missing() == ""
    assert (config.max_steps, config.num_epochs, config.gradient_checkpointing) == (None, 3, True)
    assert config.method == Lora(load_in_4bit=True)


@pytest.mark.parametrize(
    "change", [{"target": Target.DOCKER}, {"session": "other"}, {"method": "sft"}, {"use_gpu": False}]
)
def test_what_the_answer_depends_on_asks_anew_and_what_auto_set_chose_does_not(change):
    draft = draft_of()
    auto_form.choose_preset(draft, AUTO_SET)
    answered(draft, per_device_batch_size=8, gradient_accumulation_steps=4, max_seq_len=304)
    assert auto_form.problem(draft) == ""

    draft.output_name = "mine"
    assert auto_form.problem(draft) == ""

    for name, value in change.items():
        setattr(draft, name, value)
    assert auto_form.problem(draft) == "Auto Set is working it out…"


def test_a_number_of_ones_own_stays_and_is_a_wish():
    draft = draft_of()
    auto_form.choose_preset(draft, AUTO_SET)
    answered(draft, learning_rate=2e-4, per_device_batch_size=8, gradient_accumulation_steps=4)

    draft.type_number("learning_rate", "1e-5")
    auto_form.type_effective_batch(draft, "12")
    assert draft.auto.wishes.pinned == {"learning_rate", "effective_batch"}
    assert (draft.preset, draft.effective_batch_size) == (AUTO_SET, 12)

    answered(draft, learning_rate=1e-5, per_device_batch_size=4, gradient_accumulation_steps=3)
    assert (draft.numbers["learning_rate"], draft.numbers["per_device_batch_size"]) == ("1e-5", "4")
    assert draft.shown_preset == AUTO_SET

    auto_form.choose_preset(draft, AUTO_SET)
    assert draft.auto.wishes.pinned == frozenset()


def test_what_an_expert_changes_of_it_makes_it_custom():
    draft = draft_of()
    auto_form.choose_preset(draft, AUTO_SET)
    answered(draft, per_device_batch_size=8, max_seq_len=304, gradient_checkpointing=False)
    draft.skill = "expert"

    draft.type_number("max_seq_len", "512")

    assert draft.preset == CUSTOM
    draft.skill = "beginner"
    assert (auto_form.question(draft), draft.missing()) == ("", "")


@pytest.mark.parametrize(("typed", "split"), [("2", ("2", "1")), ("7", ("1", "7")), ("12", ("2", "6"))])
def test_an_effective_batch_is_split_without_more_rows_at_once(typed, split):
    draft = TrainingDraft(session="any")

    auto_form.type_effective_batch(draft, typed)

    sent = (draft.numbers["per_device_batch_size"], draft.numbers["gradient_accumulation_steps"])
    assert sent == split
    assert auto_form.shown_effective_batch(draft) == typed
    assert draft.preset == (QUICK_LOCAL_TEST if typed == "2" else CUSTOM)


@pytest.mark.parametrize("typed", ["many", "0", "5000", "1.5"])
def test_an_effective_batch_that_is_none_is_kept_as_typed_and_blocks(typed):
    draft = TrainingDraft(session="any")

    auto_form.type_effective_batch(draft, typed)

    assert auto_form.shown_effective_batch(draft) == typed
    assert draft.effective_batch_size == 2
    assert draft.missing() == "Correct “Effective batch”"


def test_a_wish_for_4_bits_reaches_auto_set_and_the_config():
    draft = draft_of()
    auto_form.choose_preset(draft, AUTO_SET)
    answered(draft, bits="")

    auto_form.keep_in_4_bits(draft, True)

    assert (draft.auto.wishes.bits, draft.shown_preset) == ("4", AUTO_SET)
    assert draft.to_setup().config.method == Lora(load_in_4bit=True)


def test_the_answers_and_the_preset_survive_in_a_setup_only_as_far_as_they_bring_it_back():
    draft = draft_of()
    auto_form.choose_preset(draft, AUTO_SET)
    answered(draft, max_steps=9)
    again = TrainingDraft()
    again.load(draft.to_setup())
    assert (again.preset, again.missing()) == (AUTO_SET, "Auto Set is working it out…")

    draft.type_number("max_steps", "11")
    again.load(draft.to_setup())
    assert (again.preset, again.numbers["max_steps"]) == (CUSTOM, "11")


def test_a_method_chosen_elsewhere_is_not_overruled_before_a_question_is_answered():
    draft = TrainingDraft()
    draft.load(Setup(session="s", config=RunConfig(base_model="x", method=Sft())))
    assert draft.method == "sft"

    auto_form.answer_questions(draft, Answers(goal="style"))

    assert draft.method == "lora"


def test_what_fits_instead_is_taken_whole():
    draft = draft_of(method="sft")
    auto_form.choose_preset(draft, AUTO_SET)

    auto_form.take_instead(draft, Instead("lora", "4"))

    assert (draft.method, draft.base_bits, draft.preset) == ("lora", "4", AUTO_SET)


def test_another_preset_takes_back_the_length_that_fitted_the_rows_of_auto_set():
    draft = draft_of()
    auto_form.choose_preset(draft, AUTO_SET)
    answered(draft, max_seq_len=72, gradient_checkpointing=True)
    assert (draft.numbers["max_seq_len"], draft.gradient_checkpointing) == ("72", True)

    auto_form.choose_preset(draft, QUICK_LOCAL_TEST)

    assert (draft.numbers["max_seq_len"], draft.gradient_checkpointing) == ("2048", False)
