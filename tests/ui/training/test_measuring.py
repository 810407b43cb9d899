"""“Measure on this computer”: what it is at, what it found, a way out, and when it cannot."""

import threading

import pytest

from app.adapters.speed_file import SpeedFile
from app.domain.errors import StudioError
from app.paths import Paths
from app.services.probing import ProbingService
from tests.known_prober import KnownProber
from tests.ui.training.conftest import choose_session

BUTTON = "Measure on this computer"


@pytest.fixture
def prober(studio, tmp_path) -> KnownProber:
    known, world = KnownProber(), studio.world
    probing = ProbingService(
        world.training, world.library, world.runs, known, SpeedFile(Paths(world.home).speeds),
        cache=tmp_path / "probes",
        seen_by=studio.services.previews.seen_by, offline=lambda: "", make_room=lambda: None,
    )  # fmt: skip
    object.__setattr__(studio.services, "probing", probing)
    return known


async def offered(screen) -> None:
    await screen.click("Details")
    await screen.wait_for(lambda: not screen.button(BUTTON).disabled)


async def test_what_was_measured_is_told_and_the_estimate_asked_for_again(studio, prober):
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await screen.wait_for(lambda: studio.trainer.asked)
        asked = len(studio.trainer.asked)
        await offered(screen)

        await screen.click(BUTTON)

        await screen.wait_for_text("A step takes about 1.5 s, 40 steps roughly 60 s.")
        await screen.wait_for(lambda: len(studio.trainer.asked) > asked)
        await screen.wait_for_text("steps, roughly")
        await screen.type("Learning rate", "0.001")
        await screen.wait_for_text("The form has changed since.")


async def test_while_it_measures_it_says_at_what_and_can_be_cancelled(studio, prober):
    prober.gate = threading.Event()
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await offered(screen)
        try:
            screen.start(screen.click(BUTTON))
            await screen.wait_for_text("Measuring: Loading the model…")

            await screen.click("Cancel")

            await screen.wait_for_text("Measuring was cancelled; nothing was trained.")
        finally:
            prober.gate.set()  # else the thread is waited for
        assert not screen.button(BUTTON).disabled


async def test_an_incomplete_form_cannot_be_measured_and_a_failure_is_said(studio, prober):
    prober.fail_with = StudioError("There is not enough memory for this run.", "Lower the batch size.")
    studio.add_session("another")
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        await offered(screen)
        await screen.type("Learning rate", "quick")
        await screen.wait_for(lambda: screen.button(BUTTON).disabled)
        assert "earning rate" in str(screen.button(BUTTON).tooltip)

        await screen.type("Learning rate", "0.001")
        await screen.wait_for(lambda: not screen.button(BUTTON).disabled)
        await screen.click(BUTTON)

        await screen.wait_for_text("There is not enough memory for this run.")
