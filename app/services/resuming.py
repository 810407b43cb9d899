"""Whether, and from where, a run can go on."""

from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.errors import StudioError
from app.domain.renting import PodOptions
from app.domain.runs import DockerOptions, Run, RunStatus, Target
from app.services.checkpoints import SavedState, newest_whole, saved_states
from trainer_image.config import CHECKPOINTS_DIR


@dataclass(frozen=True)
class Place:
    """Where a run is to go on."""

    target: Target
    docker: DockerOptions
    pod: PodOptions

    @classmethod
    def of(
        cls, run: Run, target: Target | None, docker: DockerOptions | None, pod: PodOptions | None
    ) -> "Place":
        """Raises StudioError where a pod would be ordered that nobody said yes to."""
        place = cls(target or run.target, docker or run.docker, pod or run.pod)
        if place.target is Target.RUNPOD and pod is None:
            raise StudioError(
                "Nothing was ordered: it costs money.", "Look at the price first, and agree to it."
            )
        return place

    def applied(self, run: Run) -> Run:
        return replace(run, target=self.target, docker=self.docker, pod=self.pod)


def never_began(run: Run) -> bool:
    """Whether a run ended before anything of it ran anywhere."""
    return run.status is RunStatus.FAILED and run.started_at is None and run.checkpoint is None


def checkpoint_of(run: Run, name: str) -> SavedState:
    """Raise StudioError if it isn't whole."""
    found = next((state for state in saved_states(run) if state.name == name), None)
    reason = "there is no whole checkpoint of that name" if found is None else found.blocked
    if found is None or reason:
        raise StudioError(
            f"This run cannot be resumed from {name[:100]}: {reason}.", "Choose another checkpoint."
        )
    return found


@dataclass(frozen=True)
class Ground:
    """The checkpoint that a run goes on from."""

    state: SavedState
    lost: str = ""
    """The newer one the run told of, which is damaged or gone; empty if there is none."""


def ground_of(run: Run) -> Ground | None:
    """None if no checkpoint is whole."""
    found = newest_whole(run.folder)
    if found is None:
        return None
    told = Path(run.checkpoint).name if run.checkpoint else found.name
    is_there = any(state.name == told and not state.blocked for state in saved_states(run))
    return Ground(found, "" if is_there else told)


def begins_at(run: Run, checkpoint: str = "") -> int:
    """The step it goes on from, by that checkpoint or its newest whole one; 0 where it begins again."""
    named = next((state.step for state in saved_states(run) if state.name == checkpoint), None)
    if named is not None:
        return named
    ground = ground_of(run)
    return ground.state.step if ground else 0


def on_ground(run: Run) -> Run:
    """With what is whole in the place of a checkpoint that is damaged or gone."""
    ground = ground_of(run)
    if ground is None or not ground.lost:
        return run
    return replace(run, checkpoint=f"{CHECKPOINTS_DIR}/{ground.state.name}")


def resume_blocked(run: Run, *, extend: bool) -> str:
    """Why a run cannot be resumed (with `extend`: for another length), in half a sentence; empty if it
    can: its newest checkpoint may be damaged or gone, as long as an older one is whole."""
    if run.is_imported:
        return "another trainer made it"
    if not run.status.is_final:
        return "it is still going"
    if run.status is RunStatus.FINISHED and not extend:
        return "it has finished"
    if run.checkpoint is None:
        return "it ended before its first checkpoint"
    if not run.config.save_full_state:
        return "its checkpoints hold the weights only"
    return "" if newest_whole(run.folder) else _nothing_whole(run)


def _nothing_whole(run: Run) -> str:
    damage = next((state.blocked for state in saved_states(run) if state.blocked), "")
    return f"no checkpoint of it is whole: {damage}" if damage else "its checkpoint is no longer on disk"
