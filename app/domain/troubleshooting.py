"""What a failed run died of, and what to do: told from what it said last.

The trainer puts most failures into a sentence of its own (`trainer_image/problems.py`); this knows the steps
behind such a sentence. The log is read only where nothing was said that tells: when the system ended the run,
or a library did.
"""

import re
from dataclasses import dataclass
from typing import Final

from app.domain.known_troubles import TREES, Tree
from app.domain.memory_knobs import Knob
from app.domain.runs import Run, RunStatus

_TELLS_NOTHING: Final = re.compile(
    r"did not expect|ended with code|could not be started|without a trace|before it could save|^$"
)


@dataclass(frozen=True)
class Trouble:
    """What it was, in a sentence, and what to do in this order. `knob`: a change to try again with."""

    tree: str
    title: str
    steps: tuple[str, ...]
    knob: Knob | None = None
    evidence: str = ""
    """The line of the log it was told by; empty if the run itself said it."""


def diagnose(run: Run, log_tail: str) -> Trouble | None:
    """None for a run that has not failed, or in a way nobody has seen before."""
    if run.status is not RunStatus.FAILED:
        return None
    if tree := _tree_of(run.message):
        return _trouble(tree, run)
    if not _TELLS_NOTHING.search(run.message):
        return None
    for line in reversed(log_tail.splitlines()):  # the last thing that went wrong is what ended it
        if tree := _tree_of(line):
            return _trouble(tree, run, evidence=line.strip()[:300])
    return None


def _tree_of(text: str) -> Tree | None:
    return next((tree for tree in TREES if tree.pattern.search(text)), None)


def _trouble(tree: Tree, run: Run, *, evidence: str = "") -> Trouble:
    return Trouble(tree.name, tree.title, tree.steps(run), tree.knob(run), evidence)
