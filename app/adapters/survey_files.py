"""What a survey of the trainer found, read from its file: `trainer_image.surveying` writes it."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from app.adapters.found_rows import select
from app.domain.previews import Fate
from trainer_image.config import RunConfig
from trainer_image.judging import Facts
from trainer_image.lengths import KINDS, Group, Late, Part, Table

log = logging.getLogger(__name__)

MOST_BYTES: Final = 2 * 1024**3
_PARTS: Final[tuple[Part, ...]] = ("train", "validation")
_UNSTOPPED, _DOUBLED, _FIRST_CHANGE = 1, 2, 4
"""Bits of a row's flags, as `trainer_image.surveying` sets them; a test compares them."""
_CHANGES: Final = (
    "system_lost", "rewritten", "trimmed", "reasoning_lost", "tools_lost", "structure_written",
)  # fmt: skip

_BUCKET: Final = """
CASE
    WHEN bucket IS NOT NULL THEN bucket
    WHEN :drops AND length > :longest THEN 'too_long'
    WHEN length < :shortest THEN 'too_short'
    WHEN kind = 2 OR (length > :longest AND first >= :longest) THEN 'no_trained_token'
    WHEN kind = 1 AND :once THEN 'duplicate'
    WHEN part = 1 THEN 'validation'
    ELSE 'trained'
END
"""
"""The bucket of a row under a config, before any are kept aside; the order is the trainer's."""


class SqliteSurveyFiles:
    """SurveyFiles over SQLite files."""

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes

    def table(self, path: Path) -> Table:
        groups = _select(
            path,
            "SELECT part, kind, length, count(*) FROM rows WHERE kind IS NOT NULL"
            " GROUP BY part, kind, length",
        )
        late = _select(
            path,
            "SELECT part, kind, first, count(*) FROM rows WHERE kind < 2 GROUP BY part, kind, first",
        )
        refused = _select(path, "SELECT bucket, count(*) FROM rows WHERE bucket IS NOT NULL GROUP BY bucket")
        os.utime(path)  # used just now: the last to go
        return Table(
            [Group(KINDS[kind], length, rows, _PARTS[part]) for part, kind, length, rows in groups],
            dict(refused),
            [Late(KINDS[kind], first, rows, _PARTS[part]) for part, kind, first, rows in late],
        )

    def facts(self, path: Path, config: RunConfig) -> Facts:
        flags = ", ".join(f"sum(flags & {_FIRST_CHANGE << at} > 0)" for at in range(len(_CHANGES)))
        kept = f"({_BUCKET}) = 'trained'"
        ((count, unstopped, doubled, lost, nothing, *changed),) = _select(
            path,
            f"SELECT sum({kept}),"  # noqa: S608 constants
            f" sum({kept} AND (flags & {_UNSTOPPED} OR (NOT :drops AND length > :longest))),"
            f" sum({kept} AND flags & {_DOUBLED} > 0), sum({kept} * lost_answers),"
            f" sum(({_BUCKET}) = 'no_trained_token'), {flags} FROM rows",
            _limits(config),
        )
        ((inspected,),) = _select(path, "SELECT value FROM facts WHERE name = 'inspected'")
        return Facts(
            kept=count or 0,
            unstopped=unstopped or 0,
            doubled=doubled or 0,
            nothing=nothing or 0,
            lost_answers=lost or 0,
            inspected=int(inspected),
            **{name: number or 0 for name, number in zip(_CHANGES, changed, strict=True)},
        )

    def fates(self, path: Path, config: RunConfig, bucket: str, *, start: int, limit: int) -> Sequence[Fate]:
        found = _select(
            path,
            f"SELECT number, line, length, kind, reason FROM rows WHERE ({_BUCKET}) = :wanted"  # noqa: S608 constants
            " ORDER BY number LIMIT :limit OFFSET :start",
            _limits(config) | {"wanted": bucket, "start": start, "limit": limit},
        )
        return [
            Fate(number, line, bucket, _reason(bucket, length, kind, config) or reason or "", length)
            for number, line, length, kind, reason in found
        ]

    def rows(self, path: Path, bucket: str, numbers: Sequence[int]) -> Sequence[Fate]:
        wanted = ", ".join(str(int(number)) for number in numbers)
        query = f"SELECT number, line, length FROM rows WHERE number IN ({wanted}) ORDER BY number"  # noqa: S608
        found = _select(path, query)
        return [Fate(number, line, bucket, "", length) for number, line, length in found]

    def kept(self, path: Path, config: RunConfig) -> Sequence[int]:
        query = f"SELECT number FROM rows WHERE ({_BUCKET}) = 'trained' ORDER BY number"  # noqa: S608
        return [number for (number,) in _select(path, query, _limits(config))]

    def make_room(self, folder: Path, *, keep: Path) -> None:
        files = sorted(folder.glob("*.sqlite"), key=lambda file: file.stat().st_mtime)
        total = sum(file.stat().st_size for file in files)
        for file in files:
            if total <= self._most_bytes or file == keep:
                continue
            total -= file.stat().st_size
            try:
                file.unlink()
            except OSError as error:  # Windows: it is being read
                log.info("%s stays for now: %s", file.name, error)


def _select(path: Path, query: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    return select(path, query, values, again="Preview the data again.")


def _limits(config: RunConfig) -> dict[str, Any]:
    documents = config.is_pretraining
    return {
        "longest": 2**62 if documents else config.max_seq_len,
        "shortest": 2 if documents else config.min_seq_len,
        "drops": documents or config.over_long == "drop",
        "once": config.drop_duplicates,
    }


def _reason(bucket: str, length: int | None, kind: int | None, config: RunConfig) -> str:
    """The trainer's words where the limits are the reason; else the file has them."""
    match bucket:
        case "too_long":
            return f"{length} tokens, more than max_seq_len {config.max_seq_len}"
        case "too_short":
            return f"{length} tokens, fewer than min_seq_len {config.min_seq_len}"
        case "no_trained_token" if kind != 2:
            return f"nothing of its answer lies in the first {config.max_seq_len} tokens"
        case _:
            return ""
