"""Measuring on rows kept aside: when, what, which step is the result, and giving up."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.config import FINISH_COMMAND
from trainer_image.events import (
    CheckpointSaved,
    Evaluation,
    Event,
    Metrics,
    Notice,
    Overfitting,
    Plan,
    Sample,
)

from . import tiny
from .prepared import pair, write

pytestmark = pytest.mark.training
Train = Callable[..., tiny.Ran]

OVERFITTED = {"learning_rate": 2e-2, "lr_scheduler": "constant", "eval_steps": 3, "save_steps": 50}
"""Eight rows learnt by heart and three of another kind measured: the loss there falls, then rises."""


def run(folder: Path, model: Path, train_here: Train, **settings: Any) -> tiny.Ran:
    tiny.make_run(
        folder, model, validation="file", validation_file="data/aside.jsonl", offline=False, **settings
    )
    write(folder / "data" / "aside.jsonl", aside())
    return train_here(folder)


def aside() -> list[dict[str, Any]]:
    return [
        pair(f"Which river runs through {city}?", f"The {city.lower()}a.") for city in ("Ivo", "Jam", "Kel")
    ]


def loss_of(model: Path) -> float:
    """The mean loss over the trained tokens of the rows kept aside, one row at a time."""
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForCausalLM

    net, words = AutoModelForCausalLM.from_pretrained(model), tiny.tokenizer()
    total, count = 0.0, 0
    for row in aside():
        prompt = words(f"<|im_start|>user\n{row['prompt']}<|im_end|>\n<|im_start|>assistant\n").input_ids
        answer = words(f"{row['completion']}<|im_end|>").input_ids
        with torch.no_grad():
            logits = net(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
        total += float(cross_entropy(logits, torch.tensor(answer), reduction="sum"))
        count += len(answer)
    return total / count


def measured(ran: tiny.Ran) -> list[Evaluation]:
    """While it trained."""
    return [event for event in ran.of(Evaluation) if event.step > 0]


@pytest.fixture
def overfitted(tiny_model: Path, tmp_path: Path, train_here: Train) -> tiny.Ran:
    return run(tmp_path / "run", tiny_model, train_here, num_epochs=14, **{**OVERFITTED, "save_steps": 5})


def test_the_best_model_is_the_result_and_is_said_to_be(overfitted: tiny.Ran) -> None:
    evaluations = measured(overfitted)

    best = min(evaluations, key=lambda e: e.loss)
    assert [e.step for e in evaluations] == [*range(3, 28, 3), 28]
    assert [e.best for e in evaluations] == [
        e.loss < min([math.inf, *(b.loss for b in evaluations[:at])]) for at, e in enumerate(evaluations)
    ]
    assert best.step < 28, "the run did not overfit"
    assert [event.best_step for event in overfitted.of(Overfitting)] == [best.step]
    assert (overfitted.result.best_step, overfitted.result.validation_loss) == (best.step, best.loss)
    assert math.isclose(loss_of(overfitted.folder / "output"), best.loss, rel_tol=1e-5)
    assert any(f"the model of step {best.step}" in notice.message for notice in overfitted.of(Notice))
    assert (overfitted.folder / f"checkpoints/samples_{4 * best.step}").is_dir()
    assert len(list((overfitted.folder / "checkpoints").iterdir())) <= 3


def test_the_base_model_is_measured_first_and_what_was_gained_is_told_against_it(
    overfitted: tiny.Ran, tiny_model: Path
) -> None:
    first, best = overfitted.of(Evaluation)[0], min(measured(overfitted), key=lambda e: e.loss)

    assert (first.step, first.best) == (0, False)
    assert math.isclose(first.loss, loss_of(tiny_model), rel_tol=1e-5)
    assert overfitted.events.index(first) < overfitted.events.index(overfitted.of(Metrics)[0])
    assert overfitted.result.baseline_loss == first.loss
    told = f"Validation loss: {first.loss:.4f} before training, {best.loss:.4f} of the result"
    assert any(notice.message.startswith(told) for notice in overfitted.of(Notice))
    assert overfitted.of(Sample)[0].step == 0


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (2.0, 1.5, "25 % lower"),
        (1.5, 1.5, "no worse"),
        (1.5, 2.0, "no worse"),
        (None, 1.0, None),
        (1.0, None, None),
    ],
)
def test_no_gain_is_claimed_that_was_not_measured(
    before: float | None, after: float | None, said: str | None
) -> None:
    from trainer_image.validation import what_was_gained

    told = what_was_gained(before, after)

    assert said in told if told and said else told is said


def test_a_measurement_that_is_no_number_is_told_and_never_the_best(tmp_path: Path) -> None:
    from trainer_image.config import RunConfig
    from trainer_image.problems import RunFailedError
    from trainer_image.reporting import Reporter
    from trainer_image.validation import Validation

    validation = Validation(None, RunConfig(base_model="m"), None, Reporter(tmp_path))

    found = [validation.record(step, loss) for step, loss in enumerate((math.nan, 2.0, math.inf, 1.0), 1)]

    ran = tiny.Ran(tmp_path, 0, "")
    assert found == [False, True, False, True]
    assert [e.step for e in ran.of(Evaluation)] == [2, 4]
    assert [("not a number" in n.message, n.level) for n in ran.of(Notice)] == [(True, "warning")] * 2
    with pytest.raises(RunFailedError, match="not a number"):
        validation.record_baseline(math.nan)


def test_the_last_model_is_the_result_where_that_is_wanted(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    asked = {"num_epochs": 14, "load_best": False, "measure_first": False}
    ran = run(tmp_path / "run", tiny_model, train_here, **asked, **OVERFITTED)

    assert not [event for event in ran.of(Evaluation) if event.step == 0], "it was not asked for"
    last = ran.of(Evaluation)[-1]
    assert (ran.result.best_step, ran.result.validation_loss) == (None, last.loss)
    assert math.isclose(loss_of(ran.folder / "output"), last.loss, rel_tol=1e-5)
    assert [saved.step for saved in ran.of(CheckpointSaved)] == [28]


def test_a_run_without_progress_stops_early_with_the_best_model(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    ran = run(
        tmp_path / "run", tiny_model, train_here, num_epochs=100, early_stopping_patience=2, **OVERFITTED
    )

    evaluations = ran.of(Evaluation)
    assert ran.code == 0
    assert ran.result.status == "finished"
    assert ran.result.step == evaluations[-1].step < 200
    assert [e.best for e in evaluations[-3:]] == [True, False, False]
    assert ran.result.best_step == evaluations[-3].step
    assert any("Stopped early" in notice.message for notice in ran.of(Notice))


def test_each_epoch_is_measured_once_where_it_is_asked_for_and_the_end_anyway(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    asked = {"num_epochs": 4, "max_steps": 7, "eval_steps": 4, "eval_at_epoch": True, "samples": 0}

    ran = run(tmp_path / "run", tiny_model, train_here, **asked)

    assert [e.step for e in measured(ran)] == [2, 4, 6, 7]  # two steps to an epoch


def test_so_many_examples_are_a_mark_too_and_a_step_is_never_cut_short_for_it(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    asked = {"num_epochs": 4, "max_steps": 7, "eval_samples": 10, "eval_steps": 1, "samples": 0}

    ran = run(tmp_path / "run", tiny_model, train_here, **asked)

    assert [e.step for e in measured(ran)] == [3, 5, 7]  # four examples to a step: 12, 20 and the end


@pytest.mark.parametrize(("every", "marks"), [(1, [1, 2, 3, 4, 5]), (8, [2, 4]), (12, [3]), (1000, [])])
def test_a_mark_is_met_in_the_first_step_that_reaches_it(
    every: int, marks: list[int], tmp_path: Path
) -> None:
    from trainer_image.config import RunConfig
    from trainer_image.reporting import Reporter
    from trainer_image.validation import Validation

    config = RunConfig(base_model="m", eval_samples=every)
    validation = Validation([{"input_ids": [1]}], config, None, Reporter(tmp_path))  # type: ignore[arg-type]

    assert [step for step in range(1, 6) if validation.is_due(step, 1000, samples_a_step=4)] == marks


def test_a_measurement_that_is_hardly_lower_is_no_better(tmp_path: Path) -> None:
    from trainer_image.config import RunConfig
    from trainer_image.reporting import Reporter
    from trainer_image.validation import Validation

    config = RunConfig(base_model="m", min_improvement=0.1, early_stopping_patience=2)
    validation = Validation(None, config, None, Reporter(tmp_path))

    found = [validation.record(step, loss) for step, loss in enumerate((2.0, 1.95, 1.89, 1.8, 1.79), 1)]

    assert found == [True, False, True, False, False]
    assert (validation.best_step, validation.is_hopeless) == (3, True)


def test_a_run_that_is_asked_to_finish_ends_there_with_the_best_model(
    tiny_model: Path, tmp_path: Path, train_here: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer_image.reporting import Reporter

    wish, emit = tmp_path / "run" / FINISH_COMMAND, Reporter.emit

    def emit_and_ask(reporter: Reporter, event: Event) -> None:
        emit(reporter, event)
        if isinstance(event, Evaluation) and event.step and not event.best:
            wish.parent.mkdir(exist_ok=True)
            wish.touch()

    monkeypatch.setattr(Reporter, "emit", emit_and_ask)
    monkeypatch.setattr("trainer_image.commands._LOOK_EVERY_SECONDS", 0.0)
    ran = run(tmp_path / "run", tiny_model, train_here, num_epochs=100, **OVERFITTED)

    best, worse = ran.of(Evaluation)[-2:]
    assert (ran.code, ran.result.status, ran.result.best_step) == (0, "finished", best.step)
    assert ran.result.step == worse.step + 1
    assert math.isclose(loss_of(ran.folder / "output"), best.loss, rel_tol=1e-5)
    assert not wish.exists()


def test_a_run_that_stopped_early_has_nothing_left_to_train_when_resumed(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    folder, settings = tmp_path / "run", {"num_epochs": 100, "early_stopping_patience": 2, **OVERFITTED}
    first = run(folder, tiny_model, train_here, **settings)
    result, steps = first.result, len(first.of(Metrics))

    again = train_here(folder, "--resume")

    assert len(again.of(Metrics)) == steps
    assert (again.result.status, again.result.best_step) == ("finished", result.best_step)


def test_measuring_changes_nothing_in_training(tiny_model: Path, tmp_path: Path, train_here: Train) -> None:
    method = {"kind": "lora", "lora_r": 4, "lora_dropout": 0.2}
    with_it = run(tmp_path / "a", tiny_model, train_here, method=method, eval_steps=1)
    folder = tiny.make_run(tmp_path / "b", tiny_model, method=method, offline=False)

    assert tiny.losses(with_it) == tiny.losses(train_here(folder))


def test_what_was_best_is_known_after_a_resume(tiny_model: Path, tmp_path: Path, train_here: Train) -> None:
    """Resume from the checkpoint at step 9: what follows is measured as if nothing had happened."""
    import shutil

    settings = {"num_epochs": 14, **OVERFITTED, "save_steps": 3, "keep_checkpoints": 100}
    whole = run(tmp_path / "run", tiny_model, train_here, **settings)
    before = whole.of(Evaluation)
    for folder in (tmp_path / "run" / "checkpoints").iterdir():
        if int(folder.name.removeprefix("samples_")) > 9 * 4:
            shutil.rmtree(folder)

    again = train_here(tmp_path / "run", "--resume")

    repeated = again.of(Evaluation)[len(before) :]
    assert [(e.step, e.loss, e.best) for e in repeated] == [
        (e.step, e.loss, e.best) for e in before if e.step > 9
    ]
    assert again.result.best_step == min(before[1:], key=lambda e: e.loss).step
    assert again.result.baseline_loss == before[0].loss


def test_by_default_a_share_is_kept_aside_and_measured_at_the_end(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    lines = [json.dumps(pair(f"What is {n}?", f"It is {n}.")) for n in range(40)]
    folder = tiny.make_run(tmp_path / "run", tiny_model, lines=lines, num_epochs=1, offline=False)

    ran = train_here(folder)

    (plan,), (evaluation,) = ran.of(Plan), measured(ran)
    assert plan.num_rows == 24
    assert (evaluation.step, evaluation.best) == (6, True)
