"""Saved setups in the window: save, load, look after."""

import json
import threading
from pathlib import Path

import flet as ft
import pytest

from app.cli.output import Output
from app.cli.parser import make_parser
from app.cli.setup_verbs import VERBS
from app.domain.runs import DockerOptions, Target
from app.domain.setups import Setup
from app.paths import Paths
from app.services.recipes import recipe
from app.services.setup_files import write_setup
from app.ui.training.draft import TrainingDraft
from app.ui.training.mounting import Unwatched
from app.ui.training.options import Source
from app.ui.training.setups.recipes import take
from app.ui.training.setups.save_setup import SaveSetup
from app.ui.training.setups.section import SavedSetups
from tests.ui.harness import mounted
from trainer_image.config import Distributed, Lora, RunConfig

CONFIG = RunConfig(base_model="me/model", learning_rate=0.003, seed=7, method=Lora(lora_r=64, lora_alpha=10))


@pytest.fixture
def saved(studio):
    """A setup named “first” of the only session, and one for Docker."""
    session = studio.services.library.sessions()[0]
    studio.services.setups.save("first", Setup(session=str(session.id), config=CONFIG))
    docker = Setup(
        session=str(session.id), target=Target.DOCKER, docker=DockerOptions(image="mine:1"), config=CONFIG
    )
    studio.services.setups.save("second", docker)
    return studio.services.setups


@ft.component
def BothParts(services, draft):
    """The list at the top of the form and the button beside Start, without the form between them."""
    return ft.Column(
        [
            SavedSetups(services.setups, draft, is_shown=True),
            SaveSetup(services.setups, Unwatched(draft)),
        ]
    )


def opened(studio, *, web=False):
    return mounted(BothParts, studio.services, studio.draft, web=web)


def listed(screen) -> list[str]:
    found = [f for f in screen.controls(ft.Dropdown) if f.label == "Saved setup"]
    return [o.key for o in found[0].options] if found else []


async def load(screen, name: str) -> None:
    await screen.choose("Saved setup", name)
    await screen.click("Load")
    await screen.wait_for(lambda: screen.identified("setup-outcome"))


async def test_what_the_form_says_is_saved_under_a_suggested_name_and_listed(studio):
    async with opened(studio) as screen:
        studio.draft.session = str(studio.services.library.sessions()[0].id)
        studio.draft.type_number("learning_rate", "0.004")
        await screen.click(screen.button("Save setup"))
        await screen.wait_for(lambda: [f for f in screen.controls(ft.TextField) if f.label == "Name"])
        suggested = screen.find(ft.TextField, "Name").value
        await screen.type("Name", "mine")
        await screen.click([b for b in screen.controls(ft.FilledButton) if b.content == "Save setup"][-1])
        await screen.wait_for(lambda: listed(screen) == ["mine"])

        assert "LoRA" in suggested
        assert screen.identified("setup-saved") == ["Saved as “mine”."]

    assert studio.services.setups.load("mine").config.learning_rate == 0.004


async def test_one_that_is_there_is_replaced_only_after_a_question(studio, saved):
    async with opened(studio) as screen:
        studio.draft.session = str(studio.services.library.sessions()[0].id)
        await screen.click(screen.button("Save setup"))
        await screen.wait_for(lambda: [f for f in screen.controls(ft.TextField) if f.label == "Name"])
        await screen.type("Name", "first")
        await screen.click([b for b in screen.controls(ft.FilledButton) if b.content == "Save setup"][-1])
        await screen.wait_for_text("There is a setup “first” already.")
        assert saved.load("first").config == CONFIG

        await screen.click([b for b in screen.controls(ft.FilledButton) if b.content == "Replace"][-1])

        await screen.wait_for_text("Saved as “first”.")
    assert saved.load("first").config != CONFIG


async def test_an_incomplete_form_says_what_it_lacks_instead_of_saving(studio):
    async with opened(studio) as screen:
        await screen.click(screen.button("Save setup"))

        await screen.wait_for_text("The form is not complete. Choose a dataset.")


async def test_loading_restores_every_field_says_what_is_missing_and_can_be_undone(studio, saved):
    other = studio.add_session("other")
    async with opened(studio) as screen:
        await screen.wait_for(lambda: listed(screen) == ["first", "second"])
        studio.draft.type_number("learning_rate", "0.5")
        meant = saved.load("first").session
        studio.services.library.delete(meant)
        studio.draft.session = str(other.id)

        await load(screen, "first")
        assert studio.draft.to_setup() == saved.load("first")
        assert studio.draft.session == meant
        [warning] = screen.identified("setup-missing")
        assert "is no longer here: choose another one" in warning

        await screen.click("Undo")
        assert (studio.draft.numbers["learning_rate"], studio.draft.session) == ("0.5", str(other.id))


