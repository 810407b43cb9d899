"""A run goes on here or there: what a rented GPU costs is on the screen before anything is ordered."""

import asyncio
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import flet as ft
import pytest

from app.domain.preflight import Readiness, Remark
from app.domain.renting import Leaving, PodOptions, plan_of
from app.domain.runpod_ports import GpuOffer, Stock
from app.domain.runs import Run, RunRequest, RunStatus, Target
from app.services.resuming import ground_of, resume_blocked
from app.ui.inference.export_window import ExportWindow
from app.ui.training.going_on import GoOn, How
from app.ui.training.run_actions import RunActions
from tests.launchers.places import make_run
from tests.services.conftest import whole_checkpoint
from tests.ui.harness import mounted
from tests.ui.training.conftest import choose_segment

A4000 = GpuOffer("NVIDIA RTX A4000", "RTX A4000", 16, 0.25, Stock.HIGH, 8)
L4 = GpuOffer("NVIDIA L4", "L4", 24, 0.39, Stock.HIGH, 8)
POD = PodOptions(image="ghcr.io/somebody/trainer:1", budget=5)


class Account:
    """Runpod as a check before a run finds it, and what a run was told to do."""

    def __init__(self, *offers: GpuOffer) -> None:
        self.offers = offers
        self.asked: list[RunRequest] = []
        self.told: list[tuple[str, dict]] = []
        self.services = SimpleNamespace(
            preflight=SimpleNamespace(check=self.check),
            settings=SimpleNamespace(last_setup=lambda: None),
            training=SimpleNamespace(
                resume_blocked=lambda run, extend=False: resume_blocked(run, extend=extend),
                ground=ground_of,
                resume=lambda _, **how: self.tell("resume", how),
                order_again=lambda _, **how: self.tell("order", how),
            ),
        )

    def check(self, request: RunRequest) -> Readiness:
        self.asked.append(request)
        if request.target is not Target.RUNPOD:
            return Readiness()
        limit = request.pod.highest_price or A4000.price_per_hour
        rungs = [offer for offer in self.offers if offer.price_per_hour <= limit]
        if not rungs:
            return Readiness((Remark("Cost", "error", "None is free at that price."),), dearer=L4)
        leaving = [Leaving("checkpoints/samples_4/adapter_model.safetensors", 3_000_000)]
        return Readiness(plan=plan_of(rungs, request.pod, leaving=leaving, balance=12.0, spent=1.5))

    def tell(self, what: str, how: dict) -> None:
        self.told.append((what, how))


@pytest.fixture
def run(tmp_path) -> Run:
    made = make_run(tmp_path / "run", "0123456789ab", target=Target.RUNPOD)
    whole_checkpoint(made, 4, 1)
    stopped = replace(made, status=RunStatus.STOPPED, checkpoint="checkpoints/samples_4", pod=POD)
    return replace(stopped, started_at=made.created_at)


async def test_what_has_ended_with_something_can_be_exported_beside_what_else_can_be_done(run):
    window, going = ExportWindow(), replace(run, status=RunStatus.RUNNING)
    async with mounted(RunActions, Account(A4000).services, going, lambda: None, window) as screen:
        await screen.settle()
        assert not screen.has_button("Export…")

    async with mounted(RunActions, Account(A4000).services, run, lambda: None, window) as screen:
        await screen.wait_for(lambda: screen.has_button("Export…"))
        await screen.click("Export…")
        assert (window.is_open, window.run.id) == (True, run.id)


async def test_a_rented_run_is_resumed_only_after_its_price_limit_and_files_were_seen(run):
    account = Account(A4000)
    async with mounted(RunActions, account.services, run, lambda: None, ExportWindow()) as screen:
        await screen.wait_for(lambda: not screen.button("Resume…").disabled)
        await screen.click("Resume…")
        await screen.wait_for(lambda: not screen.button("Order a pod and resume").disabled)

        assert account.told == []
        assert "$0.25 an hour for RTX A4000" in screen.text()
        assert "never more than $1.00 or 4.0 hours from now on ($1.50 of the budget of $5.00 is spent)" in (
            screen.text()
        )
        assert "the account has $12.00" in screen.text()
        assert screen.identified("go-on-price") == ["RTX A4000: $0.25/h, at most $1.00"]
        assert "3.0 MB are sent to the pod: checkpoints/samples_4/adapter_model" in screen.text()
        await screen.click("Order a pod and resume")
        await screen.wait_for(lambda: account.told)

    [(what, how)] = account.told
    assert (what, how["target"]) == ("resume", Target.RUNPOD)
    assert (how["pod"].gpus, how["pod"].highest_price) == (("NVIDIA RTX A4000",), 0.25)
    assert account.asked[-1].goes_on == run.id


