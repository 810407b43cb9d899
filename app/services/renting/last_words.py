"""What a pod's log at Runpod says of its training's end, for when the pod itself says nothing any more."""

import json
import threading
from typing import Final

from app.domain.errors import TargetError
from app.domain.rentals import Rental
from app.domain.runpod_ports import RunpodCloud

MARKER: Final = "@@studio "
_TAIL: Final = 200
_SECONDS: Final = 3.0
"""The log never ends by itself."""


def exit_code_in_log(cloud: RunpodCloud, rental: Rental) -> int | None:
    """How it ended, if the newest lines say so. Asks the log once, for a few seconds."""
    try:
        stream = cloud.log(rental.pod_id, tail=_TAIL, source="container")
    except TargetError:
        return None
    found: int | None = None
    enough = threading.Timer(_SECONDS, stream.close)
    enough.daemon = True
    enough.start()
    try:
        for number, line in enumerate(stream, start=1):
            told = _exit(line.text)
            found = told if told is not None else found
            if number >= _TAIL:
                break
    except TargetError:
        return found
    finally:
        enough.cancel()
        stream.close()
    return found


def _exit(line: str) -> int | None:
    if not line.startswith(MARKER):
        return None
    try:
        told = json.loads(line.removeprefix(MARKER))
        return int(told["code"]) if told.get("event") == "exit" else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