async def test_the_list_can_be_that_of_the_target(studio, saved):
    async with opened(studio) as screen:
        await screen.wait_for(lambda: listed(screen) == ["first", "second"])
        [switch] = [s for s in screen.controls(ft.Switch) if s.label == "Only for this target"]

        await screen.set_value(switch, True)

        await screen.wait_for(lambda: listed(screen) == ["first"])
        studio.draft.target = Target.DOCKER
        await screen.wait_for(lambda: listed(screen) == ["second"])


async def test_a_setup_is_renamed_and_deleted_after_a_question(studio, saved):
    async with opened(studio) as screen:
        await screen.choose("Saved setup", "first")
        await screen.click("Rename…")
        await screen.type("Name", "second")
        await screen.click("Rename")
        await screen.wait_for_text("There is a setup “second” already.")
        await screen.type("Name", "third")
        await screen.click("Rename")
        await screen.wait_for(lambda: listed(screen) == ["second", "third"])

        await screen.click("Delete…")
        await screen.click("Delete")
        await screen.wait_for(lambda: listed(screen) == ["second"])


async def test_a_setup_is_compared_with_the_form_and_with_another(studio, saved):
    async with opened(studio) as screen:
        await screen.choose("Saved setup", "first")
        await screen.click("Load")
        await screen.wait_for(lambda: screen.identified("setup-outcome"))
        studio.draft.type_number("learning_rate", "0.004")

        await screen.click("Compare…")
        await screen.wait_for(lambda: "0.004" in screen.identified("setup-differences"))
        assert screen.identified("setup-differences")[3:6] == ["Learning rate", "0.003", "0.004"]

        await screen.choose("Compared with", "second")
        await screen.wait_for(lambda: "Docker image" in screen.identified("setup-differences"))


async def test_the_command_line_of_a_setup_is_shown_with_one_for_each_computer(studio, saved):
    spread = CONFIG.model_copy(update={"distributed": Distributed(nnodes=2, rdzv_endpoint="one:29400")})
    saved.save("wide", Setup(session="any", config=spread))
    async with opened(studio) as screen:
        await screen.choose("Saved setup", "wide")
        await screen.click("Command line…")

        await screen.wait_for_text("PET_NODE_RANK=1")
        assert "tunewright train --setup wide --follow" in screen.texts()


async def test_a_setup_goes_to_a_file_and_comes_back(studio, saved):
    written = []
    async with opened(studio, web=True) as screen:
        screen.client.answers["save_file"] = lambda arguments: written.append(arguments["src_bytes"])
        await screen.choose("Saved setup", "first")
        await screen.click("Save to a file…")
        await screen.wait_for(lambda: written)
        assert Setup.model_validate(json.loads(written[0])) == saved.load("first")

        document = {"id": 1, "name": "again.json", "size": 9, "path": None, "bytes": written[0]}
        screen.client.answers["pick_files"] = lambda _: [document]
        await screen.click("Take from a file…")
        await screen.wait_for(lambda: listed(screen) == ["again", "first", "second"])

    assert saved.load("again") == saved.load("first")


def saves_in(screen, folder):
    """What the desktop's dialogs do: the file is written where a person chose, and its path comes back."""

    def save(arguments) -> str:
        (folder / arguments["file_name"]).write_bytes(arguments["src_bytes"])
        return str(folder / arguments["file_name"])

    screen.client.answers["save_file"] = save


def chooses(screen, path):
    document = {"id": 1, "name": path.name, "size": 9, "path": str(path), "bytes": None}
    screen.client.answers["pick_files"] = lambda _: [document]


def in_the_terminal(studio, *words) -> None:
    args = make_parser().parse_args(["setups", *words])
    assert VERBS[args.noun](studio.services, args, Output(as_json=True)) == 0


