"""What a longest length would mean for data whose lengths are known: ledger, steps, padding, percentiles.

All of it follows from how many rows there are of each length, so that a line can be dragged over a histogram
of a million rows and every number follows at once. Imports only the standard library and the config.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from trainer_image.aside import validation_count
from trainer_image.config import RunConfig

Kind = Literal["new", "again", "nothing"]
"""Of a row that came to tokens: the first with these tokens, the same as an earlier one, or one of which
nothing would be learnt."""
KINDS: Final[tuple[Kind, ...]] = ("new", "again", "nothing")

Part = Literal["train", "validation"]
NOT_LOST: Final = frozenset({"trained", "validation", "duplicate"})
"""Buckets of rows that are learnt, or measured on, or whose twin is learnt."""
_KEPT: Final[Mapping[Part, str]] = {"train": "trained", "validation": "validation"}


@dataclass(frozen=True)
class Group:
    """So many `rows` are alike in all that decides what becomes of them, unless they are cut."""

    kind: Kind
    length: int
    rows: int
    part: Part = "train"


@dataclass(frozen=True)
class Late:
    """So many `rows` carry no loss before token `first`: cut there or earlier, nothing of them is learnt."""

    kind: Kind
    first: int
    rows: int
    part: Part = "train"


@dataclass(frozen=True)
class Outlook:
    """What becomes of the rows, and of a run, under a config."""

    buckets: Mapping[str, int]
    """As in the trainer's ledger, without empty ones."""
    cut: int
    """Rows among those kept that are cut to the longest length."""
    is_exact: bool
    """False where rows are cut: two that differ only beyond the cut become one, which is not known here."""
    kept: Mapping[int, int] = field(default_factory=dict)
    """Length after any cut → rows to train on, those the split keeps aside among them."""

    @property
    def total(self) -> int:
        return sum(self.buckets.values())

    @property
    def trained(self) -> int:
        return self.buckets.get("trained", 0)


class Table:
    """The lengths of a set of rows, and what never came to tokens (bucket → rows)."""

    def __init__(
        self, groups: Iterable[Group], refused: Mapping[str, int], late: Iterable[Late] = ()
    ) -> None:
        """`late` has the rows of the kinds "new" and "again"."""
        self.groups = tuple(groups)
        self.late = tuple(late)
        self.refused = {bucket: count for bucket, count in refused.items() if count}

    @property
    def total(self) -> int:
        return sum(group.rows for group in self.groups) + sum(self.refused.values())

    def lengths(self) -> Counter[int]:
        """Tokens of a row → rows to train on, those too long or too short among them."""
        counts: Counter[int] = Counter()
        for group in self.groups:
            if group.part == "train":
                counts[group.length] += group.rows
        return counts

    def outlook(self, config: RunConfig, *, max_seq_len: int | None = None) -> Outlook:
        """What the trainer's ledger would say; `max_seq_len` in place of the config's."""
        longest = max_seq_len or config.max_seq_len
        buckets: Counter[str] = Counter(self.refused)
        kept: Counter[int] = Counter()
        cut = 0
        for group in self.groups:
            bucket = bucket_of(group, config, max_seq_len=longest)
            buckets[bucket or _KEPT[group.part]] += group.rows
            is_cut = not bucket and group.length > longest and not config.is_pretraining
            cut += group.rows if is_cut else 0
            if not bucket and group.part == "train":
                kept[longest if is_cut else group.length] += group.rows
        if config.over_long == "truncate" and not config.is_pretraining:
            cut -= self._take_out_late(config, longest, buckets, kept)
        if config.validation != "file":
            aside = validation_count(config, buckets["trained"])
            buckets["trained"] -= aside
            buckets["validation"] += aside
        return Outlook(+buckets, cut, self._is_exact(config, longest), kept=+kept)

    def _is_exact(self, config: RunConfig, longest: int) -> bool:
        if config.over_long == "drop" or config.is_pretraining:
            return True
        is_any_long = any(group.length > longest for group in self.groups)
        return not (is_any_long and config.drop_duplicates) and config.min_seq_len <= longest

    def _take_out_late(
        self, config: RunConfig, longest: int, buckets: Counter[str], kept: Counter[int]
    ) -> int:
        """Of the rows that are cut, those with nothing to learn before the cut; how many were kept."""
        taken = 0
        for late in self.late:
            if late.first < longest:
                continue
            is_duplicate = late.kind == "again" and config.drop_duplicates
            buckets["no_trained_token"] += late.rows
            buckets["duplicate" if is_duplicate else _KEPT[late.part]] -= late.rows
            taken += 0 if is_duplicate else late.rows
            if not is_duplicate and late.part == "train":
                kept[longest] -= late.rows
        return taken


def bucket_of(group: Group, config: RunConfig, *, max_seq_len: int) -> str:
    """Where such rows go if they are left out, but for what a cut leaves nothing of; empty if they are kept.

    The order of the questions is the trainer's.
    """
    endless = config.is_pretraining
    is_long = not endless and group.length > max_seq_len
    if is_long and config.over_long == "drop":
        return "too_long"
    if group.length < (2 if endless else config.min_seq_len):
        return "too_short"
    if group.kind == "nothing":
        return "no_trained_token"
    return "duplicate" if group.kind == "again" and config.drop_duplicates else ""


def percentile(counts: Mapping[int, int], share: float) -> int:
    """A length that a row has: that share of the rows is no longer. As NumPy's `inverted_cdf`."""
    total = sum(counts.values())
    at = max(math.ceil(total * share - 1), 0)
    passed = 0
    for length in sorted(counts):
        passed += counts[length]
        if passed > at:
            return length
    raise ValueError("there are no rows")


def padding(kept: Mapping[int, int], rows_at_once: int) -> float:
    """Tokens of an epoch that fill rows up to the longest of their microbatch, when rows meet by chance.

    The longest of n rows is no longer than l with the probability F(l)ⁿ.
    """
    total = sum(kept.values())
    if not total or rows_at_once == 1:
        return 0.0
    passed, below, longest = 0, 0.0, 0.0
    for length in sorted(kept):
        passed += kept[length]
        reached = (passed / total) ** min(rows_at_once, total)
        longest += length * (reached - below)
        below = reached
    return max(total * longest - tokens(kept), 0.0)


def tokens(kept: Mapping[int, int]) -> int:
    return sum(length * rows for length, rows in kept.items())


def steps_of_epoch(config: RunConfig, outlook: Outlook) -> int:
    """Optimiser steps of one pass over the rows to train on, by one process."""
    rows = outlook.trained
    if config.is_pretraining:
        assert config.block_size
        share = rows / max(rows + outlook.buckets.get("validation", 0), 1)
        rows = math.ceil(tokens(outlook.kept) * share / config.block_size)
    return math.ceil(rows / config.effective_batch_size)


def steps(config: RunConfig, outlook: Outlook) -> int:
    """Of the whole run."""
    return config.max_steps or config.num_epochs * steps_of_epoch(config, outlook)


def lost_share(buckets: Mapping[str, int]) -> float:
    """Of the rows, those that were meant to be learnt and will not be; a duplicate's twin is learnt."""
    total = sum(buckets.values())
    lost = sum(count for bucket, count in buckets.items() if bucket not in NOT_LOST)
    return lost / total if total else 0.0
