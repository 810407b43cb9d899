"""The form: what is shown for which choice, and what typing does."""

import flet as ft

from app.domain.runs import Target
from app.domain.setups import BUNDLED_MODEL
from app.services.library import SAMPLE_NAME
from app.services.settings import LeftForm
from app.ui.training import data_source
from app.ui.training.data_source import DataSource
from app.ui.training.mounting import Unwatched
from tests.ui.harness import mounted
from tests.ui.training.conftest import choose_segment
from trainer_image.config import Lora, Osft


def chip(screen, name):
    [found] = [c for c in screen.controls(ft.Chip) if c.label.value == name]
    return found


async def test_the_preset_is_applied_and_an_edit_turns_it_into_custom(studio):
    studio.draft.skill = "beginner"
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


async def test_what_is_typed_in_the_moment_the_form_is_drawn_anew_is_kept(studio):
    async with studio.opened() as screen:
        field = screen.find(ft.TextField, "Output name (optional)")

        screen.client.session.apply_patch(field._i, {"value": "mine"})
        studio.draft.target = Target.DOCKER
        await screen.wait_for(lambda: [f for f in screen.controls(ft.TextField) if f.label == "Docker image"])
        await screen.fire(screen.find(ft.TextField, "Output name (optional)"), "change", "mine")

        assert studio.draft.output_name == "mine"
        assert screen.find(ft.TextField, "Output name (optional)").value == "mine"


async def test_a_session_from_elsewhere_is_offered_as_soon_as_the_tab_is_shown(studio, monkeypatch):
    monkeypatch.setattr(data_source, "_SECONDS", 3600.0)
    async with mounted(Shown, studio) as screen:
        await screen.click("Hide")
        await screen.wait_for(lambda: offered(screen) == [SAMPLE_NAME])
        studio.draft.restore(LeftForm())
        await screen.settle()
        studio.add_session("fresh")

        await screen.click("Show")

        await screen.wait_for(lambda: "fresh" in offered(screen))
        assert studio.draft.session == ""


@ft.component
def Shown(studio):
    is_shown, show = ft.use_state(True)
    return ft.Column(
        [
            ft.TextButton("Hide" if is_shown else "Show", on_click=lambda: show(not is_shown)),
            DataSource(studio.services.library, Unwatched(studio.draft), print, is_shown=is_shown),
        ]
    )


def offered(screen) -> list[str]:
    return [o.text.partition(", ")[0] for o in screen.find(ft.Dropdown, "Session").options]


async def test_a_logger_is_on_when_its_field_is_filled_in_and_off_when_emptied(studio):
    async with studio.opened() as screen:
        await screen.click("Loggers")
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


async def test_a_base_model_is_pointed_out_beside_its_field_and_its_sibling_named(studio):
    def advice(screen):
        return [text for text in screen.texts() if "is a base model" in text]

    async with studio.opened() as screen:
        await screen.choose("Base model", "other")
        await screen.type("Hub name or folder", "google/gemma-3-4b-it")
        assert advice(screen) == []

        await screen.type("Hub name or folder", "google/gemma-3-4b-pt")
        assert "google/gemma-3-4b-it" in advice(screen)[0]

        await screen.click("Rows")
        await screen.set_value(switch(screen, "Plain documents"), True)
        assert advice(screen) == []


async def test_all_weights_hide_the_fields_of_lora(studio):
    async with studio.opened() as screen:
        assert screen.find(ft.TextField, "LoRA rank (r)")

        await choose_segment(screen, "method", "sft")

        assert not [f for f in screen.controls(ft.TextField) if f.label == "LoRA rank (r)"]


async def test_osft_asks_for_its_ratio_patterns_and_the_rest(studio):
    async with studio.opened() as screen:
        await choose_segment(screen, "method", "osft")
        assert screen.find(ft.TextField, "Unfreeze rank ratio").value == "0.5"

        await screen.type("Unfreeze rank ratio", "0.25")
        await screen.type("Target patterns", "self_attn mlp.up_proj$")
        [rest] = [c for c in screen.controls(ft.Switch) if c.label == "Train the rest too"]
        screen.page.session.apply_patch(rest._i, {"value": True})
        await screen.fire(rest, "change", True)

        studio.draft.session = "any"
        expected = Osft(
            unfreeze_rank_ratio=0.25, target_patterns=("self_attn", "mlp.up_proj$"), train_rest=True
        )
        assert studio.draft.to_setup().config.method == expected


async def test_lora_asks_for_patterns_and_for_one_number_of_bits(studio):
    async with studio.opened() as screen:
        await screen.choose("Target modules", "custom")
        await screen.type("Target patterns", "q_proj(")
        assert "is not a regular expression" in (screen.find(ft.TextField, "Target patterns").error or "")
        await screen.type("Target patterns", "q_proj")
        [bits] = screen.controls(ft.RadioGroup)
        await screen.fire(bits, "change", "8")
        await screen.fire(bits, "change", "4")

        studio.draft.session = "any"
        expected = Lora(target_modules="custom", target_patterns=("q_proj",), load_in_4bit=True)
        assert studio.draft.to_setup().config.method == expected


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
        assert screen.has_button("Start training")
        await screen.wait_for_text("No run yet")


def switch(screen, label):
    return screen.find(ft.Switch, label)


def has_field(screen, label):
    return any(field.label == label for field in screen.controls(ft.TextField))


async def test_packing_and_what_happens_to_long_rows_are_chosen(studio):
    async with studio.opened() as screen:
        await screen.set_value(switch(screen, "Packing"), True)
        await screen.click("Rows")
        await screen.choose("Rows that are too long", "truncate")

        assert (studio.draft.rows["packing"], studio.draft.rows["over_long"]) == (True, "truncate")


async def test_a_preset_of_one_method_brings_it_along_and_an_edit_makes_it_custom(studio):
    studio.draft.skill = "beginner"
    studio.draft.choose_method("sft")
    async with studio.opened() as screen:
        await screen.fire(chip(screen, "QLoRA template"), "select", True)
        await screen.wait_for(lambda: screen.find(ft.TextField, "Learning rate").value == "0.0002")

        assert (studio.draft.method, studio.draft.base_bits, studio.draft.numbers["lora_r"]) == (
            "lora",
            "4",
            "64",
        )
        assert chip(screen, "QLoRA template").selected
        await screen.type("Epochs", "2")
        await screen.wait_for(lambda: chip(screen, "Custom").selected)


async def test_a_named_ratio_is_the_number_in_the_field(studio):
    async with studio.opened() as screen:
        await choose_segment(screen, "method", "osft")
        await screen.wait_for(lambda: screen.find(ft.TextField, "Unfreeze rank ratio"))

        await choose_segment(screen, "ratio-bands", "Conservative")

        await screen.wait_for(lambda: screen.find(ft.TextField, "Unfreeze rank ratio").value == "0.2")
