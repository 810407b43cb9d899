"""The tab by keyboard: F6 reaches what Tab passes by, and nothing that is pressed loses the focus."""

import threading

import flet as ft
import pytest

from app.domain.runs import Target
from app.ui.landmarks import LandmarkTour
from tests.ui.harness import _label as name_of
from tests.ui.training.conftest import choose_session

FILLED_OR_PRESSED = (
    ft.TextField, ft.Dropdown, ft.Switch, ft.Checkbox, ft.Radio, ft.Chip,
    ft.FilledButton, ft.TextButton, ft.OutlinedButton, ft.IconButton, ft.PopupMenuButton,
)  # fmt: skip


async def press_f6(screen, tour: LandmarkTour) -> str:
    """What gets the focus then, by its name."""
    focused: list[int] = []
    screen.client.answers["focus"] = lambda _, control: focused.append(control)
    await tour.go_on(screen.page, "training")
    return str(next((c.content for c in screen.controls() if c._i in focused), "nothing"))


async def test_f6_goes_from_start_to_the_run_to_the_history_and_round_again(studio):
    """Tab goes row by row across columns that scroll, so that what has scrolled away may never come."""
    tour = LandmarkTour()
    run = studio.start("lively")
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await screen.wait_for_text("Stop loses the steps")
        assert [await press_f6(screen, tour) for _ in range(4)] == [
            "Start training", "Stop and save", "Import a run…", "Start training",
        ]  # fmt: skip

        studio.finish(run)

        await screen.wait_for(lambda: screen.has_button("Talk to it"))
        reached = [await press_f6(screen, tour) for _ in range(3)]
        assert reached == ["Talk to it", "Import a run…", "Start training"]


async def test_without_a_run_f6_goes_to_start_and_to_importing_one(studio):
    tour = LandmarkTour()
    async with studio.opened() as screen:
        await choose_session(screen, studio)

        reached = [await press_f6(screen, tour) for _ in range(3)]

        assert reached == ["Start training", "Import a run…", "Start training"]


@pytest.mark.parametrize(
    ("width", "scrolled"), [(1280, ["run", "history"]), (420, ["start", "run", "history"])]
)
async def test_what_f6_goes_to_comes_into_sight(studio, width, scrolled):
    """In two columns Start is always in sight; in one everything may have scrolled away."""
    tour = LandmarkTour()
    studio.start("lively")
    async with studio.opened(width=width) as screen:
        await choose_session(screen, studio)
        await screen.wait_for_text("Stop loses the steps")

        for _ in range(3):
            await press_f6(screen, tour)

        keys = [args["scroll_key"] for name, args in screen.client.calls if name == "scroll_to"]
        assert keys == scrolled
        marks = [c for c in screen.controls() if isinstance(c.key, ft.ScrollKey)]
        assert {c.key.value for c in marks} >= {*scrolled}
        assert all(c.content is None for c in marks), "Flet mounts anew what has such a key, with all in it"
        pieces = [c for c in screen.controls(ft.Column) if isinstance(c.data, ft.ScrollKey)]
        assert pieces
        assert all(c.key for c in pieces), "without a key the column is lost when another run is shown"


async def test_f6_passes_by_what_cannot_be_pressed(studio):
    """It would take no focus: the key would seem to do nothing."""
    tour = LandmarkTour()
    async with studio.opened() as screen:
        await screen.wait_for_text("No run yet")
        await screen.type("Epochs", "none")
        await screen.wait_for(lambda: screen.button("Start training").disabled)

        assert [await press_f6(screen, tour) for _ in range(2)] == ["Import a run…", "Import a run…"]


async def test_f6_goes_to_the_script_where_a_job_has_that_in_place_of_start(studio):
    tour = LandmarkTour()
    studio.draft.is_model_typed, studio.draft.typed_model = True, "owner/model"
    studio.draft.choose_target(Target.HF_JOBS)
    studio.draft.push_repo = "me/ferries"
    studio.draft.session = str(studio.services.library.sessions()[0].id)
    async with studio.opened() as screen:
        await screen.wait_for(lambda: not screen.button("Write the script").disabled)

        assert [await press_f6(screen, tour) for _ in range(2)] == ["Write the script", "Import a run…"]


async def test_a_button_keeps_the_focus_while_it_works(studio, monkeypatch):
    """One that is disabled meanwhile loses it, and Tab would go on from somewhere else."""
    may_start, start = threading.Event(), studio.services.training.start
    monkeypatch.setattr(
        studio.services.training, "start", lambda request: may_start.wait(20) and start(request)
    )
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        button = screen.button("Start training")

        screen.start(screen.click(button))
        working = await screen.wait_for(lambda: screen.has_button("Starting…") and screen.button("Starting…"))
        was_disabled = working.disabled
        may_start.set()

        await screen.wait_for(studio.runs)
        assert (working._i, was_disabled) == (button._i, False)


@pytest.mark.parametrize("skill", ["beginner", "expert"])
@pytest.mark.parametrize("target", list(Target))
async def test_whatever_can_be_filled_or_pressed_has_a_name_at_every_target(studio, target, skill):
    studio.draft.skill = skill
    studio.draft.choose_target(target)
    async with studio.opened() as screen:
        await screen.wait_for_text("No run yet")
        found = [c for c in screen.controls() if isinstance(c, FILLED_OR_PRESSED)]

        assert len(found) > 20
        assert [c for c in found if not name_of(c)] == []


async def test_opening_the_details_leaves_the_focus_where_it_is(studio):
    """A control that is mounted anew loses the focus: the same one has the same number."""
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await screen.wait_for(lambda: screen.has_button("Details"))
        before = screen.button("Start training")._i, screen.button("Details")._i

        await screen.click("Details")

        await screen.wait_for_text("Already on this computer")
        assert (screen.button("Start training")._i, screen.button("Hide details")._i) == before
