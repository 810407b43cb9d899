"""What became of every row: each ends in exactly one bucket; those left out are listed with their line."""

from collections import Counter
from typing import Final

from trainer_image.events import Lengths, RefusedLine, Rows
from trainer_image.lengths import NOT_LOST

_LISTED: Final = 100


class Ledger:
    """What became of every row."""

    def __init__(self) -> None:
        self.read = 0
        self.buckets: Counter[str] = Counter()
        self.truncated = 0
        self.refused: list[RefusedLine] = []
        """The first hundred left out."""
        self.lengths: Lengths | None = None

    def keep(self, bucket: str = "trained") -> None:
        self.buckets[bucket] += 1

    def set_aside(self, rows: int) -> None:
        """Count as many of the rows to train on as validation instead."""
        self.buckets["trained"] -= rows
        self.buckets["validation"] += rows

    def refuse(self, line: int, bucket: str, reason: str) -> None:
        self.buckets[bucket] += 1
        if len(self.refused) < _LISTED:
            self.refused.append(RefusedLine(line=line, bucket=bucket, reason=reason))

    def event(self) -> Rows:
        total = sum(self.buckets.values())
        assert total == self.read, f"{self.read} rows were read, {total} are accounted for"
        return Rows(
            total=total,
            buckets=dict(self.buckets),
            refused=self.refused,
            truncated=self.truncated,
            lengths=self.lengths,
        )

    def lost(self) -> Counter[str]:
        """Bucket → rows that were meant to be learnt and will not be. A duplicate's twin is learnt."""
        return Counter({bucket: count for bucket, count in self.buckets.items() if bucket not in NOT_LOST})
