"""The tab by keyboard: F6 reaches what Tab passes by, and nothing that is pressed loses the focus."""

from app.ui.landmarks import LandmarkTour
from tests.ui.training.conftest import choose_session


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
        await screen.wait_for_text("No run yet")

        reached = [await press_f6(screen, tour) for _ in range(3)]

        assert reached == ["Start training", "Import a run…", "Start training"]


async def test_opening_the_details_leaves_the_focus_where_it_is(studio):
    """A control that is mounted anew loses the focus: the same one has the same number."""
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await screen.wait_for(lambda: screen.has_button("Details"))
        before = screen.button("Start training")._i, screen.button("Details")._i

        await screen.click("Details")

        await screen.wait_for_text("Already on this computer")
        assert (screen.button("Start training")._i, screen.button("Hide details")._i) == before
