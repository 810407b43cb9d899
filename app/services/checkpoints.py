"""A run's checkpoints on disk, verified as the trainer does: a marker, and files of the sizes it says."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.domain.runs import Measurement, Run
from trainer_image.config import CHECKPOINTS_DIR
from trainer_image.soundness import is_sound

MARKER: Final = "COMPLETE.json"


@dataclass(frozen=True)
class SavedState:
    """One checkpoint that a run can go on from, or why it can't."""

    name: str
    """Its folder, like samples_400: how many examples had been seen."""
    step: int
    samples_seen: int
    saved_at: datetime
    loss: float | None
    validation_loss: float | None
    blocked: str = ""
    """Why the run cannot go on from it, in half a sentence."""
    size_bytes: int = 0
    damage: str = ""
    """What of it is not as it was written, in half a sentence; it can't be used for anything then."""
    is_compared: bool = False
    """Whether its files were compared with their checksums, and are as they were written."""


def saved_states(run: Run, measurements: Sequence[Measurement] = ()) -> list[SavedState]:
    """Newest first. One that is being written, or that a crash left half, is not among them."""
    return _states_in(run.folder, {m.step: m.loss for m in measurements})


def newest_whole(run_folder: Path) -> SavedState | None:
    """What the trainer goes on from, if its checksums turn out right too: the newest whose files are all
    there and as large as they were written. Quick: reads no file but the markers."""
    return next((state for state in _states_in(run_folder, {}) if not state.blocked), None)


def damage_of(folder: Path) -> str:
    """What of a checkpoint that was written is not as it was, in half a sentence; empty if it is whole.
    Quick: reads its marker only."""
    state = _read(folder, {})
    return f"its file {MARKER} is damaged or missing" if state is None else state.damage


def _states_in(run_folder: Path, losses: Mapping[int, float]) -> list[SavedState]:
    found = [state for folder in _folders(run_folder) if (state := _read(folder, losses))]
    return sorted(found, key=lambda state: state.saved_at, reverse=True)


def _folders(run_folder: Path) -> Iterator[Path]:
    yield from (run_folder / CHECKPOINTS_DIR).glob("samples_*")


def _read(folder: Path, losses: Mapping[int, float]) -> SavedState | None:
    try:
        marker: Any = json.loads((folder / MARKER).read_bytes())
        step, files = int(marker["step"]), dict(marker["files"])
        damage = _damage(folder, files) if is_sound(marker) else f"its file {MARKER} is damaged"
        is_full = bool(marker.get("full_state", True))
        return SavedState(
            folder.name,
            step,
            int(marker["samples_seen"]),
            datetime.fromtimestamp(float(marker["saved_at"]), UTC),
            marker.get("loss"),
            losses.get(step),
            damage or ("" if is_full else "it holds the weights only"),
            sum(files.values()),
            damage,
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _damage(folder: Path, files: Mapping[str, int]) -> str:
    for name, size in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            return f"its file {name} is damaged or missing"
    return ""
