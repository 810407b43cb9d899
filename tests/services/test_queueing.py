"""The queue over a real store: what waits is fixed, starts once, and is neither lost nor doubled."""

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier

import pytest

from app.adapters.processes import SystemProcesses
from app.domain.errors import StudioError, TargetError
from app.domain.gpus import GIB, Gpu
from app.domain.preflight import Readiness, Remark
from app.domain.queue import QueueRules
from app.domain.renting import PodOptions
from app.domain.runs import JobPhase, JobState, Run, RunRequest, RunStatus, Target
from app.services.queueing import QueueService
from tests.fakes import FakeLauncher
from tests.services.conftest import NOON, World, ends, found_nothing, started, whole_checkpoint, write_events
from trainer_image.config import DATA_FILE, Distributed, RunConfig
from trainer_image.events import CheckpointSaved, Result

FINISHED = Result(status="finished", step=10, total_steps=10)


def request(session, name: str) -> RunRequest:
    config = RunConfig(base_model="owner/model")
    return RunRequest(config, Target.LOCAL, session_id=session.id, output_name=name)


def going(world: World) -> list[str]:
    return sorted(r.name for r in world.monitoring.refresh_all() if r.status is RunStatus.RUNNING)


def queued(world: World) -> list[str]:
    return [run.name for run in world.queue.standing().runs]


def finish(world: World, run: Run) -> None:
    ends(world, run, JobState(JobPhase.EXITED, 0), replace_attempt(run))


def replace_attempt(run: Run) -> Result:
    return FINISHED.model_copy(update={"attempt": run.attempt})


@pytest.fixture
def three(world, session) -> list[Run]:
    return [world.queue.add(request(session, name)) for name in ("a", "b", "c")]


def test_queued_runs_start_one_after_another_in_their_order(world, three):
    seen = []
    for _ in three:
        world.queue.advance()
        world.queue.advance()
        assert len(going(world)) == 1
        seen += going(world)
        finish(world, world.monitoring.find(seen[-1]))

    world.queue.advance()

    assert seen == ["a", "b", "c"]
    assert (queued(world), going(world)) == ([], [])


def test_a_queued_run_waits_in_the_history_and_asks_no_target(world, three):
    world.launcher.unreachable = TargetError("Docker is off.")

    runs = world.monitoring.refresh_all()

    assert {run.status for run in runs} == {RunStatus.QUEUED}
    assert not world.launcher.jobs


def test_what_is_queued_keeps_the_rows_it_was_queued_with(world, session):
    run = world.queue.add(request(session, "a"))
    before = (run.folder / DATA_FILE).read_text()
    more = world.home / "more.jsonl"
    more.write_text('{"prompt": "More?", "completion": "More."}\n')
    world.library.append_file(session, more)

    world.queue.advance()

    stored = world.monitoring.find("a")
    assert (stored.status, stored.session_version) == (RunStatus.RUNNING, session.version)
    assert (stored.folder / DATA_FILE).read_text() == before


def test_a_run_started_directly_asks_the_queue_for_nothing_and_the_queue_waits_for_it(world, session, three):
    world.queue.advance()

    world.training.start(request(session, "now"))

    assert going(world) == ["a", "now"]
    finish(world, world.monitoring.find("a"))
    assert "now" in world.queue.advance().reason


def test_a_bug_before_the_launch_ends_that_run_and_the_queue_goes_on(world, three):
    def no_space() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def no_check(_: RunRequest) -> Readiness:
        raise RuntimeError("a bug")

    world.training._launching._make_room = no_space
    world.queue.advance()
    world.training._launching._make_room = lambda: None
    checks = world.queue._check
    world.queue._check = no_check
    world.queue.advance()
    world.queue._check = checks
    world.queue.advance()

    failed = [world.monitoring.find(name) for name in ("a", "b")]
    assert [run.status for run in failed] == [RunStatus.FAILED] * 2
    assert all("an error inside the app" in run.message for run in failed)
    assert going(world) == ["c"]


def test_a_run_that_a_bug_lets_nobody_look_for_waits_again(world, three):
    def no_look(_: Run) -> None:
        raise RuntimeError("a bug")

    world.launcher.find = no_look
    turn = world.queue.advance()

    assert "an error inside the app" in turn.reason
    assert world.monitoring.find("a").status is RunStatus.QUEUED


