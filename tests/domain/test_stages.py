"""Which stage of a run is under way."""

from dataclasses import replace
from datetime import timedelta

from app.domain.runs import RunStatus
from app.domain.stages import stages_of
from app.domain.timeline import as_timeline
from tests.domain.curves_by_hand import NOON, failed
from trainer_image.events import Download, Phase, Started


def at(second: int, event):
    entry = as_timeline(event.model_copy(update={"time": NOON.timestamp() + second}))
    assert entry is not None
    return entry


EVENTS = [
    at(0, Started()),
    at(1, Phase(name="load_data")),
    at(3, Phase(name="load_model")),
    at(8, Phase(name="prepare")),
    at(9, Phase(name="train")),
]
NOW = NOON + timedelta(seconds=69)
GOING = replace(failed("", status=RunStatus.RUNNING), phase="train")


def states(run, events=EVENTS) -> list[tuple[str, str, float | None]]:
    return [(stage.label, stage.state, stage.seconds) for stage in stages_of(run, events, NOW)]


def test_each_stage_is_over_under_way_or_ahead_with_its_time():
    assert states(GOING) == [
        ("Read data", "done", 2.0),
        ("Load", "done", 5.0),
        ("Prepare", "done", 1.0),
        ("Train", "now", 60.0),
        ("Save", "ahead", None),
    ]


def test_a_run_shows_the_stage_it_failed_in():
    ended = replace(GOING, status=RunStatus.FAILED, phase="", ended_at=NOON + timedelta(seconds=7))

    assert states(ended, EVENTS[:3])[:3] == [
        ("Read data", "done", 2.0), ("Load", "failed", 4.0), ("Prepare", "ahead", None),
    ]  # fmt: skip


def test_a_resumed_run_begins_its_stages_anew():
    again = [*EVENTS, at(60, Started(attempt=2)), at(61, Phase(name="load_data"))]

    assert [state for _, state, _ in states(replace(GOING, phase="load_data"), again)] == [
        "now", "ahead", "ahead", "ahead", "ahead",
    ]  # fmt: skip


def test_of_an_imported_run_only_what_its_folder_shows_is_said():
    found = replace(GOING, status=RunStatus.FINISHED, phase="", origin="training_hub", step=0, output=None)

    assert states(found, []) == []
    assert states(replace(found, step=7), []) == [("Train", "done", None)]
    assert states(replace(found, step=7, output="."), []) == [("Train", "done", None), ("Save", "done", None)]


def test_a_finished_run_has_no_stage_left():
    done = replace(GOING, status=RunStatus.FINISHED, phase="")

    assert {state for _, state, _ in states(done)} == {"done"}


def test_a_download_is_a_stage_with_its_bytes_where_there_was_one():
    coming = Download(name="owner/model", done=10**9, total=4 * 10**9, eta_seconds=150)
    events = [*EVENTS[:2], at(3, Phase(name="download")), at(10, coming)]
    going = replace(GOING, phase="download")

    [stage] = [stage for stage in stages_of(going, events, NOW) if stage.phase == "download"]

    assert (stage.state, stage.note) == ("now", "1.0 of 4.0 GB, about 2 min left (rough)")
