"""The command lines that do what the form would."""

import shlex
from collections.abc import Sequence
from typing import Final

from trainer_image.config import Distributed, RunConfig

_MEETING: Final = ("nproc_per_node", "nnodes", "rdzv_id", "rdzv_endpoint", "master_addr", "master_port")
_MOST_NODES: Final = 64
"""More lines are nobody's to copy by hand."""


def command_of_saved(name: str) -> str:
    """Starts a run from a saved setup, in the terminal, and watches it."""
    return f"tunewright train {_option('--setup', name)} --follow"


def command_of_recipe(name: str) -> str:
    """Starts a run from a recipe, on the data it names, and watches it."""
    return f"tunewright train {_option('--recipe', name)} --follow"


def _option(option: str, value: str) -> str:
    """What begins with a dash would be taken for an option of its own."""
    return f"{option}{'=' if value.startswith('-') else ' '}{shlex.quote(value)}"


def trainers_command(folder: str) -> str:
    """What the app itself lets run, once the folder of the run is made."""
    return f"python -m trainer_image.train --run-dir {shlex.quote(folder)}"


def commands_of_nodes(config: RunConfig, folder: str) -> Sequence[str]:
    """One line for each of the computers that train together, in the order of their ranks; none for one.

    What they have in common stands in the run's config too, which all of them read; it is repeated so that
    each line says what it does. A rank in the config would win over the line's own.
    """
    asked = config.distributed
    if not (asked.nnodes and 1 < asked.nnodes <= _MOST_NODES):
        return ()
    common = [
        f"PET_{name.upper()}={shlex.quote(_said(asked, name))}" for name in _MEETING if _said(asked, name)
    ]
    return [
        " ".join([f"PET_NODE_RANK={rank}", *common, trainers_command(folder)]) for rank in range(asked.nnodes)
    ]


def _said(asked: Distributed, name: str) -> str:
    value = getattr(asked, name)
    return "" if value is None else str(value)