def test_runs_are_moved_and_a_cancelled_one_stays_in_the_history(world, three):
    a, _, c = three
    world.queue.move(c.id, -1)
    world.queue.cancel(a.id)

    assert queued(world) == ["c", "b"]
    cancelled = world.monitoring.find("a")
    assert cancelled.status is RunStatus.STOPPED
    assert "taken out of the queue" in cancelled.message
    with pytest.raises(StudioError, match="does not wait"):
        world.queue.cancel(a.id)

    world.queue.add_back(a.id)
    assert queued(world) == ["c", "b", "a"]
    assert world.monitoring.find("a").attempt == 1


def test_a_paused_queue_starts_nothing_until_it_goes_on(world, three):
    world.queue.pause()
    assert world.queue.advance().reason == "The queue is paused."
    assert going(world) == []

    world.queue.pause(False)
    world.queue.advance()

    assert going(world) == ["a"]


def test_the_rules_are_kept_and_hours_no_clock_has_are_refused(world):
    rules = QueueRules(only_idle=True, only_at_night=True, night_from=1, night_to=5)
    world.queue.change_rules(**asdict(rules))

    assert world.queue.rules() == rules
    for hours in ((24, 6), (5, 5), (-1, 3)):
        with pytest.raises(StudioError, match="two different hours"):
            world.queue.change_rules(night_from=hours[0], night_to=hours[1])
    assert world.queue.rules() == rules


def test_two_windows_that_change_different_rules_at_once_lose_none(world):
    fields = [{"is_paused": True}, {"only_idle": True}, {"only_at_night": True}, {"night_from": 20}]
    both_there = Barrier(len(fields) + 1)

    def change(work: Callable[[], object]) -> None:
        both_there.wait(20)
        work()

    works = [partial(world.queue.change_rules, **values) for values in fields]
    works.append(partial(world.queue.limit_money, 20.0))
    with ThreadPoolExecutor(len(works)) as windows:
        list(windows.map(change, works))

    rules = QueueRules(is_paused=True, only_idle=True, only_at_night=True, night_from=20, most_dollars=20.0)
    assert replace(world.queue.rules(), counted_from="") == rules


def test_what_does_not_start_is_failed_and_the_next_one_gets_its_turn(world, three):
    world.launcher.refusal = TargetError("The image is broken.", "Build it again.")
    assert "The image is broken." in world.queue.advance().reason
    world.launcher.refusal = None

    world.queue.advance()

    failed = world.monitoring.find("a")
    assert (failed.status, failed.message) == (RunStatus.FAILED, "The image is broken.")
    assert (going(world), queued(world)) == (["b"], ["c"])


def test_a_target_that_is_not_ready_keeps_its_runs_waiting_and_says_why(world, three):
    world.launcher.problems_found = ["Docker is not running. Start it."]

    assert world.queue.advance().reason == "Docker is not running. Start it."
    assert queued(world) == ["a", "b", "c"]


def test_a_start_cut_short_by_a_crash_keeps_its_place(world, three):
    dead = replace(
        three[0], status=RunStatus.STARTING, owner="1:1.00", queue_position=three[0].queue_position
    )
    world.runs.update(dead.id, lambda _: dead)

    world.monitoring.refresh_all()

    assert queued(world) == ["a", "b", "c"]
    world.queue.advance()
    assert going(world) == ["a"]


def test_a_job_that_a_killed_app_had_started_after_all_is_followed_not_started_again(world, three):
    run = three[0]
    world.launcher.launch(run, resume=False, secrets={})

    world.queue.advance()

    assert going(world) == ["a"]
    assert len(world.launcher.jobs) == 1


def test_a_run_that_died_goes_back_to_the_queue_and_on_from_its_checkpoint(world, three):
    world.queue.advance()
    run = world.monitoring.find("a")
    whole_checkpoint(run, 4, 4)
    write_events(run, started(), CheckpointSaved(time=NOON.timestamp(), step=4, path="checkpoints/samples_4"))
    world.launcher.vanish(run)
    world.queue.advance()
    assert world.monitoring.find("a").status is RunStatus.FAILED

    world.queue.add_back(run.id)

    assert queued(world)[-1] == "a"
    for name in ("b", "c"):
        finish(world, world.monitoring.find(name))
        world.queue.advance()
    again = world.monitoring.find("a")
    assert (again.status, again.attempt) == (RunStatus.RUNNING, 2)
    assert world.launcher.job(again).resume


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": RunStatus.RUNNING}, "waiting or going"),
        ({"status": RunStatus.FINISHED}, "has finished"),
        ({"status": RunStatus.FAILED, "checkpoint": "checkpoints/gone"}, "no longer on disk"),
        ({"status": RunStatus.FAILED, "origin": "mini-trainer"}, "another trainer"),
    ],
)
def test_what_cannot_go_back_says_why(world, three, change, reason):
    run = replace(three[0], **change)

    assert reason in world.queue.add_back_blocked(run)


