"""Estimates come closer by what was measured on this computer before."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import multiprocessing
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.domain.timeline import as_timeline
from trainer_image import memory_history, train
from trainer_image.config import MEMORY_HISTORY_VARIABLE, Distributed, RunConfig
from trainer_image.estimating import Outlook, estimate_run, experience
from trainer_image.events import Memory, Notice
from trainer_image.memory_history import Experience, Kind, Known, MemoryHistory, corrected, kind_of, measured
from trainer_image.models import device_name
from trainer_image.reporting import Reporter
from trainer_image.shapes import shape_of

from . import tiny

GB = 10**9
KIND = Kind(
    device="a card", model="a model", method="lora", bits=4, engine="transformers", optimizer="adamw",
    bfloat16=True, gradient_checkpointing=False, packing=False,
)  # fmt: skip
GUESS = Memory(
    device="cuda", low=7 * GB, expected=11 * GB, high=15 * GB, terms={"weights": 10 * GB, "context": GB},
    rows_at_once=2, longest_row=100,
)  # fmt: skip
LORA = {"kind": "lora"}
LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "vocab_size": 320,
}  # fmt: skip


def known(peak: float, estimated: float = 10, *, rows: int = 2, longest_row: int = 100) -> Known:
    """Of so many GB."""
    return Known(
        kind=KIND, rows=rows, longest_row=longest_row, estimated=round(estimated * GB), peak=round(peak * GB)
    )


def in_gb(event: Memory) -> tuple[float, float, float]:
    return round(event.low / GB, 3), round(event.expected / GB, 3), round(event.high / GB, 3)


def test_without_a_run_like_it_an_estimate_stays_as_it_is() -> None:
    assert corrected(GUESS, []) is GUESS


def test_three_runs_of_the_same_size_leave_five_per_cent_around_what_they_took() -> None:
    found = corrected(GUESS, [known(8), known(8.1), known(7.9)])

    assert in_gb(found) == (1 + 7.6, 1 + 8, 1 + 8.4)  # the context is neither measured nor corrected
    assert (found.corrected_by, found.runs_known) == (0.8, 3)
    assert sum(found.terms.values()) == found.expected


def test_a_single_run_is_trusted_less() -> None:
    assert in_gb(corrected(GUESS, [known(8)])) == (1 + 6.8, 1 + 8, 1 + 9.2)


def test_runs_that_differ_among_themselves_leave_the_range_as_wide_as_they_differ() -> None:
    assert in_gb(corrected(GUESS, [known(6), known(8), known(10)])) == (1 + 6, 1 + 8, 1 + 10)


def test_only_the_last_few_runs_count() -> None:
    found = corrected(GUESS, [*[known(3)] * 20, *[known(8)] * 5])

    assert in_gb(found)[1] == 9
    assert found.runs_known == 5


def test_from_runs_of_another_size_the_range_holds_both_a_share_and_an_amount() -> None:
    """Half as large a run took 1 GB more: a fifth more, or 1 GB more."""
    found = corrected(GUESS, [known(6, 5, rows=1)] * 3)

    assert in_gb(found) == (round(1 + 11 * 0.95, 3), 1 + 12, round(1 + 12 * 1.05, 3))


def test_a_smaller_batch_s_measured_peak_is_the_least_there_is() -> None:
    runs = [known(9.9, 9.9, rows=1), *[known(8, 10)] * 5]

    found = corrected(GUESS, runs)

    assert found.low == GB + round(9.9 * GB)
    assert found.expected > found.low / 0.96
    assert found.high >= found.expected * 1.04


def test_a_smaller_batch_that_was_to_take_more_for_other_reasons_is_no_bound() -> None:
    runs = [known(19, 20, rows=1), *[known(8, 10)] * 5]

    assert in_gb(corrected(GUESS, runs))[1] == 9


def test_what_is_kept_is_the_formulas_estimate_not_the_corrected_one() -> None:
    first = corrected(GUESS, [known(8)] * 3).model_copy(update={"peak": 8 * GB})

    kept = measured(KIND, first)

    assert kept == known(8)
    assert measured(KIND, GUESS.model_copy(update={"peak": 0})) is None


@pytest.mark.parametrize(
    "change",
    [
        {"method": {"kind": "sft"}},
        {"method": {"kind": "lora", "load_in_8bit": True}},
        {"gradient_checkpointing": True},
        {"optimizer": "sgd"},
        {"packing": True},
    ],
    ids=str,
)
def test_runs_of_another_kind_tell_nothing(change: dict[str, Any]) -> None:
    shape, plain = shape_of(LLAMA), {"base_model": "any", "method": {"kind": "lora"}}

    def kind(settings: dict[str, Any], device: str = "a card", numbers: Any = shape) -> Kind:
        config = RunConfig.model_validate(settings)
        return kind_of(config, numbers, device=device, bfloat16=True, engine="transformers")

    assert kind(plain) == kind(plain | {"base_model": "a copy of it", "max_seq_len": 64})
    assert kind(plain) != kind(plain | change)
    assert kind(plain) != kind(plain, device="another card")
    assert kind(plain) != kind(plain, numbers=replace(shape, layers=3))


def test_damaged_lines_are_passed_over_and_the_next_run_is_added_whole(tmp_path: Path) -> None:
    path = tmp_path / "memory.jsonl"
    history = MemoryHistory(path)
    history.add(known(1))
    path.write_bytes(path.read_bytes() + b'not json\n{"kind": 7}\n\xff\xfe\n' + b'{"kind": {"dev')

    history.add(known(2))

    assert [run.peak for run in history.runs(KIND)] == [1 * GB, 2 * GB]


def test_the_file_stays_small_and_the_newest_runs_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_history, "MOST_LINES", 8)
    history = MemoryHistory(tmp_path / "memory.jsonl")

    for gigabytes in range(1, 22):
        history.add(known(gigabytes))

    kept = [run.peak // GB for run in history.runs(KIND)]
    assert kept == list(range(22 - len(kept), 22))
    assert 4 < len(kept) <= 8


def _add_some(path: Path, first: int) -> None:
    for number in range(first, first + 20):
        MemoryHistory(path).add(known(number))


def test_several_runs_may_add_to_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "memory.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_add_some, args=(path, first)) for first in (1, 101, 201)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert len({run.peak for run in MemoryHistory(path).runs(KIND)}) == 60


def test_the_timeline_says_how_near_it_is_and_from_what() -> None:
    entry = as_timeline(corrected(GUESS, [known(8)] * 3))
    of_one = as_timeline(corrected(GUESS, [known(8)]))

    assert entry
    assert of_one
    assert entry.text == (
        "Memory: about 9.00 GB expected (8.60 GB to 9.40 GB), "
        "±0.40 GB, from 3 runs like this on this computer"
    )
    assert "from 1 run like this" in of_one.text


def test_the_printed_estimate_knows_the_runs_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(MEMORY_HISTORY_VARIABLE, str(tmp_path / "shared" / "memory.jsonl"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps(LLAMA))
    folder = tiny.make_run(tmp_path / "run", tmp_path / "model")
    config = RunConfig.model_validate_json((folder / "config.json").read_bytes())
    plain = estimate_run(folder, config, device="cpu")
    assert plain["suggested_gpu"] == "A10G"
    name = device_name("cpu")
    assert name
    kind = kind_of(config, shape_of(LLAMA), device=name, bfloat16=False, engine="transformers")
    took = {"estimated": plain["expected"], "peak": 2 * plain["expected"]}
    run = Known(kind=kind, rows=plain["rows_at_once"], longest_row=plain["longest_row"], **took)
    MemoryHistory(tmp_path / "shared" / "memory.jsonl").add(run)
    monkeypatch.setattr(train, "likely_device", lambda: "cpu")

    assert train.main(["--run-dir", str(folder), "--estimate"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (plain["runs_known"], plain["corrected_by"]) == (0, None)
    assert (found["runs_known"], found["corrected_by"]) == (1, 2.0)
    assert found["expected"] == 2 * plain["expected"]


@pytest.mark.parametrize("distributed", [{"nproc_per_node": 2}, {"enable_model_splitting": True}], ids=str)
def test_several_processes_learn_nothing_from_one(tmp_path: Path, distributed: dict[str, Any]) -> None:
    config = RunConfig.model_validate({"base_model": "any", "method": LORA, "distributed": distributed})

    assert experience_of(tmp_path, config) is None
    assert experience_of(tmp_path, config.model_copy(update={"distributed": Distributed()}))


def test_a_history_that_cannot_be_written_is_said_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    reporter = Reporter(tmp_path)
    experience = Experience(MemoryHistory(tmp_path / "a-file" / "memory.jsonl"), KIND)

    experience.remember(GUESS.model_copy(update={"peak": GB}), reporter)

    (said,) = tiny.Ran(tmp_path, 0, "").of(Notice)
    assert "could not be kept" in said.message
    assert experience.correct(GUESS) is GUESS


@pytest.mark.training
def test_a_run_tightens_the_estimate_of_the_next_one(
    tiny_model: Path, sft_run: tiny.Ran, tmp_path: Path, train_here: Callable[..., tiny.Ran],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The first alone in its process; the second here, where a peak of the process tells nothing."""
    shared = tmp_path / "memory.jsonl"
    shutil.copy(sft_run.folder / "cache" / "memory.jsonl", shared)
    monkeypatch.setenv(MEMORY_HISTORY_VARIABLE, str(shared))

    second = train_here(tiny.make_run(tmp_path / "run", tiny_model, max_steps=1, offline=False))

    before, took = sft_run.of(Memory)
    after = second.of(Memory)[0]
    assert took.peak
    assert (before.runs_known, after.runs_known) == (0, 1)
    assert (after.high - after.low) / after.expected < (before.high - before.low) / before.expected
    assert after.low < took.peak < after.high
    assert abs(after.expected - took.peak) < abs(before.expected - took.peak)
    assert not (second.folder / "cache" / "memory.jsonl").exists()