@pytest.fixture
def data_from_home(tmp_path, monkeypatch):
    """A data file as a person types it, and where it lies; setup files go to a folder elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    file = tmp_path / "home" / "data" / "x.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text('{"prompt": "Where?", "completion": "Here."}\n')
    (tmp_path / "elsewhere").mkdir()
    return Path("data/x.jsonl"), file


@pytest.mark.parametrize("by", ["window", "terminal"])
@pytest.mark.parametrize("back_by", ["window", "terminal"])
async def test_a_data_file_typed_from_home_is_found_again_by_way_of_a_setup_file(
    studio, tmp_path, data_from_home, by, back_by
):
    typed, lies = data_from_home
    setups, folder = studio.services.setups, tmp_path / "elsewhere"
    setups.save("mine", Setup(file=typed, config=CONFIG))
    async with opened(studio) as screen:
        saves_in(screen, folder)
        chooses(screen, folder / "mine.json")
        await screen.choose("Saved setup", "mine")
        if by == "window":
            await screen.click("Save to a file…")
            await screen.wait_for((folder / "mine.json").exists)
        else:
            in_the_terminal(studio, "export", "mine", str(folder / "mine.json"))
        setups.delete("mine")
        if back_by == "window":
            await screen.click("Take from a file…")
            await screen.wait_for(lambda: [one.name for one in setups.saved()] == ["mine"])
        else:
            in_the_terminal(studio, "import", str(folder / "mine.json"))

    back = setups.load("mine")
    assert setups.missing(back) == []
    assert studio.services.training.request_of(back, Path.home()).data_file == lies


async def test_a_setup_goes_to_a_file_of_the_desktop_and_comes_back(studio, saved, tmp_path):
    async with opened(studio) as screen:
        saves_in(screen, tmp_path)
        await screen.choose("Saved setup", "second")
        await screen.click("Save to a file…")
        await screen.wait_for_text(f"Saved to {tmp_path / 'second.json'}")
        written = (tmp_path / "second.json").rename(tmp_path / "again.json")

        chooses(screen, written)
        await screen.click("Take from a file…")
        await screen.wait_for(lambda: listed(screen) == ["again", "first", "second"])

    assert saved.load("again") == saved.load("second")


async def test_a_file_whose_name_is_taken_replaces_the_setup_or_gets_another_name_as_asked(
    studio, saved, tmp_path
):
    before, other = saved.load("first"), CONFIG.model_copy(update={"seed": 8})
    file = tmp_path / "first.json"
    write_setup(before.model_copy(update={"config": other}), file, overwrite=False)
    async with opened(studio) as screen:
        chooses(screen, file)
        await screen.click("Take from a file…")
        await screen.wait_for_text("There is a setup “first” already.")
        await screen.type("Name", "another")
        assert not screen.has_button("Replace")
        await screen.click([b for b in screen.controls(ft.FilledButton) if b.content == "Save setup"][-1])
        await screen.wait_for(lambda: listed(screen) == ["another", "first", "second"])
        assert (saved.load("first"), saved.load("another").config) == (before, other)

        await screen.click("Take from a file…")
        await screen.wait_for_text("There is a setup “first” already.")
        await screen.click([b for b in screen.controls(ft.FilledButton) if b.content == "Replace"][-1])
        await screen.wait_for_text("Saved as “first”.")
    assert saved.load("first").config == other


async def test_a_file_that_is_taken_before_the_list_has_come_is_asked_about_all_the_same(
    studio, saved, tmp_path, monkeypatch
):
    file, may_list, may_take = tmp_path / "first.json", threading.Event(), threading.Event()
    write_setup(saved.load("first"), file, overwrite=False)
    every, taken = saved.saved, saved.import_file

    is_taking = threading.Event()

    def held(wait: threading.Event, go_on):
        def answer(*how, **more):
            if wait is may_take:
                is_taking.set()
            assert wait.wait(20)
            return go_on(*how, **more)

        return answer

    monkeypatch.setattr(saved, "saved", held(may_list, every))
    monkeypatch.setattr(saved, "import_file", held(may_take, taken))
    async with opened(studio) as screen:
        chooses(screen, file)
        screen.start(screen.click("Take from a file…"))
        await screen.wait_for(is_taking.is_set)

        may_list.set()
        await screen.wait_for(lambda: listed(screen) == ["first", "second"])
        may_take.set()

        await screen.wait_for_text("There is a setup “first” already.")


async def test_a_secret_in_a_setup_file_is_left_out_and_that_is_said(studio, tmp_path):
    file = tmp_path / "mine.json"
    config = {
        "base_model": "me/model",
        "logging": {"mlflow_tracking_uri": "https://me:hunter2@there.example"},
    }
    file.write_text(json.dumps({"session": "any", "config": config}))
    async with opened(studio) as screen:
        chooses(screen, file)
        await screen.click("Take from a file…")

        await screen.wait_for_text("Left out, as it looked like a secret: MLflow tracking URI.")


async def test_a_setup_that_cannot_be_read_says_why(studio, saved):
    saved._store.save("newer", '{"setup_version": 99}')
    async with opened(studio) as screen:
        await screen.choose("Saved setup", "newer")
        await screen.click("Load")

        await screen.wait_for_text("newer Tunewright")


async def test_a_recipe_says_where_it_is_from_and_leaves_ones_own_data_and_target_in_the_form(studio):
    async with opened(studio) as screen:
        studio.draft.target, studio.draft.source, studio.draft.file = Target.DOCKER, Source.FILE, "mine.jsonl"
        studio.draft.type_number("learning_rate", "0.004")
        await screen.click("Recipes…")
        await screen.wait_for(lambda: screen.identified("recipes"))
        shown = " ".join(screen.texts())
        assert "From: Ratio 0.25" in shown
        assert "Seen: Run on" in shown
        assert "Limits: Not run for this recipe" in shown

        uses = {s.identifier: s.content for s in screen.controls(ft.Semantics)}
        await screen.click(uses["use-new-facts-old-kept"])
        await screen.wait_for(lambda: screen.identified("setup-outcome"))

        assert (studio.draft.method, studio.draft.numbers["learning_rate"]) == ("osft", "0.0005")
        assert (studio.draft.target, studio.draft.file) == (Target.DOCKER, "mine.jsonl")

        await screen.click("Undo")
        assert (studio.draft.method, studio.draft.numbers["learning_rate"]) == ("lora", "0.004")


def test_the_recipe_for_a_model_brings_it_and_one_for_any_leaves_mine():
    draft = TrainingDraft()
    draft.is_model_typed, draft.typed_model = True, "me/model"

    take(draft, recipe(Paths.from_environment().assets, "every-weight"))
    assert (draft.base_model, draft.session) == ("me/model", "Ferry help desk (sample)")

    take(draft, recipe(Paths.from_environment().assets, "eight-billion-on-one-card"))
    assert "8B" in draft.base_model


async def test_the_form_can_be_saved_where_setups_are_listed_and_it_is_said(studio):
    async with opened(studio) as screen:
        studio.draft.session = str(studio.services.library.sessions()[0].id)
        await screen.click("Save the form…")
        await screen.wait_for(lambda: [f for f in screen.controls(ft.TextField) if f.label == "Name"])
        await screen.type("Name", "from above")
        await screen.click([b for b in screen.controls(ft.FilledButton) if b.content == "Save setup"][-1])
        await screen.wait_for(lambda: listed(screen) == ["from above"])

        assert screen.identified("setup-outcome") == ["Saved as “from above”."]

    assert studio.services.setups.load("from above").session == studio.draft.session


async def test_a_form_that_lacks_something_is_not_saved_from_the_list_either(studio):
    async with opened(studio) as screen:
        await screen.click("Save the form…")

        await screen.wait_for_text("The form is not complete. Choose a dataset.")

    assert studio.services.setups.saved() == []


@pytest.mark.parametrize("item", ["Compare…", "Command line…"])
async def test_a_dialog_is_as_high_as_what_it_says(studio, saved, item):
    async with opened(studio) as screen:
        await screen.choose("Saved setup", "first")
        await screen.click(item)
        await screen.wait_for(lambda: any(screen.controls(ft.AlertDialog)))
        dialog = next(iter(screen.controls(ft.AlertDialog)))

        # A column that scrolls by itself takes all the height that there is.
        assert dialog.scrollable
        assert dialog.content.content.scroll is None


async def test_a_chosen_setup_stays_chosen_when_the_window_becomes_narrow(studio, saved):
    async with studio.opened() as screen:
        await screen.wait_for(lambda: listed(screen) == ["first", "second"])
        await screen.choose("Saved setup", "second")
        await screen.wait_for(lambda: chosen(screen) == "second")
        frame = next(c for c in screen.controls(ft.Container) if c.on_size_change is not None)
        await screen.fire(frame, "size_change", {"w": 420, "h": 800})
        await screen.wait_for(lambda: not screen.identified("training-form"))

        await screen.wait_for(lambda: chosen(screen) == "second")
        assert not screen.button("Load").disabled


def chosen(screen) -> str | None:
    found = [f for f in screen.controls(ft.Dropdown) if f.label == "Saved setup"]
    return found[0].value if found else None