def test_a_run_without_rows_or_folder_cannot_go_back(world, three):
    run = world.queue.cancel(three[0].id)
    (run.folder / DATA_FILE).unlink()

    with pytest.raises(StudioError, match="its rows are no longer on disk"):
        world.queue.add_back(run.id)


def test_with_two_gpus_two_runs_go_each_on_its_own(world, three):
    cards = [Gpu("A", GIB, GIB), Gpu("B", GIB, GIB)]
    queue = QueueService(
        world.runs,
        world.training,
        world.monitoring,
        SystemProcesses(),
        world.settings_store,
        lambda: cards,
        lambda: NOON,
        check=found_nothing,
    )

    for _ in three:
        queue.advance()

    gpus = {r.name: r.gpu for r in world.monitoring.refresh_all() if r.status is RunStatus.RUNNING}
    assert gpus == {"a": 0, "b": 1}


class Checks:
    """Says of a run, by the name of its base model, what it was told to say."""

    def __init__(self) -> None:
        self.remarks: dict[str, Remark] = {}
        self.asked: list[RunRequest] = []

    def __call__(self, request: RunRequest) -> Readiness:
        self.asked.append(request)
        return Readiness(tuple(r for r in [self.remarks.get(request.config.base_model)] if r))


@pytest.fixture
def checks(world) -> Checks:
    made = Checks()
    world.queue._check = made
    return made


NO_MODEL = Remark("Model", "error", "There is no such model.", "Check its name.")


def test_what_speaks_against_a_start_is_said_while_it_waits_and_again_when_its_turn_comes(
    world, session, checks
):
    checks.remarks["owner/model"] = NO_MODEL
    run = world.queue.add(request(session, "a"))

    assert (run.status, run.message, run.hint) == (RunStatus.QUEUED, NO_MODEL.message, NO_MODEL.hint)
    assert checks.asked[0].data_file == run.folder / DATA_FILE

    turn = world.queue.advance()

    ended = world.monitoring.find(run.id)
    assert turn.reason == "a did not start: There is no such model."
    assert (ended.status, ended.message, ended.hint) == (RunStatus.FAILED, NO_MODEL.message, NO_MODEL.hint)
    assert world.launcher.find(run) is None
    assert world.queue.add_back_blocked(ended) == ""


def test_a_run_for_a_rented_gpu_is_checked_and_started_as_it_was_asked_for(world, session, checks):
    pod = PodOptions(image="ghcr.io/somebody/trainer:1", budget=2, highest_price=0.5)
    run = world.queue.add(replace(request(session, "a"), target=Target.RUNPOD, pod=pod))

    world.queue.advance()

    assert [(asked.target, asked.pod) for asked in checks.asked] == [(Target.RUNPOD, pod)] * 2
    assert world.launcher.job(run).run.pod == pod


def test_no_run_waits_for_a_rented_gpu_whose_price_nobody_saw(world, session):
    pod = PodOptions(image="ghcr.io/somebody/trainer:1", budget=2)
    asked = replace(request(session, "a"), target=Target.RUNPOD, pod=pod)

    with pytest.raises(StudioError, match="its price was not seen"):
        world.queue.add(asked)
    assert world.runs.all() == []


def test_a_rented_run_goes_back_to_the_queue_only_for_a_price_that_was_seen(world, session):
    pod = PodOptions(image="ghcr.io/somebody/trainer:1", budget=2, highest_price=0.5)
    run = world.queue.add(replace(request(session, "a"), target=Target.RUNPOD, pod=pod))
    world.queue.cancel(run.id)

    with pytest.raises(StudioError, match="its price was not seen"):
        world.queue.add_back(run.id)
    assert queued(world) == []

    agreed = replace(pod, gpus=("NVIDIA L4",), highest_price=0.39)
    assert world.queue.add_back(run.id, pod=agreed).pod == agreed
    assert queued(world) == ["a"]


def test_what_was_put_right_while_it_waited_is_forgotten_when_it_starts(world, session, checks):
    checks.remarks["owner/model"] = NO_MODEL
    run = world.queue.add(request(session, "a"))
    checks.remarks.clear()

    world.queue.advance()

    assert (going(world), world.monitoring.find(run.id).message) == (["a"], "")


UNREACHABLE = Remark("Model", "error", "The Hub cannot be reached.", "Check the network.", may_pass=True)


