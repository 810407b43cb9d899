"""A model in parts (FSDP) whose memory ran out in one process: all begin again, in smaller parts.

There every pass is one of all processes: the others wait in the middle of it, and nothing they hold can be
gone on with. So the one whose memory ran out leaves a note of what would be smaller, all end without a word,
and the process that started them does so again, from the last checkpoint of this launch if there is one; on
several computers each does, once the processes of all have ended (`computers.py`). Effective batch and loss
stay the same. Imports no training library.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from trainer_image import ranks
from trainer_image.checkpoints import Checkpoints, FoundMemory

AGAIN: Final = 75
"""Exit code of processes that are to be started again."""
_VARIABLE: Final = "TUNEWRIGHT_FOUND_MEMORY"
_ENDING: Final = "memory"

Once = Callable[[Sequence[str], Mapping[str, str]], tuple[int, FoundMemory | None]]
"""Start all processes with these arguments and more environment, wait for their end → the exit code, and
what they ask to begin again with."""
Agree = Callable[[bool], bool]
"""Whether there is a checkpoint of this launch to go on from → what all computers do."""


class BeginAgainError(Exception):
    """Raised in the process whose memory ran out, once its note is written."""


def is_possible() -> bool:
    """Whether whoever started this process starts it again, and those of other computers too: a torchrun by
    hand does not."""
    return ranks.folder() is not None and (ranks.computers() == 1 or ranks.shared() is not None)


def ask_for(found: FoundMemory) -> BeginAgainError:
    """Leave the note; raise what this returns."""
    ranks.note_for_all(_ENDING, found.model_dump_json())
    return BeginAgainError()


def is_asked_for(error: Exception) -> bool:
    """Whether this process ends because it, or another one, asked to begin again."""
    places = [place for place in (ranks.folder(), ranks.shared()) if place]
    return isinstance(error, BeginAgainError) or any(noted(place) for place in places)


def noted(folder: Path) -> FoundMemory | None:
    """What fits in every process that left a note there; None if there is none."""
    notes = [FoundMemory.model_validate_json(path.read_bytes()) for path in folder.glob(f"*.{_ENDING}")]
    if not notes:
        return None
    return FoundMemory(
        limit=min((note.limit for note in notes if note.limit), default=None),
        measured=min((note.measured for note in notes if note.measured), default=None),
        recompute=any(note.recompute for note in notes),
    )


def told() -> FoundMemory | None:
    """In a process that was started again: what to begin with."""
    text = os.environ.get(_VARIABLE)
    return FoundMemory.model_validate_json(text) if text else None


def until_it_fits(once: Once, arguments: Sequence[str], run_dir: Path, agree: Agree = bool) -> int:
    """Start the processes, and again while they ask for it; returns the last exit code.

    Each time something is smaller, and what cannot be smaller does not ask: it ends.
    """
    before, environment = _newest(run_dir), dict[str, str]()
    while True:
        code, found = once(arguments, environment)
        if found is None:
            return code
        environment = {_VARIABLE: found.model_dump_json()}
        if agree(_newest(run_dir) != before):
            arguments = [*_without_resuming(arguments), "--resume"]


def _newest(run_dir: Path) -> float | None:
    newest = Checkpoints(run_dir, keep=1).newest()
    return newest.progress.saved_at if newest else None


def _without_resuming(arguments: Sequence[str]) -> list[str]:
    """The checkpoint that was named at first is older than the one to go on from now."""
    named = {at + 1 for at, argument in enumerate(arguments) if argument == "--resume-from"}
    words = {"--resume", "--resume-from"}
    return [word for at, word in enumerate(arguments) if word not in words and at not in named]
