"""Whether, and from where, a run can go on."""

from app.domain.errors import StudioError
from app.domain.runs import Run, RunStatus
from app.services.checkpoints import SavedState, saved_states


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
