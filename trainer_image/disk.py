"""Whether the disk will hold what a run writes, asked before anything is computed."""

import shutil
from pathlib import Path

from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter


def require_space(run_dir: Path, checkpoint: int, result: int, *, keep: int, reporter: Reporter) -> None:
    """Say what will be written; raise RunFailedError if not even one checkpoint fits, warn if not all do.

    Sizes in bytes, as predicted from the model's config. While one is written its predecessors are still
    there, so one more than `keep` must fit.
    """
    free = shutil.disk_usage(run_dir).free
    if checkpoint > free:
        raise RunFailedError(
            f"A checkpoint of this run takes about {_gb(checkpoint)}, and {_gb(free)} are free on the disk.",
            "Free some space, move the app's data to another disk, train an adapter instead of all weights, "
            "or turn 'save_full_state' off.",
        )
    needed = checkpoint * (keep + 1) + result
    if checkpoint and needed <= free:
        reporter.notice(
            f"Disk: about {_gb(checkpoint)} for each checkpoint, at most {_gb(needed)} with the result; "
            f"{_gb(free)} are free."
        )
    elif checkpoint:
        reporter.notice(
            f"The disk may become full: checkpoints and result take about {_gb(needed)}, and {_gb(free)} are "
            f"free. Keep fewer checkpoints than {keep}, or free some space.",
            level="warning",
        )


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
