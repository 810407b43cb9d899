"""What was started before offline mode was switched on, goes on, and may use the network: said of each."""

from dataclasses import dataclass

from app.domain.runs import Run, RunId, RunStatus


@dataclass(frozen=True)
class StillOnline:
    """One thing that is under way."""

    said: str
    """What it is and what it does, as a sentence."""
    run_id: RunId | None = None
    """Of a run that can be stopped from here."""
    name: str = ""
    """Of that run."""
    saves: bool = True
    """Whether it may save a checkpoint before it stops: one that sends each checkpoint may not."""
    hint: str = ""
    """What to do about it, where stopping it from here is not it."""


def of_run(run: Run) -> StillOnline | None:
    """None if it does not go on, or was started offline."""
    if run.status not in (RunStatus.STARTING, RunStatus.RUNNING):
        return None
    if run.target.needs_network:
        return StillOnline(
            f"{run.name} goes on at {run.target.label} and costs money until its deadline.",
            hint="Only online can it be looked at, fetched from or stopped.",
        )
    if run.config.offline:
        return None
    does = " and ".join(_sends(run)) or "may use the network"
    push = run.config.push
    return StillOnline(
        f"{run.name} was started online and {does}.",
        run.id,
        run.name,
        saves=not (push and push.every_save),
    )


def _sends(run: Run) -> list[str]:
    """What its settings say. What the environment turns on is known to the run only."""
    push, log = run.config.push, run.config.logging
    sends = []
    if push is not None:
        what = "each checkpoint and its result" if push.every_save else "its result"
        sends.append(f"sends {what} to {push.repo_id} on the Hugging Face Hub")
    if log.wandb_project or log.wandb_entity:
        sends.append("sends its numbers to Weights & Biases")
    if log.trackio_space_id:
        sends.append(f"sends its numbers to the Space {log.trackio_space_id}")
    if log.mlflow_tracking_uri and log.mlflow_tracking_uri.startswith("http"):
        sends.append("sends its numbers to an MLflow server")
    return sends
