"""Curves of other trainers, read from rows as those trainers write them."""

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.loss_files import read_losses, smoothed


def write(path: Path, *records: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


_HOLE = 128 * 1024**2

INSTRUCTLAB = {"epoch": 0, "rank": 0, "lr": 2e-5, "num_loss_counted_tokens": 812, "gradnorm": 1.2}
MINI = {"epoch": 0, "lr": 1e-5, "grad_norm": 0.4, "avg_loss_backward": 9.0, "val_loss": 7.0}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        (
            "training_params_and_metrics_global0.jsonl",
            [
                {"script_params": {"seed": 42}},
                *({**INSTRUCTLAB, "step": s, "avg_loss": 1 / s} for s in (1, 2)),
            ],
        ),
        ("training_metrics_0.jsonl", [{**MINI, "step": s, "loss": 1 / s} for s in (1, 2)]),
        ("training_metrics.jsonl", [{"step": s, "max_steps": 2, "loss": 1 / s} for s in (1, 2)]),
        ("training_log.jsonl", [{"step": s, "train_loss": 1 / s} for s in (1, 2)]),
        ("metrics.jsonl", [{"step": s, "avg_loss_backwards": 1 / s} for s in (1, 2)]),
        ("node0.jsonl", [{"step": s, "loss": 1 / s} for s in (1, 2)]),
    ],
)
def test_each_trainers_file_is_read_by_its_own_names(
    tmp_path: Path, name: str, rows: list[dict[str, Any]]
) -> None:
    write(tmp_path / name, *rows)

    curve = read_losses(tmp_path)

    assert curve is not None
    assert curve.file.name == name
    assert [(point.step, point.loss) for point in curve.points] == [(1, 1.0), (2, 0.5)]


def test_a_trainer_state_is_read_from_the_newest_checkpoint_without_its_summary(tmp_path: Path) -> None:
    history = [{"step": 10, "loss": 2.0}, {"step": 10, "eval_loss": 3.0}, {"step": 20, "loss": 1.0}]
    summary = {"step": 20, "train_loss": 1.5, "train_runtime": 8.0}
    for step, entries in ((5, []), (20, [*history, summary]), (9, history[:1])):
        state = tmp_path / f"checkpoint-{step}" / "trainer_state.json"
        state.parent.mkdir()
        state.write_text(json.dumps({"global_step": step, "log_history": entries}))

    curve = read_losses(tmp_path)

    assert curve is not None
    assert [(point.step, point.loss) for point in curve.points] == [(10, 2.0), (20, 1.0)]


def test_known_names_come_before_any_other_file_and_data_is_never_a_curve(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", {"step": 1, "loss": 9})
    write(tmp_path / "training_log.jsonl", {"step": 1, "loss": 1})
    write(tmp_path / "data" / "x.jsonl", {"step": 1, "loss": 9})
    only_data = tmp_path / "only-data"
    write(only_data / "data.jsonl", {"step": 1, "loss": 9})

    curve = read_losses(tmp_path)

    assert curve is not None
    assert curve.file.name == "training_log.jsonl"
    assert read_losses(only_data) is None


def test_torn_lines_and_losses_that_are_no_numbers_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 3, "loss": 1}\n{"step": 4, "loss": NaN}\n[1]\n\n{"step": 5, "loss": 2}\n{"ste')

    curve = read_losses(path)

    assert curve is not None
    assert [point.step for point in curve.points] == [3, 5]


def test_a_step_reported_again_after_a_resume_counts_as_last_reported(tmp_path: Path) -> None:
    write(tmp_path / "metrics.jsonl", *({"step": s, "loss": x} for s, x in ((1, 5.0), (2, 4.0), (2, 3.0))))

    curve = read_losses(tmp_path)

    assert curve is not None
    assert [point.loss for point in curve.points] == [5.0, 3.0]


def test_smoothing_is_the_average_that_pandas_calls_ewm_with_adjustment() -> None:
    pandas = pytest.importorskip("pandas")
    losses = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0]

    assert smoothed(losses) == pytest.approx(list(pandas.Series(losses).ewm(span=30, adjust=True).mean()))
    assert smoothed([]) == []


def test_the_smoothed_line_of_a_short_first_run_follows_its_loss() -> None:
    losses = [0.5 + 3.5 * 0.8**n for n in range(50)]

    means = smoothed(losses)

    assert means[0] == losses[0]
    assert means[9] < (losses[0] + losses[9]) / 2
    assert means[-1] < losses[-1] + 0.1 * losses[0]


def test_of_a_data_set_only_the_first_lines_are_read_however_large_it_is(tmp_path: Path) -> None:
    """A hole stands for its rows: of 20 GB, whoever reads them whole dies."""
    row = json.dumps({"prompt": "Where?", "completion": "There."}) + "\n"
    with (tmp_path / "rows.jsonl").open("w") as file:
        file.write(row * 200)
        file.truncate(_HOLE)

    with bounded_memory():
        assert read_losses(tmp_path) is None


def test_a_file_without_any_line_end_is_left_after_its_first_piece(tmp_path: Path) -> None:
    with (tmp_path / "rows.jsonl").open("w") as file:
        file.write('{"prompt": "')
        file.truncate(_HOLE)

    with bounded_memory():
        assert read_losses(tmp_path) is None


def test_a_log_that_begins_with_settings_and_has_torn_lines_is_read_to_its_end(tmp_path: Path) -> None:
    steps = [{"step": n, "loss": 1.0 + n} for n in range(1, 3000)]
    write(tmp_path / "node0.jsonl", {"script_params": {}}, *steps[:2000])
    with (tmp_path / "node0.jsonl").open("a") as file:
        file.write('{"step": 20\n\n')
        file.writelines(json.dumps(each) + "\n" for each in steps[2000:])

    curve = read_losses(tmp_path)

    assert curve is not None
    assert len(curve.points) == 2999


@contextmanager
def bounded_memory(most: int = 32 * 1024**2) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@given(st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1, max_size=500))
def test_a_smoothed_curve_stays_within_what_it_smooths(values) -> None:
    means = smoothed(values)

    assert len(means) == len(values)
    assert means[0] == pytest.approx(values[0])
    slack = 1e-6 * max(1, *map(abs, values))
    assert all(min(values) - slack <= value <= max(values) + slack for value in means)
