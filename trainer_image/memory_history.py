"""What runs on this computer were estimated to take and what they took, so that later estimates come closer.

One JSON line a run, in a file that runs share if the environment names one, else in the run's own folder.
Lines that are torn or of another version are passed over. Runs of several processes are not in it: what each
of them takes depends on the others. Imports no training library.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from trainer_image.config import MEMORY_HISTORY_VARIABLE, RunConfig
from trainer_image.demand import EngineName, bits_of
from trainer_image.events import Memory
from trainer_image.reporting import Reporter
from trainer_image.shapes import Shape

MOST_LINES: Final = 1000
"""Beyond, the older half goes: some 300 kB."""
_LAST_FEW: Final = 5
_LEAST_ERROR: Final = 0.05
_ERROR_OF_ONE: Final = 0.15
"""How far a single run is trusted; n of them to an n-th of it."""
_LOCK_SECONDS: Final = 10


class Kind(BaseModel):
    """What runs have in common for one to tell about another; a model is the same if its numbers are."""

    model_config = ConfigDict(frozen=True)

    device: str
    model: str
    method: str
    bits: int | None
    engine: str
    optimizer: str
    bfloat16: bool
    gradient_checkpointing: bool
    packing: bool


class Known(BaseModel):
    """One run: bytes as estimated by the formulas, and as measured. GPU: of tensors, without the context."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Kind
    rows: PositiveInt
    longest_row: PositiveInt
    estimated: PositiveInt
    peak: PositiveInt
    time: float = 0.0


def kind_of(config: RunConfig, shape: Shape, *, device: str, bfloat16: bool, engine: EngineName) -> Kind:
    """`device` is its name, the same for every run on it."""
    return Kind(
        device=device,
        model=hashlib.sha256(repr(shape).encode()).hexdigest()[:16],
        method=config.method.kind,
        bits=bits_of(config),
        engine=engine,
        optimizer=config.optimizer,
        bfloat16=bfloat16,
        gradient_checkpointing=config.gradient_checkpointing,
        packing=config.packing,
    )


def place(run_dir: Path) -> Path:
    """The file: one that runs share if the environment names it, else the run's own."""
    shared = os.environ.get(MEMORY_HISTORY_VARIABLE)
    return Path(shared).expanduser() if shared else run_dir / "cache" / "memory.jsonl"


class MemoryHistory:
    """The runs in one file. Several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, known: Known) -> None:
        """Raises OSError if the file cannot be written; what was in it stays."""
        from filelock import FileLock  # noqa: PLC0415 comes with the training libraries, an estimate needs none

        line = known.model_copy(update={"time": time.time()}).model_dump_json().encode() + b"\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self._path}.lock", timeout=_LOCK_SECONDS):
            before = self._path.read_bytes() if self._path.exists() else b""
            lines = before.splitlines(keepends=True)
            if len(lines) >= MOST_LINES:
                self._replace_by(b"".join(lines[-MOST_LINES // 2 :]))
            torn = before and not before.endswith(b"\n")
            self._append(b"\n" + line if torn else line)

    def runs(self, kind: Kind) -> list[Known]:
        """Those like it, oldest first; none if there is no such file, or it cannot be read."""
        return [known for known in self.every() if known.kind == kind]

    def every(self) -> list[Known]:
        """All, oldest first."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return []
        return [known for line in lines if (known := _parse(line))]

    def has_any(self, method: str) -> bool:
        """Whether it is worth finding out which device this is."""
        try:
            return f'"method":"{method}"'.encode() in self._path.read_bytes()
        except OSError:
            return False

    def _append(self, line: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def _replace_by(self, lines: bytes) -> None:
        partial = self._path.with_name(f"{self._path.name}.partial")
        partial.write_bytes(lines)
        partial.replace(self._path)


class Experience:
    """What runs like one of this kind have shown, and where it adds its own."""

    def __init__(self, history: MemoryHistory, kind: Kind) -> None:
        self._history = history
        self._kind = kind

    def correct(self, event: Memory) -> Memory:
        return corrected(event, self._history.runs(self._kind))

    def remember(self, event: Memory, reporter: Reporter) -> None:
        """Keep a measured peak; that it cannot be kept is said, and ends nothing."""
        known = measured(self._kind, event)
        if known is None:
            return
        try:
            self._history.add(known)
        except OSError as error:
            reporter.notice(
                f"The measured memory could not be kept for later estimates: {error.strerror or error}. "
                "The run goes on."
            )


def measured(kind: Kind, event: Memory) -> Known | None:
    """What to remember of a run whose peak was measured; None if there is nothing to compare."""
    if not event.peak or not event.rows_at_once or not event.longest_row:
        return None
    formula = event.expected - event.terms.get("correction", 0) - event.terms.get("context", 0)
    return Known(
        kind=kind,
        rows=event.rows_at_once,
        longest_row=event.longest_row,
        estimated=formula,
        peak=event.peak,
    )


def corrected(event: Memory, runs: Sequence[Known]) -> Memory:
    """The estimate, as what was measured on the last few runs like it corrects it; unchanged without any.

    Expected: times the median of measured / estimated. The range also holds that estimate plus the median of
    measured - estimated (the two are the same for a run of the same size, and part where it is another), and
    what the runs differ by among themselves; ±5 % at least. A peak that a smaller batch had is a lower bound.
    """
    if not runs:
        return event
    context = event.terms.get("context", 0)
    formula = event.expected - context
    last = runs[-_LAST_FEW:]
    ratios = [run.peak / run.estimated for run in last]
    factor = median(ratios)
    expected = formula * factor
    shifted = formula + median(run.peak - run.estimated for run in last)
    error = max(_LEAST_ERROR, _ERROR_OF_ONE / len(last), *(abs(ratio / factor - 1) for ratio in ratios))
    floor = max(_peaks_of_smaller(event, formula, runs), default=0)
    expected = max(expected, floor / (1 - _LEAST_ERROR))
    low = max(min(expected, max(shifted, 0)) * (1 - error), floor)
    high = max(expected, shifted) * (1 + error)
    return event.model_copy(
        update={
            "low": context + round(low),
            "expected": context + round(expected),
            "high": context + round(high),
            "terms": {**event.terms, "correction": round(expected) - formula},
            "corrected_by": round(expected / formula, 4),
            "runs_known": len(last),
        }
    )


def _peaks_of_smaller(event: Memory, formula: int, runs: Iterable[Known]) -> list[int]:
    """Measured with fewer tokens, and settings that were not expected to take more."""
    tokens = event.rows_at_once * event.longest_row
    return [run.peak for run in runs if run.rows * run.longest_row < tokens and run.estimated <= formula]


def _parse(line: bytes) -> Known | None:
    try:
        return Known.model_validate_json(line)
    except ValidationError:
        return None
