"""What the app asks before a run: what it would take, what can be trained here, who gets its numbers.

Imports no training library; torch is loaded only where there seems to be an NVIDIA GPU, to ask it.
"""

import functools
import os
from pathlib import Path

from trainer_image import doctor, engines, machine, sinks
from trainer_image.cautions import cautions
from trainer_image.config import Logging
from trainer_image.estimating import estimate_run
from trainer_image.look_protocol import Ability, Estimate, Estimated, Examined, LoggerAsked, abilities_in


def estimated(asked: Estimate, place: Path) -> Estimated:
    """Raises RunFailedError if the model's sizes cannot be had."""
    config = asked.config
    device = asked.device or machine.likely_device()
    found = estimate_run(place, config, device=device, lengths=asked.longest)
    warned = (
        cautions(config, rows=asked.rows, parameters=found["parameters"], engine=engines.likely(config))
        if asked.rows is not None
        else []
    )
    known = {name: value for name, value in found.items() if name in Estimated.model_fields}
    return Estimated.model_validate({**known, "cautions": warned})


def examined(logging: Logging) -> Examined:
    loggers = tuple(
        LoggerAsked(
            program=want.kind,
            label=sinks.label(want.kind),
            origin=want.origin,
            is_installed=machine.is_installed(want.kind),
        )
        for want in sinks.resolve(logging, os.environ)
    )
    return Examined(abilities=_abilities(), loggers=loggers)


@functools.cache
def _abilities() -> tuple[Ability, ...]:
    """Asked once in the life of a process: packages do not come while it runs, and torch takes seconds."""
    return abilities_in(doctor.examine())
