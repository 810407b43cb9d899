"""Auto Set in the terminal: every value with its reason."""

from dataclasses import replace
from typing import Any, Final

from app.cli.output import Output
from app.domain.auto_reasons import AutoSet
from app.domain.decimals import plain
from app.domain.errors import StudioError
from app.domain.runs import RunRequest
from app.services.everything import Services

_OFF_AND_ON: Final = {"": "no", "4": "4 bits", "8": "8 bits", False: "no", True: "yes", None: "no limit"}


def automatic(services: Services, request: RunRequest, output: Output) -> RunRequest:
    """The request with what fits, after saying why. Raises StudioError if nothing does."""
    answer = services.auto.settings_for(request)
    if not answer.choices:
        raise StudioError(answer.problem, answer.advice)
    output.give({"type": "auto", "choices": answer.choices, "notes": answer.notes})
    _say(answer, output)
    return replace(request, config=answer.applied_to(request.config))


def _say(answer: AutoSet, output: Output) -> None:
    output.say("Auto Set:")
    width = max(len(choice.name) for choice in answer.choices)
    for choice in answer.choices:
        output.say(f"  {choice.name.ljust(width)}  {_shown(choice.value)}  ({choice.why})")
    for note in answer.notes:
        output.say(f"  ! {note}")


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str | bool):
        return _OFF_AND_ON[value]
    return plain(value) if isinstance(value, float) else f"{value:,}"
