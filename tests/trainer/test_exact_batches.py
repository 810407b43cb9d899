"""The effective batch: exact in samples, its loss the mean of its tokens, the longest rows first."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_image.batches import LongestFirst, Packing, in_one_sequence, keeps_rows_apart, longest, pack
from trainer_image.config import RunConfig
from trainer_image.events import Metrics, Notice

from . import tiny
from .conftest import trainer_in_this_process

pytestmark = pytest.mark.training
Train = Callable[..., tiny.Ran]

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def skewed() -> list[str]:
    """Twelve rows, most of them short."""
    return [
        json.dumps({"prompt": f"What is {n}?", "completion": "It is " + "so " * (24 if n % 5 == 0 else n)})
        for n in range(12)
    ]


@given(LENGTHS, st.integers(1, 64))
def test_every_row_is_packed_once_and_no_sequence_is_longer_than_allowed(
    lengths: list[int], capacity: int
) -> None:
    packs = pack(lengths, capacity)

    assert sorted(row for packed in packs for row in packed) == list(range(len(lengths)))
    sums = [sum(lengths[row] for row in packed) for packed in packs]
    assert all(total <= capacity or len(packed) == 1 for total, packed in zip(sums, packs, strict=True))
    assert sums == sorted(sums, reverse=True)


@given(LENGTHS, st.integers(1, 8), st.integers(0, 3))
def test_each_epoch_holds_every_row_once_and_the_first_begins_with_the_longest(
    lengths: list[int], batch: int, epoch: int
) -> None:
    sampler = LongestFirst(len(lengths), seed=7, first=longest(lengths, batch))
    sampler.set_epoch(epoch)

    order = list(sampler)

    assert sorted(order) == list(range(len(lengths)))
    if epoch == 0:
        most = sorted(lengths, reverse=True)[:batch]
        assert [lengths[row] for row in order[:batch]] == most


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 2))
def test_several_processes_get_as_many_rows_each_and_none_of_them_twice(
    rows: int, multiple: int, epoch: int
) -> None:
    sampler = LongestFirst(rows, seed=7, first=[rows - 1], multiple=multiple)
    sampler.set_epoch(epoch)

    order = list(sampler)

    assert len(order) == len(sampler) < rows + multiple
    assert len(order) % multiple == 0
    assert sorted(order[:rows]) == list(range(rows))
    assert set(order[rows:]) <= {rows}  # the row that teaches nothing


@given(LENGTHS, st.integers(40, 200))
def test_a_batch_split_by_tokens_holds_every_row_once_and_no_part_is_larger_than_the_bound(
    lengths: list[int], capacity: int
) -> None:
    from trainer_image.batches import MICROBATCHES, Bounded, Padding

    rows = [{"input_ids": [at] * n, "labels": [at] * n} for at, n in enumerate(lengths)]

    split = Bounded(Padding(0), capacity)(rows)

    assert split["samples"] == len(rows)
    assert all(part["input_ids"].numel() <= capacity for part in split[MICROBATCHES])
    given_rows = [row for part in split[MICROBATCHES] for row in part["labels"].tolist()]
    assert sorted([t for t in row if t != -100] for row in given_rows) == sorted(r["labels"] for r in rows)


def test_the_bound_in_tokens_is_the_largest_whose_step_fits(
    tiny_model: Path, tmp_path: Path, train_here: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer_image import peak, token_bound

    asked = {"lines": [*skewed()] * 3, "drop_duplicates": False, "max_tokens_per_gpu": "auto", "max_steps": 2}
    batch = {"per_device_batch_size": 6, "gradient_accumulation_steps": 6, "max_seq_len": 64}
    runs = []
    for share in ([0.5, 0.89], [0.5, 0.91]):
        left = iter(share)
        monkeypatch.setattr(token_bound, "LARGEST", 1024)
        monkeypatch.setattr(peak, "share_in_use", lambda _, left=left: next(left))
        folder = tiny.make_run(tmp_path / f"run{len(runs)}", tiny_model, **asked | batch, offline=False)
        runs.append(train_here(folder))

    assert [run.code for run in runs] == [0, 0]
    found = [
        [n.message.split()[1] for n in run.of(Notice) if "max_tokens_per_gpu" in n.message] for run in runs
    ]
    assert found == [["1,024"], ["512"]]
    assert tiny.losses(runs[0])[2] == pytest.approx(tiny.losses(runs[1])[2], rel=1e-5)


def test_a_bound_below_the_longest_row_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="max_tokens_per_gpu must be at least max_seq_len, 2048"):
        RunConfig(base_model="x", max_tokens_per_gpu=2047)


def test_epochs_differ_and_the_seed_repeats_them() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = LongestFirst(50, seed=seed, first=[])
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 1) == order(1, 1)
    assert len({tuple(order(1, 0)), tuple(order(1, 1)), tuple(order(2, 0))}) == 3


@cache
def reference_losses(model: str, lines: tuple[str, ...], steps: tuple[tuple[int, ...], ...]) -> list[float]:
    """The loss of each batch at the model's first weights, one row at a time."""
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForCausalLM

    net, words = AutoModelForCausalLM.from_pretrained(model), tiny.tokenizer()
    losses = []
    for rows in steps:
        total, count = 0.0, 0
        for row in rows:
            record = json.loads(lines[row])
            prompt = words(
                f"<|im_start|>user\n{record['prompt']}<|im_end|>\n<|im_start|>assistant\n"
            ).input_ids
            answer = words(f"{record['completion']}<|im_end|>").input_ids
            with torch.no_grad():
                logits = net(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1].double()
            total += float(cross_entropy(logits, torch.tensor(answer), reduction="sum"))
            count += len(answer)
        losses.append(total / count)
    return losses


