"""Rented pods in the window: what still bills is on every tab, and offline nothing is rented."""

import flet as ft

from app.domain.errors import TargetError
from app.domain.reaping import Billing, Verdict
from app.domain.runs import Target
from app.services.renting.reaper import Left
from app.ui.pods import PodsBanner
from app.ui.training.draft import TrainingDraft
from app.ui.training.form import TrainingForm
from app.ui.training.target_section import TargetSection
from tests.ui.harness import mounted

LATE = Billing("7h9k", "studio-0a1b2c3d-0123456789ab-1", 0.69, Verdict.END, "Its end is not confirmed yet.")
STRAY = Billing("2m4n", "studio-0a1b2c3d-0123456789ab-7", 0.39, Verdict.ASK, "No run of it is known here.")


class Looked:
    """A reaper that has found this."""

    def __init__(self, *pods: Billing, problem: str = "") -> None:
        self.pods, self.problem = list(pods), problem
        self.ended: list[str] = []

    def left(self) -> Left:
        return Left(tuple(self.pods), self.problem)

    def reap(self) -> Left:
        return self.left()

    def end(self, pod_id: str) -> None:
        self.ended.append(pod_id)
        self.pods = [pod for pod in self.pods if pod.pod_id != pod_id]


async def test_without_anything_left_there_is_no_banner():
    async with mounted(PodsBanner, Looked()) as screen:
        assert screen.texts() == []


async def test_what_still_bills_is_shown_with_its_price_and_why():
    async with mounted(PodsBanner, Looked(LATE, STRAY)) as screen:
        await screen.wait_for_text("2 rented pods are still billing $1.08 an hour")

        assert "$0.69 an hour: Its end is not confirmed yet." in screen.text()


async def test_a_pod_nobody_knows_is_ended_by_a_click_and_is_then_gone_from_the_banner():
    reaper = Looked(STRAY)
    async with mounted(PodsBanner, reaper) as screen:
        await screen.wait_for_text("A rented pod is still billing")

        await screen.click("End this pod")
        await screen.wait_for(lambda: reaper.ended == ["2m4n"])
        await screen.click("Try again")
        await screen.wait_for(lambda: screen.texts() == [])


async def test_an_end_that_was_refused_is_said():
    async with mounted(PodsBanner, Refusing(STRAY)) as screen:
        await screen.click("End this pod")

        await screen.wait_for_text("Runpod cannot be reached. Check the network.")


class Refusing(Looked):
    def end(self, pod_id: str) -> None:
        raise TargetError("Runpod cannot be reached.", "Check the network.")


async def test_that_nobody_can_look_is_said_too():
    async with mounted(PodsBanner, Looked(problem="Runpod cannot be reached.")) as screen:
        await screen.wait_for_text("Nobody can see now what rented pods cost. Runpod cannot be reached.")


async def test_offline_mode_rules_runpod_out_and_says_why(services):
    draft = TrainingDraft(target=Target.RUNPOD)
    services.offline.switch(True)

    async with mounted(TrainingForm, services, draft, lambda: None, is_shown=True) as screen:
        await screen.wait_for(lambda: draft.offline_reason)

        assert draft.target is Target.LOCAL
        await screen.wait_for_text("Runpod - Pod and Hugging Face Jobs cannot be chosen")


async def test_without_a_key_the_form_says_where_to_get_one(services, monkeypatch):
    monkeypatch.delenv("RUNPOD_API_KEY", raising=False)
    draft = TrainingDraft(target=Target.RUNPOD)

    async with mounted(_section, draft, services) as screen:
        await screen.wait_for_text("There is no key for Runpod.")

        assert screen.find(ft.TextField, "Budget in dollars").value == "5"


@ft.component
def _section(draft: TrainingDraft, services) -> ft.Control:
    return TargetSection(draft, services.docker_care, services.renting)
