"""The model in memory behind an address of this computer, as other programs know it from OpenAI."""

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from app.domain.chat import AnswerFacts, Sampling
from app.domain.errors import StudioError
from app.domain.sessions import Message

HOST: Final = "127.0.0.1"
_ROLES: Final = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_NOT_DONE: Final = (
    "tools", "functions", "response_format", "logprobs", "logit_bias", "frequency_penalty",
    "presence_penalty",
)  # fmt: skip
_LONGEST_ANSWER: Final = 100_000


class ApiError(StudioError):
    """A request that is refused, with the status and the code its sender is told."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Served:
    """Where it is served."""

    address: str
    """Base URL as clients want it, ending in /v1."""
    token: str = field(repr=False)
    model: str

    def admits(self, authorization: str) -> bool:
        """Whether the header of a request carries the token."""
        kind, _, given = authorization.partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self.token.encode())


@dataclass(frozen=True)
class Asked:
    """A request for an answer."""

    messages: Sequence[Message]
    sampling: Sampling
    is_streamed: bool
    wants_usage: bool


class ApiAnswer(Protocol):
    """One answer, from the wait for its turn on."""

    def pieces(self) -> Iterator[str]:
        """Waits for its turn. Raises EngineError."""
        ...

    def cancel(self) -> None:
        """Nobody listens any more: it ends, wherever it is. Called from another thread."""
        ...


class ApiBackend(Protocol):
    """What answers the requests. Called from several threads."""

    @property
    def served(self) -> Served: ...

    @property
    def defaults(self) -> Sampling: ...

    def answer(self, asked: Asked, told: Callable[[AnswerFacts], None]) -> ApiAnswer:
        """`told` hears how it went."""
        ...


class ApiServer(Protocol):
    """Listens on the loopback interface of this computer only."""

    def start(self, backend: Callable[[int], ApiBackend], port: int | None) -> ApiBackend:
        """Listen on `port`, or a free one; `backend` is made of the one taken. Raises StudioError."""
        ...

    def stop(self) -> None:
        """Listen no longer; requests under way are cut off."""
        ...


def read_request(body: Mapping[str, Any], model: str, defaults: Sampling) -> Asked:
    """Raises ApiError with what is wrong: nothing that is asked for is passed over in silence."""
    if not isinstance(body, Mapping):
        raise ApiError(400, "invalid_request", "The request is no JSON object.")
    if (wanted := body.get("model")) not in (None, "", model):
        raise ApiError(404, "model_not_found", f"The model served here is '{model}', not '{wanted}'.")
    for name in _NOT_DONE:
        if body.get(name) not in (None, False, 0, [], {}, {"type": "text"}):
            raise ApiError(400, "unsupported", f"'{name}' is not supported here.")
    if body.get("n") not in (None, 1):
        raise ApiError(400, "unsupported", "One answer at a time: 'n' must be 1.")
    options = body.get("stream_options") or {}
    return Asked(
        _messages(body.get("messages")),
        _sampling(body, defaults),
        is_streamed=bool(body.get("stream")),
        wants_usage=isinstance(options, Mapping) and bool(options.get("include_usage")),
    )


def _messages(found: Any) -> list[Message]:
    if not isinstance(found, list) or not found:
        raise ApiError(400, "invalid_request", "'messages' must be a list with at least one message.")
    return [_message(at, one) for at, one in enumerate(found)]


def _message(at: int, one: Any) -> Message:
    role = _ROLES.get(str(one.get("role"))) if isinstance(one, Mapping) else None
    if role is None:
        raise ApiError(400, "invalid_request", f"Message {at} has no role of {', '.join(_ROLES)}.")
    content = one.get("content")
    if isinstance(content, list):
        if any(not isinstance(p, Mapping) or p.get("type") != "text" for p in content):
            raise ApiError(400, "unsupported", f"Message {at} has parts that are no text.")
        content = "".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str):
        raise ApiError(400, "invalid_request", f"Message {at} has no text.")
    return {"role": role, "content": content}


def _sampling(body: Mapping[str, Any], defaults: Sampling) -> Sampling:
    longest = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    changes: dict[str, Any] = {
        "temperature": _number(body, "temperature", 0, 5),
        "top_p": _number(body, "top_p", 0, 1),
        "top_k": _whole(body, "top_k", 0, 1_000_000),
        "min_p": _number(body, "min_p", 0, 1),
        "repetition_penalty": _number(body, "repetition_penalty", 0.01, 10),
        "max_new_tokens": _whole(body, longest, 1, _LONGEST_ANSWER),
        "seed": _whole(body, "seed", 0, 2**63 - 1),
        "stop": _stops(body.get("stop")),
    }
    return replace(defaults, **{name: value for name, value in changes.items() if value is not None})


def _stops(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or any(not isinstance(text, str) for text in texts):
        raise ApiError(400, "invalid_request", "'stop' is a text or a list of texts.")
    return tuple(texts)


def _number(body: Mapping[str, Any], name: str, least: float, most: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ApiError(400, "invalid_request", f"'{name}' is a number from {least:g} to {most:g}.")
    return float(value)


def _whole(body: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ApiError(400, "invalid_request", f"'{name}' is a whole number from {least} to {most}.")
    return value