SPLITS = [
    {"per_device_batch_size": 8, "gradient_accumulation_steps": 1},
    {"per_device_batch_size": 4, "gradient_accumulation_steps": 2},
    {"per_device_batch_size": 1, "gradient_accumulation_steps": 8},
    {"per_device_batch_size": 2, "gradient_accumulation_steps": 4, "packing": True},
    {"per_device_batch_size": 4, "gradient_accumulation_steps": 2, "packing": True, "max_seq_len": 100},
    {"per_device_batch_size": 8, "gradient_accumulation_steps": 1, "max_tokens_per_gpu": 130},
    {"per_device_batch_size": 1, "gradient_accumulation_steps": 8, "max_tokens_per_gpu": "auto"},
    {
        "per_device_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "packing": True,
        "max_tokens_per_gpu": 200,
    },
]


@pytest.fixture(scope="module")
def curves(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[Metrics]]:
    """Four steps on twelve rows, eight and four at a time, split in as many ways."""
    found = []
    with trainer_in_this_process() as train:
        for split in SPLITS:
            folder = tmp_path_factory.mktemp("split") / "run"
            tiny.make_run(folder, tiny_model, lines=skewed(), num_epochs=2, offline=False, **split)
            ran = train(folder)
            assert ran.code == 0
            found.append(ran.of(Metrics))
    return found


def test_the_loss_is_the_mean_over_the_tokens_of_the_whole_batch_however_it_is_split(
    tiny_model: Path, curves: list[list[Metrics]]
) -> None:
    by_length = sorted(range(12), key=lambda row: -len(json.loads(skewed()[row])["completion"]))
    (expected,) = reference_losses(str(tiny_model), tuple(skewed()), (tuple(by_length[:8]),))

    for metrics in curves:
        assert math.isclose(metrics[0].loss, expected, rel_tol=1e-6)


def test_training_goes_the_same_way_however_the_batch_is_split(curves: list[list[Metrics]]) -> None:
    first, *others = curves

    for other in others:
        for one, two in zip(first, other, strict=True):
            assert math.isclose(one.loss, two.loss, rel_tol=1e-5)
            assert math.isclose(one.grad_norm or 0, two.grad_norm or 1, rel_tol=1e-4)


