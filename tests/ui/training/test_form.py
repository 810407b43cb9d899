"""The form: what is shown for which choice, and what typing does."""

import flet as ft

from app.domain.runs import Target
from app.domain.setups import BUNDLED_MODEL
from tests.ui.training.conftest import choose_segment


def chip(screen, name):
    [found] = [c for c in screen.controls(ft.Chip) if c.label.value == name]
    return found


async def test_the_preset_is_applied_and_an_edit_turns_it_into_custom(studio):
    async with studio.opened() as screen:
        assert screen.find(ft.TextField, "Max steps").value == "50"
        assert chip(screen, "Quick local test").selected

        await screen.type("Max steps", "80")

        assert chip(screen, "Custom").selected
        assert not chip(screen, "Quick local test").selected

        await screen.fire(chip(screen, "Quick local test"), "select", True)

        assert screen.find(ft.TextField, "Max steps").value == "50"


async def test_an_invalid_number_says_so_under_its_field_and_stays_as_typed(studio):
    async with studio.opened() as screen:
        await screen.type("Learning rate", "fast")

        field = screen.find(ft.TextField, "Learning rate")
        assert (field.value, field.error) == ("fast", "Type a number with a point, like 0.0002.")


async def test_a_logger_is_on_when_its_field_is_filled_in_and_off_when_emptied(studio):
    async with studio.opened() as screen:
        await screen.type("TensorBoard folder", "curves")
        await screen.type("W&B project", "rivers")
        await screen.type("W&B project", " ")
        studio.draft.session = "any"

        logging = studio.draft.to_setup().config.logging

        assert (logging.tensorboard_log_dir, logging.wandb_project) == ("curves", None)


async def test_the_effective_batch_follows_its_factors(studio):
    async with studio.opened() as screen:
        await screen.type("Per-device batch size", "3")
        await screen.type("Gradient accumulation", "4")

        assert screen.identified("effective-batch") == ["Effective batch: 12 examples per step."]


async def test_docker_shows_its_settings_and_leaving_it_keeps_what_was_typed(studio):
    async with studio.opened() as screen:
        assert not [f for f in screen.controls(ft.TextField) if f.label == "Docker image"]

        await screen.choose("Training target", Target.DOCKER)
        await screen.type("Docker image", "mine:1")
        await screen.choose("Training target", Target.LOCAL)
        await screen.choose("Training target", Target.DOCKER)

        assert screen.find(ft.TextField, "Docker image").value == "mine:1"
        assert "Inside the container: /data/outputs/…" in screen.texts()


async def test_the_real_folder_of_the_output_is_shown(studio, tmp_path):
    async with studio.opened() as screen:
        await screen.type("Output name (optional)", "first")

        assert screen.identified("output-folder") == [f"Folder: {tmp_path / 'data' / 'outputs' / 'first'}"]


async def test_any_other_model_can_be_typed_and_the_listed_one_comes_back(studio):
    async with studio.opened() as screen:
        await screen.choose("Base model", "other")
        await screen.type("Hub name or folder", " me/my-model ")
        assert studio.draft.base_model == "me/my-model"

        await screen.choose("Base model", BUNDLED_MODEL)

        assert studio.draft.base_model == BUNDLED_MODEL


async def test_all_weights_hide_the_fields_of_lora(studio):
    async with studio.opened() as screen:
        assert screen.find(ft.TextField, "LoRA rank (r)")

        await choose_segment(screen, "method", "sft")

        assert not [f for f in screen.controls(ft.TextField) if f.label == "LoRA rank (r)"]


async def test_a_hub_dataset_is_named_by_repository_split_and_configuration(studio):
    async with studio.opened() as screen:
        await choose_segment(screen, "source", "hub")
        await screen.type("Hugging Face dataset", "owner/rows")
        await screen.type("Configuration (optional)", "english")

        dataset = studio.draft.to_setup().config.dataset
        assert (dataset.repo, dataset.split, dataset.config) == ("owner/rows", "train", "english")


async def test_without_a_session_the_way_to_the_data_is_shown(studio):
    for session in studio.services.library.sessions():
        studio.services.library.delete(session.id)

    async with studio.opened() as screen:
        await screen.wait_for(lambda: screen.has_button("Import data"))
        await screen.click("Import data")

        assert studio.went_to_data == [True]


async def test_a_narrow_window_shows_the_same_in_one_column(studio):
    async with studio.opened(width=420) as screen:
        assert screen.find(ft.Dropdown, "Training target")
        assert screen.button("Start training").disabled
        await screen.wait_for_text("No run yet")
