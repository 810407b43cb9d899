"""Curves, words and the log's chunks: what needs no screen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.runs import DockerOptions, Metric, Run, RunId, RunStatus, Target
from app.ui.training import wording
from app.ui.training.curves import bounds, decimate, tick
from app.ui.training.log_buffer import LogBuffer
from app.ui.training.log_view import LogReader
from app.ui.training.run.report import Curve, Report
from app.ui.training.selection import RunSelection
from trainer_image.config import RunConfig

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
losses = st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1, max_size=500)


def run(run_id: str = "a", status: RunStatus = RunStatus.RUNNING, **facts) -> Run:
    made = Run(
        id=RunId(run_id),
        name=run_id,
        target=Target.LOCAL,
        config=RunConfig(base_model="owner/model"),
        docker=DockerOptions(),
        folder=Path("somewhere"),
        data_label="rows",
        session_id=None,
        status=status,
        created_at=NOON,
    )
    return replace(made, **facts)


@given(st.lists(st.floats(-1e3, 1e3), max_size=2000), st.integers(4, 400))
def test_a_thinned_curve_keeps_its_ends_its_extremes_and_its_order(values, limit):
    points = list(enumerate(values))

    kept = decimate(points, limit)

    assert len(kept) <= limit
    assert kept == sorted(set(kept))
    assert set(kept) <= set(points)
    if points:
        assert (kept[0], kept[-1]) == (points[0], points[-1])
        assert (max(y for _, y in kept), min(y for _, y in kept)) == (max(values), min(values))


def test_a_thinned_curve_that_grows_keeps_its_points_until_it_is_twice_as_long():
    points = [(float(x), float(x * 7919 % 101)) for x in range(2000)]

    kept = [decimate(points[:size], 150) for size in range(1300, 2000, 10)]

    changed = [len(set(old) - set(new)) for old, new in pairwise(kept)]
    assert max(changed) <= 3  # the last one, and the stretch that was not complete


@given(losses)
def test_an_axis_encloses_its_values_and_has_a_height(values):
    low, high = bounds(values)

    slack = 1e-6 * (high - low)
    assert low < high
    assert low - slack <= min(values)
    assert max(values) <= high + slack


@given(st.floats(1e-6, 1e9))
def test_ticks_are_round_and_few(span):
    step = tick(span)

    assert 1 <= span / step <= 4.0001 or span / step < 1.7
    assert f"{step:e}"[0] in "125"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds, words):
    assert wording.duration(seconds) == words


def test_the_first_estimates_of_the_time_left_are_said_to_be_rough():
    assert wording.time_left(run(step=1, eta_seconds=90)) == "about 1 min 30 s (rough)"
    assert wording.time_left(run(step=50, eta_seconds=90)) == "about 1 min 30 s"
    assert wording.time_left(run(status=RunStatus.FINISHED, eta_seconds=90)) == ""


def test_progress_is_unknown_until_the_plan_is_known():
    assert wording.progress(run()) is None
    assert wording.progress(run(step=5, total_steps=10)) == 0.5
    assert wording.progress(run(status=RunStatus.FAILED)) == 0.0


def test_recent_times_are_told_by_their_age():
    assert wording.when(NOON, NOON + timedelta(seconds=30)) == "just now"
    assert wording.when(NOON, NOON + timedelta(minutes=5)) == "5 min ago"
    assert "2026-01-02" in wording.when(NOON, NOON + timedelta(days=3))


def shown_lines(buffer: LogBuffer) -> list[str]:
    return [line for chunk in reversed(list(buffer.newest_first())) for line in chunk.text.split("\n")]


@given(st.lists(st.integers(1, 130), max_size=30))
def test_the_log_keeps_the_newest_lines_in_order_however_they_arrive(batches):
    buffer = LogBuffer(lines_per_chunk=10, lines_kept=100)
    said: list[str] = []

    for size in batches:
        lines = [f"line {len(said) + n}" for n in range(size)]
        said += lines
        buffer.add("".join(f"{line}\n" for line in lines))

    kept = shown_lines(buffer)
    assert kept == said[len(said) - len(kept) :]
    assert min(len(said), 91) <= buffer.line_count <= 100


def test_chunks_that_are_full_never_change_their_number_or_text():
    buffer = LogBuffer(lines_per_chunk=2, lines_kept=10)
    buffer.add("a\nb\nc\n")
    before = list(buffer.newest_first())

    buffer.add("d\ne\n")

    after = list(buffer.newest_first())
    assert before[-1] in after
    assert [chunk.text for chunk in after] == ["e", "c\nd", "a\nb"]
    assert len({chunk.number for chunk in after}) == 3


def test_a_progress_bar_in_the_log_shows_only_its_last_state():
    buffer = LogBuffer()

    buffer.add("10%\r50%\r100%\n")

    assert shown_lines(buffer) == ["100%"]


def test_the_newest_run_that_is_going_is_followed_first():
    selection = RunSelection()

    selection.settle([run("new", RunStatus.FINISHED), run("going"), run("older")])

    assert selection.run_id == "going"


def test_a_choice_is_kept_until_its_run_is_gone():
    selection = RunSelection()
    selection.choose(RunId("old"))

    selection.settle([run("new"), run("old", RunStatus.FAILED)])
    assert selection.run_id == "old"
    selection.settle([run("new")])

    assert selection.run_id == "new"


def test_a_flood_of_lines_slows_the_log_down_until_it_is_over(tmp_path):
    reader = LogReader(monitoring=None)

    reader.take("a line\n", 7)
    calm = reader.pause_seconds()
    reader.take("a line of a flood\n" * 1000, 18_007)
    flooded = reader.pause_seconds()
    reader.take("the last line\n", 18_021)

    assert calm < flooded
    assert reader.pause_seconds() == calm


def metric(step: int) -> Metric:
    return Metric(step, 1000, 0.1, 1.0, 1e-4, None, None, 1.0, None, datetime.now(UTC))


def test_a_long_curve_is_not_drawn_with_every_step_but_its_end_is():
    def report(steps: int) -> Report:
        return Report(metrics=tuple(metric(step) for step in range(1, steps + 1)))

    curve = Curve()

    assert len(curve.shown(report(3), is_live=True).metrics) == 3
    assert len(curve.shown(report(4), is_live=True).metrics) == 4
    long = curve.shown(report(500), is_live=True)
    assert curve.shown(report(510), is_live=True) is long
    assert len(curve.shown(report(520), is_live=False).metrics) == 520
