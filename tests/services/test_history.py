"""Past runs: found, named, cloned, their checkpoints verified, and what would miss them."""

import csv
import hashlib
import json
import os
from dataclasses import replace

import pytest

from app.domain.chat import PRESETS
from app.domain.errors import StudioError
from app.domain.lineage import continued_from, describe
from app.domain.runs import JobPhase, JobState, Run, RunRequest, RunStatus, Target
from app.domain.setups import BUNDLED_MODEL
from app.services.history import SPARK_POINTS, matches
from tests.services.conftest import World, ends, started, step, write_events
from trainer_image.config import HubDataset, RunConfig
from trainer_image.events import Evaluation, Result
from trainer_image.soundness import sealed


def ended(world: World, name: str, *, steps: int = 3, config: RunConfig | None = None, session=None) -> Run:
    session = session or world.library.sessions()[0]
    request = RunRequest(
        config or RunConfig(base_model="owner/model"),
        Target.LOCAL,
        session_id=session.id,
        output_name=name,
    )
    run = world.training.start(request)
    write_events(run, started(), *(step(n, 1 / n, steps) for n in range(1, steps + 1)))
    result = Result(status="stopped", step=steps, total_steps=steps, checkpoint="checkpoints/samples_2")
    ends(world, run, JobState(JobPhase.EXITED, 3), result)
    return world.monitoring.refresh(run.id)


def save(run: Run, samples: int, at: int, *, size: int = 2, full: bool = True) -> None:
    folder = run.folder / "checkpoints" / f"samples_{samples}"
    folder.mkdir(parents=True)
    (folder / "w").write_bytes(b"x" * size)
    sums = {"w": hashlib.sha256(b"x" * 2).hexdigest()}
    marker = {"step": at, "samples_seen": samples, "saved_at": samples, "files": {"w": 2}, "full_state": full}
    (folder / "COMPLETE.json").write_text(json.dumps(sealed(marker | {"sums": sums})))


def test_a_sparkline_has_few_points_of_a_long_run_its_first_and_last_among_them(world, session):
    run = ended(world, "long", steps=1000)

    losses = world.history.sparklines([run])[run.id]

    assert len(losses) == SPARK_POINTS
    assert (losses[0], losses[-1]) == (1.0, 1 / 1000)
    assert list(losses) == sorted(losses, reverse=True)


def test_a_run_without_steps_has_no_sparkline(world, session):
    run = replace(ended(world, "a"), step=0)

    assert world.history.sparklines([run]) == {run.id: ()}


def test_a_clone_is_the_run_again_on_the_same_rows(world, session):
    config = RunConfig(base_model=BUNDLED_MODEL, learning_rate=3e-5, max_steps=7)
    run = ended(world, "a", config=config)

    clone = world.history.clone(run)

    assert clone.notes == ()
    assert (clone.setup.session, clone.setup.output_name) == (session.id, "")
    assert clone.setup.config.base_model == BUNDLED_MODEL
    assert clone.setup.config.learning_rate == 3e-5


def test_a_clone_of_a_run_whose_session_is_gone_uses_the_runs_own_copy(world, session):
    run = ended(world, "a")
    world.library.delete(session.id)

    clone = world.history.clone(run)

    assert clone.setup.file == run.folder / "data" / "train.jsonl"
    assert "Its session was deleted" in clone.notes[0]


def test_a_clone_of_a_run_on_the_hub_names_the_hub(world, session):
    hub = RunConfig(base_model="a/b", dataset=HubDataset(repo="o/d"))
    run = world.training.start(RunRequest(hub, Target.LOCAL))

    assert world.history.clone(run).setup.config.dataset == HubDataset(repo="o/d")


def test_lineage_says_what_a_run_was_continued_and_cloned_from(world, session):
    parent = ended(world, "parent")
    (parent.folder / "output").mkdir()
    child = ended(world, "child", config=RunConfig(base_model=str(parent.folder / "output")))
    child = replace(child, cloned_from=parent.id, attempt=2)

    assert continued_from(child, [parent, child]) == parent
    assert continued_from(parent, [parent, child]) is None
    assert describe(child, [parent, child]) == "continued from parent, cloned from parent, attempt 2"
    assert describe(child, [child]) == "cloned from a deleted run, attempt 2"


def test_what_would_miss_a_run_is_counted(world, session):
    parent = ended(world, "parent")
    (parent.folder / "output").mkdir()
    ended(world, "child", config=RunConfig(base_model=str(parent.folder / "output")))
    world.chats._chats.add(parent.id, "tuned", "Q", "A", PRESETS["Balanced"])

    missed = world.history.dependents(parent.id)

    assert (missed.continued, missed.chats, missed.sharing) == (("child",), 1, ())
    assert missed.sentences()[0] == "Its files are the base model of child."


