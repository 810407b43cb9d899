"""Where a run comes from, and what would miss it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.runs import Run


def continued_from(run: Run, runs: Sequence[Run]) -> Run | None:
    """The other run whose result or checkpoint this one trains on; None if its base is no run's."""
    base = Path(run.config.base_model)
    if not base.is_absolute():
        return None
    return next((r for r in runs if r.id != run.id and base.is_relative_to(r.folder)), None)


def describe(run: Run, runs: Sequence[Run]) -> str:
    """Its lineage in half a sentence; empty if it has none."""
    parent = continued_from(run, runs)
    origin = next((r for r in runs if r.id == run.cloned_from), None)
    parts = [
        f"continued from {parent.name}" if parent else "",
        f"cloned from {origin.name}" if origin else "cloned from a deleted run" if run.cloned_from else "",
        f"imported from {run.origin}" if run.is_imported else "",
        f"attempt {run.attempt}" if run.attempt > 1 else "",
    ]
    return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Dependents:
    """What would miss a run if it were deleted."""

    continued: tuple[str, ...] = ()
    """Names of runs whose base model lies in its folder."""
    chats: int = 0
    """Answers it gave, which are forgotten with it."""
    sharing: tuple[str, ...] = ()
    """Names of runs whose folder is the same, inside it, or around it."""

    def sentences(self) -> list[str]:
        found = []
        if self.continued:
            found.append(f"Its files are the base model of {_and(self.continued)}.")
        if self.sharing:
            found.append(f"Its folder is shared with {_and(self.sharing)}.")
        if self.chats:
            found.append(
                f"{self.chats} {'answer' if self.chats == 1 else 'answers'} of its chats go with it."
            )
        return found


def dependents(run: Run, runs: Sequence[Run], chats: int) -> Dependents:
    others = [other for other in runs if other.id != run.id]
    continued = tuple(o.name for o in others if Path(o.config.base_model).is_relative_to(run.folder))
    sharing = tuple(
        o.name for o in others if o.folder.is_relative_to(run.folder) or run.folder.is_relative_to(o.folder)
    )
    return Dependents(continued, chats, sharing)


def _and(names: Sequence[str]) -> str:
    few = list(names[:3]) + ([f"{len(names) - 3} more"] if len(names) > 3 else [])
    return few[0] if len(few) == 1 else f"{', '.join(few[:-1])} and {few[-1]}"
