"""A probe without a run: memory at its peak and the time of a step, measured on the longest real rows.

It is the run itself up to its third step, in a folder of its own; nothing is saved, pushed or told to other
programs, and the step taken is thrown away with the process. Imports no training library.
"""

import sys
import threading
from pathlib import Path
from typing import Any, Final

from trainer_image.config import EVENTS_FILE, Logging, RunConfig
from trainer_image.events import EXIT_FINISHED, EXIT_STOPPED, Probed
from trainer_image.problems import bad_config
from trainer_image.reporting import Reporter
from trainer_image.stopping import exit_at_once

STEPS: Final = 3
"""The first, of the longest rows, warms up and tells memory; the others tell the time."""
_NEVER: Final = 10**9


def require_own_folder(run_dir: Path) -> None:
    """Raise RunFailedError if the folder is that of a run, whose record must stay as it is."""
    if (run_dir / EVENTS_FILE).exists():
        raise bad_config(
            "This folder holds a run already, and a probe would write over its record.",
            "Copy its config.json and its data folder into a new folder, and probe there.",
        )


def without_traces(config: RunConfig) -> RunConfig:
    """The config of what only measures: the same memory and the same steps."""
    return config.model_copy(
        update={
            "probe_memory": True,
            "measure_first": False,
            "eval_steps": _NEVER,
            "eval_samples": None,
            "eval_at_epoch": False,
            "load_best": False,
            "samples": 0,
            "early_stopping_patience": None,
            "save_steps": _NEVER,
            "save_at_epoch": False,
            "push": None,
            "logging": Logging(),
        }
    )


def end_with_stdin() -> None:
    """End the process once its standard input closes: whoever asked is gone, and nobody waits for it."""

    def watch() -> None:
        sys.stdin.buffer.read()
        exit_at_once(0)

    threading.Thread(target=watch, name="whoever asked", daemon=True).start()


def end(loop: Any, peak: int, reporter: Reporter, *, is_stopped: bool) -> int:
    """The probe's last words, `peak` being bytes; returns the exit code."""
    if is_stopped:
        reporter.finish("stopped", message="The probe was stopped; nothing was trained.")
        return EXIT_STOPPED
    found = Probed(
        steps=loop.state.global_step,
        total_steps=loop.state.max_steps,
        seconds_per_step=round(loop.clock.seconds_per_step, 4),
        peak=peak,
    )
    reporter.emit(found)
    reporter.say(f"A step takes about {found.seconds_per_step:.3g} s; the run has {found.total_steps}")
    reporter.finish("finished")
    return EXIT_FINISHED
