"""Where runs execute. Light: the command line is parsed before anything heavy is imported."""

from enum import StrEnum
from typing import Final

TRAINER_IMAGE: Final = "tunewright-trainer:cuda"


class Target(StrEnum):
    """A place that computes."""

    LOCAL = "local"
    DOCKER = "docker"
    RUNPOD = "runpod"

    @property
    def label(self) -> str:
        return {
            Target.LOCAL: "This computer (no Docker)",
            Target.DOCKER: "Local (Docker)",
            Target.RUNPOD: "Runpod - Pod",
        }[self]

    @property
    def needs_network(self) -> bool:
        """Whether it lies elsewhere, so that offline mode rules it out."""
        return self not in _ON_THIS_COMPUTER


_ON_THIS_COMPUTER = frozenset({Target.LOCAL, Target.DOCKER})
