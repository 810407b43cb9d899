"""One switch for everything, and who decides about it."""

import pytest

from app.domain.errors import StudioError
from app.domain.renting import PodOptions
from app.domain.runs import RunRequest, RunStatus, Target
from app.domain.targets import Target as Place
from app.services.offline import OfflineError, OfflineService
from tests.fakes import FakeNetwork
from trainer_image.config import HubDataset, Push, RunConfig


@pytest.fixture
def network():
    return FakeNetwork()


@pytest.fixture
def offline(world, network):
    return OfflineService(world.settings, network)


def test_the_switch_closes_the_network_and_opens_it_again(offline, network):
    offline.switch(True)
    closed = network.closed
    offline.switch(False)

    assert "switched on in Settings" in closed
    assert (network.closed, offline.reason()) == ("", "")


def test_a_switch_moved_by_another_process_is_obeyed_at_the_next_question(world, offline, network):
    world.settings.set_offline(True)

    assert offline.reason() == network.closed != ""


@pytest.mark.parametrize(("value", "switch", "expected"), [("1", False, True), ("0", True, False)])
def test_the_environment_wins_and_says_so(world, network, value, switch, expected):
    world.settings.set_offline(switch)
    network.environment = {"TUNEWRIGHT_OFFLINE": value}
    offline = OfflineService(world.settings, network)

    assert bool(offline.reason()) is expected
    assert offline.decided_by == "TUNEWRIGHT_OFFLINE"
    with pytest.raises(StudioError, match="TUNEWRIGHT_OFFLINE decides"):
        offline.switch(not switch)
    assert world.settings.is_offline is switch


def test_what_needs_the_network_is_refused_with_the_way_out(offline):
    offline.refuse("Asking the Hub")
    offline.switch(True)

    with pytest.raises(OfflineError, match="Asking the Hub needs the network") as refused:
        offline.refuse("Asking the Hub")
    assert "tunewright offline off" in refused.value.hint


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"dataset": HubDataset(repo="a/b")}, "Choose a session or a file"),
        ({"push": Push(repo_id="me/mine")}, "Leave “Push to Hub repository” empty"),
    ],
)
def test_a_run_that_would_use_the_network_cannot_start(world, session, offline, config, said):
    world.why_offline.append(offline.reason)
    chosen = None if "dataset" in config else session.id
    request = RunRequest(RunConfig(base_model="a/b", **config), Target.LOCAL, session_id=chosen)
    before = world.training.missing(request)

    offline.switch(True)

    assert before == ""
    assert said in world.training.missing(request)


def test_every_run_started_offline_is_an_offline_run_without_a_token(world, session, offline):
    world.why_offline.append(offline.reason)
    world.secrets.token = "hf_secret"
    offline.switch(True)

    run = world.training.start(RunRequest(RunConfig(base_model="a/b"), Target.LOCAL, session_id=session.id))

    assert world.runs.get(run.id).config.offline
    assert world.launcher.job(run).secrets == {}


@pytest.mark.parametrize("target", [Target.LOCAL, Target.DOCKER])
def test_a_run_that_was_queued_online_starts_offline_once_the_switch_is_on(world, session, offline, target):
    world.why_offline.append(offline.reason)
    world.secrets.token = "hf_secret"
    asked = RunRequest(RunConfig(base_model="a/b"), target, session_id=session.id)
    run = world.queue.add(asked)
    offline.switch(True)

    world.queue.advance()

    job = world.launcher.job(run)
    assert job.run.config.offline
    assert job.secrets == {}
    assert world.runs.get(run.id).config.offline


def test_a_rented_run_that_was_queued_online_orders_nothing_once_the_switch_is_on(world, session, offline):
    world.why_offline.append(offline.reason)
    pod = PodOptions(image="ghcr.io/somebody/trainer:1", highest_price=0.5)
    asked = RunRequest(RunConfig(base_model="a/b"), Target.RUNPOD, session_id=session.id, pod=pod)
    run = world.queue.add(asked)
    offline.switch(True)

    assert "needs the network" in world.queue.advance().reason

    assert world.launcher.find(run) is None


def test_a_run_that_is_to_push_waits_for_the_network_once_the_switch_is_on(world, session, offline):
    """The trainer would refuse it, as a run that is offline cannot push."""
    world.why_offline.append(offline.reason)
    config = RunConfig(base_model="a/b", push=Push(repo_id="me/mine"))
    run = world.queue.add(RunRequest(config, Target.LOCAL, session_id=session.id))
    offline.switch(True)

    assert "Leave “Push to Hub repository” empty: offline mode is on." in world.queue.advance().reason

    assert world.launcher.find(run) is None
    waits = world.runs.get(run.id)
    assert (waits.status, waits.config.push) == (RunStatus.QUEUED, config.push)


def test_a_target_elsewhere_is_ruled_out_by_its_own_property(world, session, offline, monkeypatch):
    monkeypatch.setattr(Place, "needs_network", property(lambda target: target is Place.DOCKER))
    world.why_offline.append(offline.reason)
    offline.switch(True)

    def missing(target):
        request = RunRequest(RunConfig(base_model="a/b"), target, session_id=session.id)
        return world.training.missing(request)

    assert missing(Target.LOCAL) == ""
    assert "needs the network" in missing(Target.DOCKER)
