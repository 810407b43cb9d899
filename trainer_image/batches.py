"""Which rows stand together in a batch, and how they lie in it.

The effective batch is exact in samples. Its loss is the mean over all its trained tokens, however it is split
into microbatches: each adds its summed loss divided by the count of the whole batch.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import torch
from datasets import Dataset
from torch.utils.data import Sampler

from trainer_image.data import IGNORED, TrainingRows
from trainer_image.reporting import Reporter

MICROBATCHES: Final = "microbatches"
"""Key of a batch that comes in several parts for one optimiser step."""

_FEWER_EPOCHS: Final = 1_000_003
"""More than a run has epochs, so that no two runs of different seeds share an order."""

Item = dict[str, list[int]]


class LongestFirst(Sampler):  # type: ignore[misc]
    """Every row once an epoch, in an order drawn from the seed; the first epoch begins with `first`.

    With the longest rows in the very first batch, memory fails in the first minute or never. The order does
    not depend on how a batch is split: a run whose microbatches had to shrink goes on with the same rows.
    An epoch is filled up to a multiple of `multiple` with the number of the row that teaches nothing, which
    `as_dataset` has after the last: so many are needed for several processes to have as many batches each.
    """

    def __init__(self, rows: int, *, seed: int, first: Sequence[int], multiple: int = 1) -> None:
        self._rows = rows
        self._filling = -rows % multiple
        self._seed = seed
        self._first = list(first)
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return self._rows + self._filling

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * _FEWER_EPOCHS + self._epoch)
        order: list[int] = torch.randperm(self._rows, generator=generator).tolist()
        first = self._first if self._epoch == 0 else []
        moved = set(first)
        yield from first
        yield from (row for row in order if row not in moved)
        yield from [self._rows] * self._filling


def longest(lengths: Sequence[int], count: int) -> list[int]:
    """The `count` longest rows, the longest first."""
    return sorted(range(len(lengths)), key=lambda row: -lengths[row])[:count]


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Put rows into as few sequences of `capacity` tokens as best-fit decreasing finds; the fullest first.

    A row longer than that has a sequence for itself. Source: Johnson 1973, and Ding et al. 2024,
    arXiv:2404.10830, for language models.
    """
    packs: list[list[int]] = []
    room: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        fitting = [at for at, left in enumerate(room) if left >= lengths[row]]
        if fitting:
            best = min(fitting, key=lambda at: room[at])
            packs[best].append(row)
            room[best] -= lengths[row]
        else:
            packs.append([row])
            room.append(capacity - lengths[row])
    return sorted(packs, key=lambda rows: -sum(lengths[row] for row in rows))


def as_dataset(rows: TrainingRows) -> Dataset:
    """The rows by number, and after them one of one token that nothing is learnt from.

    Their tokens are read when a batch asks for them.
    """
    count = len(rows.input_ids)

    def tokens(batch: dict[str, list[int]]) -> dict[str, list[list[int]]]:
        at = batch["row"]
        return {
            "input_ids": [rows.input_ids[row].tolist() if row < count else [0] for row in at],
            "labels": [rows.labels[row].tolist() if row < count else [IGNORED] for row in at],
        }

    return Dataset.from_dict({"row": range(count + 1)}).with_transform(tokens)


class Padding:
    """Collator: rows of tokens → `[batch, longest]` tensors, padded on the right."""

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id

    def __call__(self, rows: list[Item]) -> dict[str, Any]:
        width = max(len(row["input_ids"]) for row in rows)
        shape = (len(rows), width)
        input_ids = torch.full(shape, self._pad_id)
        labels = torch.full(shape, IGNORED)
        attention_mask = torch.zeros(shape, dtype=torch.long)
        for at, row in enumerate(rows):
            length = len(row["input_ids"])
            input_ids[at, :length] = torch.tensor(row["input_ids"])
            labels[at, :length] = torch.tensor(row["labels"])
            attention_mask[at, :length] = 1
        return {"input_ids": input_ids, "labels": labels, "attention_mask": attention_mask}


