"""What the app and its inference process say to each other: one JSON document a line, over two pipes.

Both sides import this file, so it may not import torch. The app ends the process by closing its stdin.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.domain.chat import FinishReason, Sampling, Voice
from app.domain.talkers import Device, Precision

Messages = Sequence[Mapping[str, str]]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> bytes:
        """This document as one line."""
        return self.model_dump_json().encode() + b"\n"


class Load(_Line):
    """Have this model in memory and speak as it. Answered by `Loading`…, then `Ready` or `Error`.

    An adapter whose base model is there already is added to it; any other model takes the place of all.
    """

    kind: Literal["load"] = "load"
    base_model: str
    """Hub name or folder."""
    words: str
    """Hub name or folder of the tokenizer and the chat template."""
    adapter: str = ""
    """Folder of an adapter on the base model; empty for none."""
    base_stamp: int = 0
    adapter_stamp: int = 0
    """Other numbers are other models, though they lie where they lay."""
    precision: Precision = "full"
    device: Device = "auto"


class Generate(_Line):
    """Answer these messages. Answered by `Token`…, then `Done` or `Error`, all with this id."""

    kind: Literal["generate"] = "generate"
    id: int
    messages: Messages
    sampling: Sampling
    voice: Voice = "tuned"


class Cancel(_Line):
    """Stop generation `id`, under way or yet to begin. It is answered by its `Done`, as ever."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Render(_Line):
    """Show what the model reads for these messages, without generating. Answered by `Rendered` or `Error`."""

    kind: Literal["render"] = "render"
    id: int
    messages: Messages


class Loading(_Line):
    kind: Literal["loading"] = "loading"
    message: str


class Ready(_Line):
    kind: Literal["ready"] = "ready"
    device: str
    seconds: float
    memory_bytes: int
    """Of the weights in memory."""
    adapter_effect: float | None = None
    """By how much the adapter changes a logit at most; None without one."""
    meant: Load | None = None
    """What is in memory, where that is not what was asked for: a name of the Hub was an adapter's."""


class Token(_Line):
    """The next piece of the answer; all pieces together are the whole answer."""

    kind: Literal["token"] = "token"
    id: int
    text: str


class Done(_Line):
    kind: Literal["done"] = "done"
    id: int
    prompt_tokens: int
    tokens: int
    seconds: float
    finish_reason: FinishReason


class Rendered(_Line):
    kind: Literal["rendered"] = "rendered"
    id: int
    text: str
    ids: Sequence[int]


class Error(_Line):
    """A request failed. `id` is None for a `Load`. After a `fatal` one the process should be ended: nobody
    foresaw the error, and a graphics card's context may be broken."""

    kind: Literal["error"] = "error"
    id: int | None
    message: str
    hint: str = ""
    fatal: bool = False
    not_taken: bool = False
    """It is the conversation that the model does not take: nothing is wrong with the engine."""


Request = Load | Generate | Cancel | Render
Reply = Loading | Ready | Token | Done | Rendered | Error

_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])
_REPLIES: Final[TypeAdapter[Reply]] = TypeAdapter(Annotated[Reply, Field(discriminator="kind")])


def read_request(line: bytes) -> Request:
    return _REQUESTS.validate_json(line)


def read_reply(line: bytes) -> Reply:
    return _REPLIES.validate_json(line)
