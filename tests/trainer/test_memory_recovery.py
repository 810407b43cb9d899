"""Memory that runs out in the middle of a step: the run goes on, and computes the same."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image import models
from trainer_image.events import Evaluation, Memory, Metrics, Notice, Problem

from . import tiny
from .conftest import trainer_in_this_process

pytestmark = pytest.mark.training
Train = Callable[..., tiny.Ran]
Full = Callable[[Any, Any], bool]
"""(model, hidden states `[rows, tokens, width]`) → whether memory is full."""


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the second layer run out of memory, forward or backward, when `full` says so."""
    import torch

    load = models.load_model

    def limit(full: Full, *, backward: bool = False) -> None:
        def load_limited(*args: Any, **kwargs: Any) -> Any:
            model = load(*args, **kwargs)

            def give_out(hidden: Any) -> None:
                if full(model, hidden):
                    raise torch.OutOfMemoryError("out of memory, says the test")

            def forward(_: Any, args: Any, kwargs: Any) -> None:
                hidden = args[0] if args else kwargs["hidden_states"]
                if not backward:
                    give_out(hidden)
                elif hidden.requires_grad:
                    hidden.register_hook(give_out)

            model.model.layers[1].register_forward_pre_hook(forward, with_kwargs=True)
            return model

        monkeypatch.setattr(models, "load_model", load_limited)

    return limit


SETTINGS = {
    "per_device_batch_size": 4, "gradient_accumulation_steps": 2, "max_steps": 4, "num_epochs": 9,
    "offline": False, "probe_memory": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def reference(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tiny.Ran:
    folder = tiny.make_run(tmp_path_factory.mktemp("reference") / "run", tiny_model, **SETTINGS)
    with trainer_in_this_process() as train:
        return train(folder)


def require_same(ran: tiny.Ran, reference: tiny.Ran, *, within: float = 1e-6) -> None:
    """Losses to a share of themselves, every count, and the weights (Adam makes more of a rounding error)."""
    from safetensors.torch import load_file

    assert ran.code == 0, ran.of(Problem)
    ours, theirs = tiny.losses(ran), tiny.losses(reference)
    assert ours.keys() == theirs.keys()
    assert all(math.isclose(ours[step], theirs[step], rel_tol=within) for step in theirs), (ours, theirs)
    seen, expected_seen = ({m.step: m.tokens_seen for m in r.of(Metrics)} for r in (ran, reference))
    assert seen == expected_seen
    weights, expected = (load_file(run.folder / "output" / "model.safetensors") for run in (ran, reference))
    assert all((weights[name] - expected[name]).abs().max() < 2e-4 for name in expected)


def warnings(ran: tiny.Ran) -> list[str]:
    return [notice.message for notice in ran.of(Notice) if notice.level == "warning"]


class MoreThanOneRow:
    """Full from two rows on, at any time."""

    notices = ("with 4 rows at once. From here on 2", "with 2 rows at once. From here on 1")

    def __call__(self, _: Any, hidden: Any) -> bool:
        return bool(hidden.shape[0] > 1)

    def check(self) -> None: ...


class OnceInTheThirdStep:
    """Full once, at the second microbatch of the third step."""

    notices = ("with 4 rows at once. From here on 2",)

    def __init__(self) -> None:
        self._passes: list[int] = []

    def __call__(self, _: Any, hidden: Any) -> bool:
        self._passes.append(hidden.shape[0])
        return len(self._passes) == 6

    def check(self) -> None:
        assert self._passes == [4] * 6 + [2] * 4 + [2] * 4  # nothing lost, nothing computed twice for good


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("kind", [MoreThanOneRow, OnceInTheThirdStep])
def test_rows_are_halved_until_they_fit_and_the_run_computes_the_same(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    small_memory: Callable[..., None],
    reference: tiny.Ran,
    kind: type[MoreThanOneRow | OnceInTheThirdStep],
    backward: bool,
) -> None:
    full = kind()
    small_memory(full, backward=backward)

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **SETTINGS))

    require_same(ran, reference)
    assert all(words in said for words, said in zip(full.notices, warnings(ran), strict=True))
    full.check()


