"""Whether, and from where, a run can go on."""

from dataclasses import dataclass, replace

from app.domain.errors import StudioError
from app.domain.renting import PodOptions
from app.domain.runs import DockerOptions, Run, RunStatus, Target
from app.services.checkpoints import SavedState, saved_states


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


def resume_blocked(run: Run, *, extend: bool) -> str:
    """Why a run cannot be resumed (with `extend`: for another length), in half a sentence; empty if it
    can."""
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
    if not (run.folder / run.checkpoint).is_dir():
        return "its checkpoint is no longer on disk"
    return ""