class Bounded:
    """Collator: the rows of an effective batch → padded microbatches of at most `capacity` tokens.

    Rows of alike lengths stand together, the longest first; one that is longer stands alone.
    """

    def __init__(self, padding: Padding, capacity: int) -> None:
        self._padding = padding
        self.capacity = capacity
        """May be changed between two steps."""

    def __call__(self, rows: list[Item]) -> dict[str, Any]:
        left = sorted(rows, key=lambda row: -len(row["input_ids"]))
        microbatches = []
        while left:
            at_once = max(self.capacity // len(left[0]["input_ids"]), 1)
            microbatches.append(self._padding(left[:at_once]))
            left = left[at_once:]
        return {MICROBATCHES: microbatches, "samples": len(rows)}


class Packing:
    """Collator: the rows of an effective batch → microbatches `[1, tokens]`, several rows to each.

    Positions start anew with every row. Without an attention mask the library reads from them where a row
    begins and lets none see another.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        """May be changed between two steps."""

    def __call__(self, rows: list[Item]) -> dict[str, Any]:
        packs = pack([len(row["input_ids"]) for row in rows], self.capacity)
        microbatches = [in_one_sequence([rows[at] for at in packed]) for packed in packs]
        return {MICROBATCHES: microbatches, "samples": len(rows)}


def in_one_sequence(rows: list[Item]) -> dict[str, torch.Tensor]:
    """Several rows as one sequence `[1, tokens]`; the first token of each is predicted by none."""
    return {
        "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
        "labels": torch.tensor([[label for row in rows for label in (IGNORED, *row["labels"][1:])]]),
        "position_ids": torch.tensor([[at for row in rows for at in range(len(row["input_ids"]))]]),
    }


def parts_of(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The microbatches of the batches of one optimiser step."""
    return [part for batch in batches for part in batch.get(MICROBATCHES, [batch])]


def that_teaches_nothing(part: dict[str, Any]) -> dict[str, Any]:
    """A microbatch to compute where other processes have one more: it adds nothing to loss and gradients."""
    return part | {"labels": torch.full_like(part["labels"], IGNORED)}


def samples_in(batches: list[dict[str, Any]]) -> int:
    return sum(b["samples"] if MICROBATCHES in b else b["input_ids"].shape[0] for b in batches)


def tokens_in(batches: list[dict[str, Any]]) -> Any:
    """Tokens without padding; a tensor on the device, so that nobody waits for it."""
    return sum(
        part["attention_mask"].sum() if "attention_mask" in part else part["input_ids"].numel()
        for part in parts_of(batches)
    )


def can_pack(model: Any, rows: TrainingRows, reporter: Reporter) -> bool:
    """Whether packed rows stay unseen by each other in this model; if not, a notice says so."""
    if keeps_rows_apart(model, rows.input_ids[0][:64], rows.input_ids[-1][:64]):
        return True
    reporter.notice(
        "This model would let packed examples see each other, so they are not packed.", level="warning"
    )
    return False


@torch.no_grad()  # type: ignore[untyped-decorator]
def keeps_rows_apart(model: Any, one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether, in one sequence, the second row's logits are those it has alone, whatever the first one says.

    The first is compared with how far they move when the rows are put end to end as if they were one: number
    formats round. The second holds to the last bit where a row is unseen, also in bfloat16: it finds what a
    model with a few layers of another kind hands on (convolutions, state spaces), which is little.
    """
    was_training = model.training
    model.eval()
    alone = model(torch.tensor([[*other]], device=model.device), use_cache=False).logits[0]
    packed = _second_of_two(model, one, other)
    after_another = _second_of_two(model, _all_changed(one, other), other)
    end_to_end = torch.tensor([[*one, *other]], device=model.device)
    mixed = model(end_to_end, use_cache=False).logits[0, len(one) :]
    model.train(was_training)
    off, far, size = (packed - alone).abs().max(), (mixed - alone).abs().max(), alone.abs().max()
    is_unseen = (packed - after_another).abs().max() <= 1e-5 * size
    return bool(is_unseen and off <= torch.maximum(1e-4 * size, 0.05 * far))


def _second_of_two(model: Any, one: Sequence[int], other: Sequence[int]) -> torch.Tensor:
    """Its logits where both are packed."""
    rows: list[Item] = [{"input_ids": [*ids], "labels": [*ids]} for ids in (one, other)]
    together = {k: v.to(model.device) for k, v in in_one_sequence(rows).items() if k != "labels"}
    logits: torch.Tensor = model(**together, use_cache=False).logits[0, len(one) :]
    return logits


def _all_changed(row: Sequence[int], other: Sequence[int]) -> list[int]:
    """A row as long, each of its tokens another one of the two rows'."""
    known = sorted({*row, *other})
    following = dict(zip(known, [*known[1:], known[0]], strict=True))
    return [following[token] for token in row]