def test_a_resumed_run_begins_with_the_parts_that_were_found_to_fit(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    small_memory: Callable[..., None],
    reference: tiny.Ran,
) -> None:
    rows: list[int] = []

    def full(model: Any, hidden: Any) -> bool:
        rows.append(hidden.shape[0])
        return bool(hidden.shape[0] > 1 or not model.is_gradient_checkpointing)

    small_memory(full)
    folder = tiny.make_run(tmp_path / "run", tiny_model, **SETTINGS | {"save_steps": 2})
    train_here(folder)
    shutil.rmtree(folder / "checkpoints" / "samples_32")
    rows.clear()

    ran = train_here(folder, "--resume")

    require_same(ran, reference)
    assert set(rows) == {1}
    assert len(warnings(ran)) == 3  # all of the first attempt
    assert any("goes on with the smaller parts" in notice.message for notice in ran.of(Notice))


@pytest.fixture
def small_optimizer(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, set[int]], list[int]]:
    """Make the making of the optimiser's state run out at the `at`-th group, in these calls."""
    import torch

    make = torch.optim.AdamW._init_group
    calls: list[int] = []

    def limit(at: int, fails: set[int]) -> list[int]:
        def make_limited(self: Any, group: Any, *args: Any) -> Any:
            if group is self.param_groups[at]:
                calls.append(len(calls) + 1)
                if calls[-1] in fails:
                    raise torch.OutOfMemoryError("out of memory, says the test")
            return make(self, group, *args)

        monkeypatch.setattr(torch.optim.AdamW, "_init_group", make_limited)
        return calls

    return limit


@pytest.mark.parametrize(("group", "call"), [(0, 1), (1, 1), (1, 3)], ids=["first", "half-way", "later"])
def test_an_optimiser_that_runs_out_half_way_finishes_the_step_for_the_weights_it_had_not_reached(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    small_optimizer: Callable[[int, set[int]], list[int]],
    reference: tiny.Ran,
    group: int,
    call: int,
) -> None:
    small_optimizer(group, {call})

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **SETTINGS))

    require_same(ran, reference, within=0)
    (said,) = warnings(ran)
    assert "in the optimiser's step" in said


def test_an_optimiser_that_does_not_fit_at_all_ends_the_run_with_what_would_help(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    small_optimizer: Callable[[int, set[int]], list[int]],
) -> None:
    calls = small_optimizer(1, {1, 2})

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **SETTINGS))

    assert (ran.code, calls) == (1, [1, 2])
    (problem,) = ran.of(Problem)
    assert "not enough memory for the optimiser" in problem.message
    assert "adamw_8bit" in problem.hint


def test_when_one_row_is_too_many_activations_are_recomputed(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    small_memory: Callable[..., None],
    reference: tiny.Ran,
) -> None:
    small_memory(lambda model, _: not model.is_gradient_checkpointing)

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **SETTINGS))

    require_same(ran, reference)
    assert len(warnings(ran)) == 3
    assert "recomputed" in warnings(ran)[2]


def test_without_consent_no_row_is_shortened_and_the_run_says_what_to_do(
    tiny_model: Path, tmp_path: Path, train_here: Train, small_memory: Callable[..., None]
) -> None:
    small_memory(lambda _, hidden: hidden.shape[1] > 32)

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **SETTINGS))

    assert ran.code == 1
    (problem,) = ran.of(Problem)
    assert "not enough memory" in problem.message
    assert "batch size" in problem.hint


def test_with_consent_rows_are_cut_and_the_loss_is_that_of_what_is_left(
    tiny_model: Path, tmp_path: Path, train_here: Train, small_memory: Callable[..., None]
) -> None:
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForCausalLM

    small_memory(lambda _, hidden: hidden.shape[1] > 32)
    settings = SETTINGS | {"on_oom_shorten": True, "max_steps": 1}

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **settings))

    cut = int(warnings(ran)[-1].partition("cut to ")[2].partition(" ")[0])
    assert 16 <= cut <= 32
    model, words = AutoModelForCausalLM.from_pretrained(tiny_model), tiny.tokenizer()
    total, count = 0.0, 0
    for row in tiny.rows():
        question, answer = row["messages"][0]["content"], row["messages"][1]["content"]
        prompt = words(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n").input_ids
        ids = [*prompt, *words(f"{answer}<|im_end|>").input_ids][:cut]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, len(prompt) - 1 : -1]
        total += float(cross_entropy(logits, torch.tensor(ids[len(prompt) :]), reduction="sum"))
        count += len(ids) - len(prompt)
    assert math.isclose(tiny.losses(ran)[1], total / count, rel_tol=1e-5)


