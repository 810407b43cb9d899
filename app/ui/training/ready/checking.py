"""Check the run that the form describes, and start it once nothing speaks against it that was not read."""

import time
from collections.abc import Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError
from app.domain.preflight import Readiness, Remark
from app.domain.runs import Run, RunId
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.texts import text

_GOOD_SECONDS: Final = 60.0
"""So long a check is good for a start: disks and cards fill up."""


@dataclass(frozen=True)
class Checked:
    """What was found out about a setup, and which one it was."""

    asked: str = ""
    found: Readiness | None = None
    at: float = field(default=0.0, compare=False)


def checked(services: Services, setup: Setup | None) -> Checked:
    """Up to seconds. Never raises for what it finds; the setup may name a session that is gone."""
    if setup is None:
        return Checked()
    asked = setup.model_dump_json()
    try:
        request = services.training.request_of(setup, Path.home())
        found = services.preflight.check(request)
    except StudioError as error:
        found = Readiness((Remark(text("training.ready.data"), "error", error.message, error.hint),))
    return Checked(asked, found, time.monotonic())


def start(
    services: Services,
    setup: Setup | None,
    known: Checked,
    read: Set[str],
    cloned_from: RunId | None = None,
) -> Run | Checked:
    """The run; or what speaks against it and is an error, or a warning whose sentence is not in `read`, or a
    price that is not the one that was seen.

    Raises StudioError.
    """
    if setup is None:
        raise StudioError(text("training.ready.incomplete"), text("training.ready.incomplete_hint"))
    is_good = known.asked == setup.model_dump_json() and time.monotonic() - known.at < _GOOD_SECONDS
    now = known if is_good else checked(services, setup)
    assert now.found is not None
    if now.found.errors or not {remark.message for remark in now.found.warnings} <= read:
        return now
    request = services.training.request_of(setup, Path.home())
    if (plan := now.found.plan) is not None:
        seen = known.found.plan if known.found and known.asked == now.asked else None
        if seen is None or plan.dearest > seen.dearest:
            return now
        request = replace(request, pod=plan.agreed(request.pod))
    services.settings.remember_setup(setup)
    expected = services.previews.expected(request)
    return services.training.start(replace(request, expected=expected, cloned_from=cloned_from))
