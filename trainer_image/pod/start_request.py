"""What the app says when a training is to begin."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from trainer_image.pod.refusals import Refusal


@dataclass(frozen=True, repr=False)
class StartRequest:
    """Without a repr: it holds secrets."""

    attempt: int
    config: Mapping[str, Any]
    resume: bool
    extend: bool
    resume_from: str
    secrets: Mapping[str, str]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Raises Refusal, which never says what stood there."""
        request = cls(
            attempt=_taken(body, "attempt", int, 0),
            config=_taken(body, "config", dict, {}),
            resume=_taken(body, "resume", bool, False),
            extend=_taken(body, "extend", bool, False),
            resume_from=_taken(body, "resume_from", str, ""),
            secrets=_taken(body, "secrets", dict, {}),
        )
        if request.attempt < 1 or not request.config:
            raise _refused("attempt (from 1 on) and config must be given")
        if not all(_is_variable(name, value) for name, value in request.secrets.items()):
            raise _refused("secrets must be variables and their values")
        config = json.dumps(request.config, ensure_ascii=False)
        if any(value and value in config for value in request.secrets.values()):
            raise _refused("a secret stands in the config, which is kept on disk")
        if request.resume_from.startswith("-"):
            raise _refused("resume_from must be the name of a checkpoint")
        return request

    @property
    def options(self) -> tuple[str, ...]:
        named = ("--resume-from", self.resume_from) if self.resume_from else ()
        return (*["--resume"] * self.resume, *["--extend"] * self.extend, *named)


def _taken(body: Mapping[str, Any], name: str, kind: type, otherwise: Any) -> Any:
    value = body.get(name, otherwise)
    if type(value) is not kind:
        raise _refused(f"{name} is not of its type")
    return value


def _is_variable(name: object, value: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and isinstance(value, str) and "\0" not in value


def _refused(what: str) -> Refusal:
    return Refusal(422, "bad_start", f"The start is not as agreed: {what}.")