def test_running_out_in_the_probe_is_recovered_from_too(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    small_memory: Callable[..., None],
    reference: tiny.Ran,
) -> None:
    passes: list[int] = []

    def third_pass(_: Any, hidden: Any) -> bool:
        passes.append(hidden.shape[0])
        return len(passes) == 3  # after the two microbatches of the first step

    small_memory(third_pass)

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **SETTINGS | {"probe_memory": True}))

    require_same(ran, reference)
    assert passes[2:5] == [4, 2, 2]
    assert [event.peak is not None for event in ran.of(Memory)] == [False, True]
    assert not (ran.folder / "cache" / "memory.jsonl").exists()  # what was estimated is not what was measured


PACKED = SETTINGS | {"packing": True, "max_seq_len": 128}


def test_packed_rows_are_split_at_their_borders_until_they_fit(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    small_memory: Callable[..., None],
    reference: tiny.Ran,
) -> None:
    small_memory(lambda model, hidden: model.training and hidden.shape[1] > 40)

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **PACKED))

    require_same(ran, reference, within=1e-5)
    first, second = warnings(ran)
    assert "tokens of packed rows at once" in first
    assert int(first.partition("From here on ")[2].split()[0]) > 40
    assert int(second.partition("From here on ")[2].split()[0]) <= 40


def test_a_packed_row_too_long_by_itself_has_its_activations_recomputed(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    small_memory: Callable[..., None],
    reference: tiny.Ran,
) -> None:
    small_memory(lambda model, _: model.training and not model.is_gradient_checkpointing)

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **PACKED))

    require_same(ran, reference, within=1e-5)
    assert "recomputed" in warnings(ran)[-1]


def test_packed_rows_are_cut_each_by_itself() -> None:
    from trainer_image.batches import in_one_sequence
    from trainer_image.parts import cut, largest_to_split, longest_row, split

    rows = [{"input_ids": [*range(n)], "labels": [*range(n)]} for n in (5, 2, 4)]
    batch = in_one_sequence(rows)

    assert cut(batch, 3)["input_ids"].tolist() == [[0, 1, 2, 0, 1, 0, 1, 2]]
    assert longest_row(batch) == 5
    assert [part["input_ids"].tolist() for part in split(batch, 6)] == [
        [[0, 1, 2, 3, 4]],
        [[0, 1, 0, 1, 2, 3]],
    ]
    assert (largest_to_split([batch], None), largest_to_split([batch], 6)) == (11, 6)
    assert largest_to_split([batch], 4) is None


@pytest.mark.parametrize("method", [{"kind": "osft"}, {"kind": "lora", "lora_r": 4, "load_in_4bit": True}])
def test_other_methods_recover_and_compute_the_same(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    small_memory: Callable[..., None],
    method: dict[str, Any],
) -> None:
    settings = SETTINGS | {"method": method}
    whole = train_here(tiny.make_run(tmp_path / "whole", tiny_model, **settings))
    small_memory(
        lambda model, hidden: (
            hidden.requires_grad and (hidden.shape[0] > 1 or not model.is_gradient_checkpointing)
        )
    )

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **settings))

    assert ran.code == 0, ran.of(Problem)
    ours, theirs = tiny.losses(ran), tiny.losses(whole)
    assert all(math.isclose(ours[step], theirs[step], rel_tol=1e-5) for step in theirs), (ours, theirs)
    assert len(warnings(ran)) == 3
    assert "recomputed" in warnings(ran)[2]


def test_a_measurement_that_runs_out_is_made_of_fewer_rows_and_gives_the_same_loss(
    tiny_model: Path, tmp_path: Path, train_here: Train, small_memory: Callable[..., None]
) -> None:
    rows = [json.dumps({"prompt": f"What is {n}?", "completion": "so " * (n % 7 + 1)}) for n in range(40)]
    settings = SETTINGS | {"lines": rows, "eval_steps": 1, "max_steps": 2}
    whole = train_here(tiny.make_run(tmp_path / "whole", tiny_model, **settings))
    small_memory(lambda model, hidden: not model.training and hidden.shape[0] > 1)

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **settings))

    ours, theirs = ([e.loss for e in run.of(Evaluation)] for run in (ran, whole))
    assert len(ours) == 3  # one before training
    assert all(math.isclose(one, other, rel_tol=1e-5) for one, other in zip(ours, theirs, strict=True))
    first, second = warnings(ran)
    assert "while measuring 4 rows at once. From here on 2" in first
    assert "while measuring 2 rows at once. From here on 1" in second
    assert tiny.losses(ran) == tiny.losses(whole)