@pytest.mark.training
def test_a_run_whose_memory_ran_out_or_that_was_resumed_is_not_kept(tmp_path: Path) -> None:
    from trainer_image.probe import Probe

    class Loop:
        args = SimpleNamespace(gradient_accumulation_steps=1)

        def __init__(self, *, memory_ran_out: bool) -> None:
            self.memory_ran_out = memory_ran_out

        def largest_microbatch(self) -> None: ...

        def probe_step(self, batch: None, times: int) -> None: ...

    class Meter:
        def peak(self) -> int:
            return GB

        def reserved(self) -> None: ...

    history = MemoryHistory(tmp_path / "memory.jsonl")
    outlook, reporter = Outlook(GUESS, Experience(history, KIND)), Reporter(tmp_path)
    meter: Any = Meter()

    Probe(meter, outlook, reporter).measure(Loop(memory_ran_out=True))
    Probe(meter, outlook, reporter, is_resumed=True).measure(Loop(memory_ran_out=False))
    assert history.runs(KIND) == []

    Probe(meter, outlook, reporter).measure(Loop(memory_ran_out=False))
    assert [run.peak for run in history.runs(KIND)] == [GB]


def experience_of(run_dir: Path, config: RunConfig) -> Experience | None:
    return experience(
        MemoryHistory(run_dir / "memory.jsonl"),
        config,
        shape_of(LLAMA),
        device="a card",
        bfloat16=True,
        engine="transformers",
    )
