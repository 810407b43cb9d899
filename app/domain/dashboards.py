"""Where the curves of a run can be seen besides here: a page to open, or a command that shows them."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer_image.config import RunConfig


@dataclass(frozen=True)
class Dashboard:
    """One of `page` and `command` is empty."""

    label: str
    page: str = ""
    command: str = ""


def dashboards(config: RunConfig, run_dir: Path) -> Iterator[Dashboard]:
    """Of the loggers that the config names; what the environment turns on is known to the run only."""
    log = config.logging
    if log.trackio_space_id and not config.offline:
        yield Dashboard("Trackio", page=f"https://huggingface.co/spaces/{log.trackio_space_id}")
    elif log.trackio_project or log.trackio_space_id:
        yield Dashboard(
            "Trackio", command=f"trackio show --project {shlex.quote(log.trackio_project or 'tunewright')}"
        )
    if log.wandb_project and log.wandb_entity and not config.offline:
        yield Dashboard("Weights & Biases", page=f"https://wandb.ai/{log.wandb_entity}/{log.wandb_project}")
    if log.mlflow_tracking_uri and log.mlflow_tracking_uri.startswith("http"):
        yield Dashboard("MLflow", page=log.mlflow_tracking_uri)
    if log.tensorboard_log_dir:
        folder = run_dir / Path(log.tensorboard_log_dir).expanduser()
        yield Dashboard("TensorBoard", command=f"tensorboard --logdir {shlex.quote(str(folder))}")