@pytest.fixture
def clock(world) -> list[datetime]:
    """What time it is for the queue; a test moves it on."""
    now = [NOON]
    world.queue._clock = world.queue._tries._clock = lambda: now[0]
    return now


def test_an_outage_keeps_a_run_in_its_place_with_the_reason_and_lets_the_next_one_go(
    world, three, checks, clock
):
    checks.remarks["owner/model"] = UNREACHABLE
    for run in three[1:]:
        world.runs.update(run.id, lambda r: replace(r, config=RunConfig(base_model="owner/cached")))

    turn = world.queue.advance()
    world.queue.advance()

    assert turn.reason.startswith("a waits: The Hub cannot be reached. Tried again at ")
    assert (going(world), queued(world)) == (["b"], ["a", "c"])
    waits = world.queue.standing().runs[0]
    assert (waits.status, waits.message) == (RunStatus.QUEUED, "The Hub cannot be reached.")
    assert waits.hint.startswith("Check the network. Tried again at ")


def test_an_outage_of_a_night_leaves_the_queue_as_it_was_and_it_is_tried_with_growing_pauses(
    world, session, checks, clock
):
    run = world.queue.add(request(session, "a"))
    checks.remarks["owner/model"] = UNREACHABLE
    checks.asked.clear()
    tried = []
    for minute in range(8 * 60):
        clock[0] = NOON + timedelta(minutes=minute)
        before = len(checks.asked)
        world.queue.advance()
        tried += [minute] * (len(checks.asked) - before)

    assert tried[:7] == [0, 1, 3, 8, 18, 38, 68]
    assert tried[-1] - tried[-2] == 30
    assert queued(world) == ["a"]

    checks.remarks.clear()
    clock[0] += timedelta(minutes=30)
    world.queue.advance()
    assert going(world) == ["a"]
    assert world.monitoring.find(run.id).message == ""


def test_a_launch_that_may_succeed_later_keeps_its_run_and_one_that_never_does_fails_it(
    world, three, checks, clock
):
    world.launcher.refusal = TargetError("The disk is full.", "Make room.", may_pass=True)
    world.queue.advance()
    world.launcher.refusal = TargetError("The image is broken.")
    world.queue.advance()
    world.launcher.refusal = None

    assert (queued(world), world.monitoring.find("b").status) == (["a", "c"], RunStatus.FAILED)
    clock[0] += timedelta(minutes=1)
    world.queue.advance()
    assert going(world) == ["a"]


def test_what_never_passes_is_said_before_what_may(world, session, checks, clock):
    run = world.queue.add(request(session, "a"))
    world.queue._check = lambda _: Readiness((UNREACHABLE, NO_MODEL))

    world.queue.advance()

    assert world.monitoring.find(run.id).message == NO_MODEL.message
    assert queued(world) == []


def test_a_run_taken_out_and_returned_begins_anew_with_its_tries(world, session, checks, clock):
    run = world.queue.add(request(session, "a"))
    checks.remarks["owner/model"] = UNREACHABLE
    world.queue.advance()
    world.queue.cancel(run.id)
    checks.remarks.clear()

    world.queue.add_back(run.id)
    world.queue.advance()

    assert going(world) == ["a"]


def test_a_run_whose_job_cannot_be_looked_for_is_not_given_up(world, session, checks, clock):
    world.queue.add(request(session, "a"))
    world.launcher.unreachable = TargetError("Docker does not answer.")

    assert "a waits: Docker does not answer." in world.queue.advance().reason

    world.launcher.unreachable = None
    assert queued(world) == ["a"]


def test_a_target_that_is_not_ready_keeps_only_its_own_runs_waiting(world, three):
    first = world.runs.update(three[0].id, lambda r: replace(r, target=Target.DOCKER))
    world.training._launchers[Target.DOCKER] = FakeLauncher()
    world.training._launchers[Target.DOCKER].problems_found = ["Docker is not running. Start it."]

    assert world.queue.advance().run.name == "b"

    assert (going(world), queued(world)) == (["b"], [first.name, "c"])
    finish(world, world.monitoring.find("b"))
    world.training._launchers[Target.DOCKER].problems_found = []
    assert world.queue.advance().run.name == "a"


def test_a_warning_and_a_target_that_is_not_ready_fail_no_run(world, session, checks):
    checks.remarks["owner/model"] = replace(NO_MODEL, level="warning")
    assert world.queue.add(request(session, "a")).message == ""
    checks.remarks["owner/model"] = replace(NO_MODEL, about="Target")

    world.queue.advance()

    assert going(world) == ["a"]


