"""Where runs execute. Light: the command line is parsed before anything heavy is imported."""

from enum import StrEnum
from typing import Final

TRAINER_IMAGE: Final = "tunewright-trainer:cuda"


class Target(StrEnum):
    """A place that computes."""

    LOCAL = "local"
    DOCKER = "docker"
    RUNPOD = "runpod"
    HF_JOBS = "hf-jobs"

    @property
    def label(self) -> str:
        return {
            Target.LOCAL: "This computer (no Docker)",
            Target.DOCKER: "Local (Docker)",
            Target.RUNPOD: "Runpod - Pod",
            Target.HF_JOBS: "Hugging Face Jobs",
        }[self]

    @property
    def short(self) -> str:
        """For lists, where there is little room."""
        return {
            Target.LOCAL: "here",
            Target.DOCKER: "Docker",
            Target.RUNPOD: "Runpod",
            Target.HF_JOBS: "HF Jobs",
        }[self]

    @property
    def is_by_script(self) -> bool:
        """Whether the app writes a script that a person starts, and starts nothing itself."""
        return self is Target.HF_JOBS

    @property
    def needs_network(self) -> bool:
        """Whether it lies elsewhere, so that offline mode rules it out."""
        return self not in _ON_THIS_COMPUTER


_ON_THIS_COMPUTER = frozenset({Target.LOCAL, Target.DOCKER})

LAUNCHED: Final = tuple(target for target in Target if not target.is_by_script)
"""Where the app itself starts runs."""