async def test_a_run_that_is_being_added_to_the_queue_is_not_said_to_start(run):
    account, may_add, added = Account(A4000), Event(), []

    def add_back(_, **how):
        assert may_add.wait(20)
        return run

    account.services.queue = SimpleNamespace(add_back=add_back)
    async with mounted(GoOn, account.services, run, How(waits=True), lambda: None, added.append) as screen:
        await screen.wait_for(lambda: not screen.button("Agree and add to queue").disabled)
        click = asyncio.create_task(screen.click("Agree and add to queue"))

        await screen.wait_for(lambda: screen.has_button("Adding…"))
        may_add.set()
        await click
        await screen.wait_for(lambda: added)


async def test_the_price_is_asked_for_the_checkpoint_that_was_chosen(run):
    account, how = Account(A4000), How(checkpoint="samples_4")
    async with mounted(GoOn, account.services, run, how, lambda: None, lambda _: None) as screen:
        await screen.wait_for(lambda: not screen.button("Order a pod and resume").disabled)

    assert account.asked[-1].checkpoint == "samples_4"


async def test_a_run_of_a_pod_goes_on_here_if_that_is_chosen(run):
    account = Account(A4000)
    async with mounted(RunActions, account.services, run, lambda: None, ExportWindow()) as screen:
        await screen.wait_for(lambda: not screen.button("Resume…").disabled)
        await screen.click("Resume…")
        await choose_segment(screen, "go-on-target", Target.LOCAL.value)
        await screen.wait_for_text("Nothing speaks against it, and it costs nothing.")
        await screen.wait_for(lambda: not screen.button("Resume").disabled)
        await screen.click("Resume")
        await screen.wait_for(lambda: account.told)

    [(_, how)] = account.told
    assert (how["target"], how["pod"]) == (Target.LOCAL, None)


async def test_a_run_of_this_computer_goes_on_on_a_pod_after_its_image_and_price(run):
    account, here = Account(A4000), replace(run, target=Target.LOCAL)
    async with mounted(RunActions, account.services, here, lambda: None, ExportWindow()) as screen:
        await screen.wait_for(lambda: not screen.button("Resume").disabled)
        await screen.click("Resume elsewhere…")
        await choose_segment(screen, "go-on-target", Target.RUNPOD.value)
        await screen.wait_for(lambda: screen.button("Order a pod and resume").disabled)
        await screen.type("Trainer image", "ghcr.io/somebody/trainer:2")
        await screen.wait_for(lambda: not screen.button("Order a pod and resume").disabled)
        await screen.click("Order a pod and resume")
        await screen.wait_for(lambda: account.told)

    [(_, how)] = account.told
    assert (how["target"], how["pod"].image) == (Target.RUNPOD, "ghcr.io/somebody/trainer:2")


async def test_a_dearer_gpu_is_taken_with_one_click_and_its_price_is_seen_before_the_order(run):
    account = Account(L4)
    never = replace(run, status=RunStatus.FAILED, started_at=None, checkpoint=None)
    async with mounted(RunActions, account.services, never, lambda: None, ExportWindow()) as screen:
        await screen.click("Start again…")
        await screen.wait_for_text("None is free at that price.")
        assert screen.button("Order a pod").disabled
        await screen.click("Take L4 at $0.39 an hour")
        await screen.wait_for(lambda: not screen.button("Order a pod").disabled)

        assert "$0.39 an hour for L4" in screen.text()
        assert screen.find(ft.TextField, "Highest price an hour (optional)").value == "0.39"
        await screen.click("Order a pod")
        await screen.wait_for(lambda: account.told)

    [(what, how)] = account.told
    assert (what, how["pod"].gpus, how["pod"].highest_price) == ("order", ("NVIDIA L4",), 0.39)