def test_a_run_returned_to_the_queue_is_looked_at_too(world, three, checks):
    world.queue.cancel(three[0].id)
    checks.remarks["owner/model"] = NO_MODEL

    assert world.queue.add_back(three[0].id).message == NO_MODEL.message


@pytest.mark.parametrize(
    ("free", "changes", "number"),
    [
        ((GIB, 7 * GIB), {}, 1),
        ((7 * GIB, 7 * GIB), {}, 0),
        ((7 * GIB,), {}, None),
        ((GIB, 7 * GIB), {"distributed": Distributed(nproc_per_node="gpu")}, None),
    ],
    ids=["the freest", "alike", "only one", "spreads itself"],
)
def test_a_run_started_directly_is_given_the_card_that_was_counted_on(world, session, free, changes, number):
    world.training._launching._gpus = lambda: [
        Gpu(f"card {n}", 8 * GIB, bytes_) for n, bytes_ in enumerate(free)
    ]
    asked = request(session, "a")
    asked = replace(asked, config=asked.config.model_copy(update=changes))

    run = world.training.start(asked)

    assert run.gpu == number
    assert world.launcher.job(run).run.gpu == number


def test_a_limit_in_money_counts_from_when_it_is_set_and_caps_the_run_that_starts(world, session, checks):
    since: list[datetime] = []

    def spent_since(moment: datetime) -> float:
        since.append(moment)
        return 3.0

    world.queue._spent_since, world.queue._spent_by = spent_since, lambda _: 0.5
    pod = PodOptions(image="a/b", budget=5, highest_price=0.5)
    run = world.queue.add(replace(request(session, "a"), target=Target.RUNPOD, pod=pod))
    world.queue.limit_money(4.0)

    assert world.queue.standing().spent == 3.0
    world.queue.advance()

    assert world.launcher.job(run).run.pod == replace(pod, budget=1.5)
    assert set(since) == {NOON}
    with pytest.raises(StudioError, match="no amount of dollars"):
        world.queue.limit_money(-1)
    world.queue.limit_money(None)
    assert (world.queue.rules().most_dollars, world.queue.rules().counted_from) == (None, "")


def test_a_limit_that_is_raised_gives_a_run_that_could_not_start_its_whole_budget_back(world, session, clock):
    world.queue._spent_since = lambda _: 3.0
    pod = PodOptions(image="a/b", budget=20, highest_price=0.5)
    run = world.queue.add(replace(request(session, "a"), target=Target.RUNPOD, pod=pod))
    world.queue.limit_money(4.0)
    world.launcher.refusal = TargetError("No GPU is free now.", may_pass=True)
    world.queue.advance()
    world.launcher.refusal = None

    world.queue.limit_money(100.0)
    clock[0] += timedelta(minutes=1)
    world.queue.advance()

    assert world.launcher.job(run).run.pod == pod
    assert world.runs.get(run.id).pod == pod


def test_a_run_that_was_stopped_while_it_was_checked_is_not_said_to_have_failed(world, session):
    run = world.queue.add(request(session, "a"))

    def check(_: RunRequest) -> Readiness:
        world.training.stop(run.id, save=False)
        return Readiness((NO_MODEL,))

    world.queue._check = check
    world.queue.advance()

    ended = world.runs.get(run.id)
    assert (ended.status, ended.message) == (RunStatus.STOPPED, "")


def test_when_it_is_tried_again_is_said_only_until_then(world, session, checks, clock):
    """Afterwards it may wait behind another run: what was wrong then says nothing any more."""
    world.queue.add(request(session, "a"))
    checks.remarks["owner/model"] = UNREACHABLE
    world.queue.advance()
    [before] = world.queue.standing().runs

    clock[0] += timedelta(minutes=1)

    [after] = world.queue.standing().runs
    assert (before.message, after.message, after.hint) == (UNREACHABLE.message, "", "")
    assert before.hint.startswith("Check the network. Tried again at ")


def test_a_run_that_was_added_while_another_was_checked_keeps_its_count_of_tries(
    world, session, checks, clock
):
    world.queue.add(request(session, "a"))
    checks.remarks["owner/model"] = UNREACHABLE
    added = []

    def add_and_check(asked: RunRequest) -> Readiness:
        if not added:
            added.append(None)
            added.append(world.queue.add(request(session, "b")))
            world.queue._tries.failed(added[1].id, [added[1].id])
        return checks(asked)

    world.queue._check = add_and_check
    world.queue.advance()

    assert added[1].id in world.queue._tries.pausing()