def test_samples_and_tokens_are_counted_the_same_packed_or_not(curves: list[list[Metrics]]) -> None:
    counts = [[(m.step, m.samples_seen, m.tokens_seen) for m in metrics] for metrics in curves]

    assert [samples for _, samples, _ in counts[0]] == [8, 12, 20, 24]
    assert all(count == counts[0] for count in counts)


def test_packed_rows_have_the_logits_they_have_alone(tiny_model: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    words = tiny.tokenizer()
    rows = [{"input_ids": ids, "labels": ids} for line in skewed()[:4] if (ids := words(line).input_ids)]
    for attention in ("sdpa", "eager"):
        model = AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation=attention)
        packed = in_one_sequence(rows)
        packed.pop("labels")
        with torch.no_grad():
            together = model(**packed, use_cache=False).logits[0]
            alone = torch.cat([model(torch.tensor([row["input_ids"]])).logits[0] for row in rows])

        assert torch.allclose(together, alone, atol=1e-5)


def test_the_first_token_of_a_packed_row_is_predicted_by_none() -> None:
    rows = [{"input_ids": [1, 2], "labels": [1, 2]}, {"input_ids": [3, 4, 5], "labels": [3, -100, 5]}]

    batch: dict[str, Any] = Packing(8)(rows)

    (part,) = batch["microbatches"]
    assert part["input_ids"].tolist() == [[3, 4, 5, 1, 2]]
    assert part["labels"].tolist() == [[-100, -100, 5, -100, 2]]
    assert part["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    assert batch["samples"] == 2


def test_a_model_that_would_let_packed_rows_see_each_other_is_found_out(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    one, other = (tiny.tokenizer()(line).input_ids for line in skewed()[:2])
    forward = model.forward

    assert keeps_rows_apart(model, one, other)

    def without_positions(*args: Any, position_ids: Any = None, **kwargs: Any) -> Any:
        return forward(*args, **kwargs)

    model.forward = without_positions
    assert not keeps_rows_apart(model, one, other)


def test_a_model_with_a_few_layers_of_another_kind_is_found_out_though_they_hand_on_little() -> None:
    import torch
    from transformers import Lfm2Config, Lfm2ForCausalLM

    torch.manual_seed(0)
    shape = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
             "num_attention_heads": 2, "num_key_value_heads": 2, "initializer_range": 0.06}  # fmt: skip
    one, other = list(range(3, 30)), list(range(30, 60))

    for layer, is_apart in (("full_attention", True), ("conv", False)):
        model = Lfm2ForCausalLM(Lfm2Config(**shape, layer_types=[layer, "full_attention"]))
        assert keeps_rows_apart(model, one, other) is is_apart
        assert keeps_rows_apart(model.bfloat16(), one, other) is is_apart


def test_such_a_model_is_trained_unpacked_and_it_is_said(
    tiny_model: Path, tmp_path: Path, train_here: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlamaForCausalLM

    forward = LlamaForCausalLM.forward

    def without_positions(self: Any, *args: Any, position_ids: Any = None, **kwargs: Any) -> Any:
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(LlamaForCausalLM, "forward", without_positions)
    folder = tiny.make_run(tmp_path / "run", tiny_model, packing=True, max_steps=1, offline=False)

    ran = train_here(folder)

    assert ran.code == 0
    assert any("are not packed" in notice.message for notice in ran.of(Notice))


def test_the_longest_rows_are_in_the_very_first_step(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    folder = tiny.make_run(
        tmp_path / "run",
        tiny_model,
        lines=skewed(),
        num_epochs=1,
        per_device_batch_size=3,
        gradient_accumulation_steps=1,
        offline=False,
    )

    metrics = train_here(folder).of(Metrics)

    words = tiny.tokenizer()
    lengths = sorted(
        len(words.apply_chat_template(_messages(line), tokenize=True)["input_ids"]) for line in skewed()
    )
    assert metrics[0].tokens_seen == sum(lengths[-3:])
    assert metrics[-1].tokens_seen == sum(lengths)


def _messages(line: str) -> list[dict[str, str]]:
    record = json.loads(line)
    return [
        {"role": "user", "content": record["prompt"]},
        {"role": "assistant", "content": record["completion"]},
    ]
