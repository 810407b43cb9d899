"""Rows as a run prepares them, in this process, with what it reported."""

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer_image.config import RunConfig
from trainer_image.data import TrainingRows
from trainer_image.events import Notice, Rows, parse_event
from trainer_image.preparing import rows_of_run
from trainer_image.reporting import Reporter
from trainer_image.tokens import in_memory

from . import tiny


def pair(question: str, answer: str, **fields: Any) -> dict[str, Any]:
    return {"prompt": question, "completion": answer, **fields}


def pairs(count: int) -> list[dict[str, Any]]:
    return [pair(f"What is {n}?", f"It is {n}.") for n in range(count)]


class Prepared:
    """`rows` is None if the run was refused with `error`."""

    def __init__(
        self,
        folder: Path,
        records: list[dict[str, Any]],
        *,
        template: str | None = tiny.CHATML,
        tokenizer: Any = None,
        workers: int | None = None,
        **settings: Any,
    ) -> None:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        write(folder / "data" / "train.jsonl", records)
        self.words = tokenizer or tiny.tokenizer()
        self.words.chat_template = template
        config = RunConfig(base_model="x", **settings)
        self.folder, reporter = folder, Reporter(folder)
        self.rows: TrainingRows = rows_of_run(config, folder, self.words, reporter, workers=workers)

    @property
    def ledger(self) -> Rows:
        (found,) = [event for event in _events(self.folder) if isinstance(event, Rows)]
        return found

    @property
    def notices(self) -> list[str]:
        return [event.message for event in _events(self.folder) if isinstance(event, Notice)]

    def learnt(self, row: int = 0) -> list[str]:
        """The runs of trained tokens of a row, as text."""
        runs: list[list[int]] = [[]]
        for label in self.rows.labels[row]:
            if label != -100:
                runs[-1].append(label)
            elif runs[-1]:
                runs.append([])
        return [self.words.decode(run) for run in runs if run]


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def _events(folder: Path) -> list[Any]:
    return [parse_event(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]


def tokens_of(*rows: Sequence[tuple[int, bool]]) -> TrainingRows:
    """Rows made of tokens, each with whether it carries loss."""
    ids, starts = array("i", [token for row in rows for token, _ in row]), array("q", [0])
    for row in rows:
        starts.append(starts[-1] + len(row))
    return TrainingRows(
        in_memory(ids.tobytes(), bytes(trained for row in rows for _, trained in row), starts)
    )