def test_a_name_and_a_note_are_kept_and_no_name_is_refused(world, session):
    run = ended(world, "a")

    world.history.rename(run.id, "  better \n name ")
    world.history.write_note(run.id, " keep this ")

    stored = world.monitoring.find("better name")
    assert (stored.note, stored.folder) == ("keep this", run.folder)
    for bad in ("", "  ", "x" * 101):
        with pytest.raises(StudioError, match="characters"):
            world.history.rename(run.id, bad)


def test_checkpoints_are_listed_newest_first_each_verified(world, session):
    run = ended(world, "a")
    write_events(run, Evaluation(time=0, step=4, loss=0.5, best=True))
    world.runs.update(run.id, lambda r: replace(r, status=RunStatus.RUNNING))
    world.monitoring.refresh(run.id)
    save(run, 2, 1)
    save(run, 4, 2, size=1)
    save(run, 8, 4, full=False)
    (run.folder / "checkpoints" / "samples_16").mkdir()  # torn: no marker

    states = world.history.checkpoints(run)

    assert [(s.name, s.step, s.validation_loss) for s in states] == [
        ("samples_8", 4, 0.5),
        ("samples_4", 2, None),
        ("samples_2", 1, None),
    ]
    assert [s.blocked for s in states] == [
        "it holds the weights only",
        "its file w is damaged or missing",
        "",
    ]


def test_a_flipped_bit_is_seen_when_checksums_are_compared_and_files_are_read_once(world, session):
    run = ended(world, "a")
    save(run, 2, 1)
    save(run, 4, 2)
    file = run.folder / "checkpoints" / "samples_4" / "w"
    file.write_bytes(b"xy")

    older, newer = [
        world.history.compared_with_sums(run, state) for state in reversed(world.history.checkpoints(run))
    ]
    before = file.stat()
    file.write_bytes(b"xx")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = world.history.compared_with_sums(run, world.history.checkpoints(run)[0])
    os.utime(file)
    anew = world.history.compared_with_sums(run, world.history.checkpoints(run)[0])

    assert (older.is_compared, older.blocked) == (True, "")
    assert (newer.is_compared, newer.blocked) == (False, "its file w is not as it was written")
    assert again.damage == newer.damage
    assert anew.is_compared


def test_nobody_who_has_gone_waits_for_checksums(world, session):
    run = ended(world, "a")
    save(run, 2, 1)
    (run.folder / "checkpoints" / "samples_2" / "w").write_bytes(b"xy")
    (state,) = world.history.checkpoints(run)

    assert world.history.compared_with_sums(run, state, lambda: False) == state


def test_a_marker_that_was_changed_is_damage(world, session):
    run = ended(world, "a")
    save(run, 2, 1)
    marker = run.folder / "checkpoints" / "samples_2" / "COMPLETE.json"
    marker.write_text(marker.read_text().replace('"step": 1', '"step": 7'))

    (state,) = world.history.checkpoints(run)

    assert state.damage == "its file COMPLETE.json is damaged"


def test_a_run_goes_on_from_a_chosen_checkpoint_and_forgets_what_came_after_it(world, session):
    run = ended(world, "a", steps=5)
    save(run, 2, 2)
    save(run, 4, 4, size=1)

    with pytest.raises(StudioError, match="samples_4: its file w is damaged"):
        world.training.resume(run.id, checkpoint="samples_4")
    with pytest.raises(StudioError, match="no whole checkpoint of that name"):
        world.training.resume(run.id, checkpoint="samples_9")
    resumed = world.training.resume(run.id, checkpoint="samples_2")

    assert world.launcher.job(resumed).resume_from == "samples_2"
    assert [m.step for m in world.monitoring.metrics(run.id)] == [1, 2]


def test_curves_are_written_for_other_programs(world, session):
    runs = [ended(world, "a", steps=2), ended(world, "b", steps=1)]

    with world.history.write_curves(runs).open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["run", "step", "loss"],
            ["a", "1", "1.0"],
            ["a", "2", "0.5"],
            ["b", "1", "1.0"],
        ]


@pytest.mark.parametrize(
    ("words", "status", "found"),
    [
        ("", "", True),
        ("OWNER lora", "", True),
        ("osft", "", False),
        ("", "stopped", True),
        ("a", "failed", False),
    ],
)
def test_a_run_is_found_by_every_word_and_its_state(world, session, words, status, found):
    assert matches(ended(world, "a"), words, status) is found
