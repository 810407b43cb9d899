"""What is said to `look.py` and what it answers: one JSON document a line, over its stdin and stdout.

Both sides import this file, so it imports only the standard library, pydantic and the config. Requests are
answered in order; closing stdin, or a kill, ends the program at any moment.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from trainer_image.config import Logging, RunConfig

Role = Literal["", "begin", "end", "end_of_turn", "special"]
"""What a special token stands for; empty for text."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> bytes:
        return self.model_dump_json().encode() + b"\n"


class Open(_Line):
    """Look with the eyes of this run from here on. Answered by `Opened` or `Failed`."""

    kind: Literal["open"] = "open"
    config: RunConfig


class Survey(_Line):
    """Find out what becomes of every row of a JSONL file, and write it to the file `target`.

    Answered by `Progress`…, then `Surveyed` or `Failed`; `target` appears whole or not at all.
    """

    kind: Literal["survey"] = "survey"
    data: str
    target: str


class Show(_Line):
    """One row as the model sees it, from its line of JSONL. Answered by `Shown` or `Failed`."""

    kind: Literal["show"] = "show"
    line: str
    number: int = 1
    start: int = 0
    """First token wanted, from 0."""
    limit: int = 2000
    """Most tokens wanted."""


class Estimate(_Line):
    """What the run takes with this config. Answered by `Estimated` or `Failed`."""

    kind: Literal["estimate"] = "estimate"
    config: RunConfig
    device: Literal["cpu", "cuda"] | None = None
    """What it will compute on; None for what this computer seems to have."""
    rows: int | None = None
    """Rows to train on, for the cautions; None if nobody knows, and then there are none."""
    longest: tuple[int, ...] | None = None
    """Tokens of the longest rows, as many as are behind a step; None: each is as long as may be."""


class Examine(_Line):
    """What can be trained here, and who gets a run's numbers. Answered by `Examined` or `Failed`."""

    kind: Literal["examine"] = "examine"
    logging: Logging


class Layers(_Line):
    """Which linear layers the config's model has.

    Answered by `LayersFound` or `Failed`. Needs the model's `config.json` on this computer, nothing else.
    """

    kind: Literal["layers"] = "layers"
    config: RunConfig


class LayersFound(_Line):
    kind: Literal["layers_found"] = "layers_found"
    names: list[str]
    """All but the output layer."""


class Opened(_Line):
    kind: Literal["opened"] = "opened"
    name: str
    """Alike for configs that make the same tokens of the same row."""
    notices: list[str]
    """What is to be said of the chat template, whatever the rows."""


class Progress(_Line):
    kind: Literal["progress"] = "progress"
    rows: int


class Surveyed(_Line):
    kind: Literal["surveyed"] = "surveyed"
    rows: int


class ShownToken(_Line):
    id: int
    text: str
    """Its part of the text; empty for what only continues the character before it."""
    trained: bool
    role: Role = ""


class Shown(_Line):
    kind: Literal["shown"] = "shown"
    bucket: str = ""
    """Where the row goes if it is left out; empty if it is kept. Of other rows nothing is known here."""
    reason: str = ""
    count: int = 0
    """All its tokens, those that are cut off among them."""
    trained: int = 0
    kept: int = 0
    """Tokens before the cut; 0 if the row is left out."""
    start: int = 0
    tokens: list[ShownToken] = []
    findings: list[str] = []
    """What the template does to this row, and what is wrong with its tokens; each a sentence."""


class Directions(_Line):
    """A kind of matrix OSFT factorises: `copies` of `[rows, columns]`, and how many directions learn."""

    name: str
    rows: int
    columns: int
    copies: int
    trained: int
    rank: int


class Estimated(_Line):
    kind: Literal["estimated"] = "estimated"
    device: Literal["cpu", "cuda"]
    low: int
    expected: int
    high: int
    known_model: bool
    rows_at_once: int = 0
    longest_row: int = 0
    corrected_by: float | None = None
    runs_known: int = 0
    """Earlier runs like it whose measured memory corrected the estimate."""
    parameters: int = 0
    trained_parameters: int = 0
    checkpoint_bytes: int = 0
    result_bytes: int = 0
    suggested_gpu: str | None = None
    directions: tuple[Directions, ...] = ()
    """With OSFT, of every kind of matrix it factorises."""
    cautions: tuple[str, ...] = ()
    """Settings that work and are seldom wise."""


_Group = Literal["methods", "backends", "several_gpus"]
_ABILITY_GROUPS: Final[tuple[_Group, ...]] = ("methods", "backends", "several_gpus")


class Ability(_Line):
    """A method, a backend or a way to use several GPUs, and why it cannot be had here if it cannot."""

    name: str
    group: _Group
    why_not: str = ""


def abilities_in(found: Mapping[str, Any]) -> tuple[Ability, ...]:
    """Those in what `train.py --doctor` prints."""
    return tuple(
        Ability(name=name, group=group, why_not=verdict["why_not"])
        for group in _ABILITY_GROUPS
        for name, verdict in found[group].items()
    )


class LoggerAsked(_Line):
    """A program that is to get the numbers of a run."""

    program: str
    """Its package: tensorboard, trackio, wandb or mlflow."""
    label: str
    origin: str
    """"the config", or the environment variable that asks for it."""
    is_installed: bool


class Examined(_Line):
    kind: Literal["examined"] = "examined"
    abilities: tuple[Ability, ...]
    loggers: tuple[LoggerAsked, ...]


class Failed(_Line):
    kind: Literal["failed"] = "failed"
    message: str
    hint: str = ""
    is_refusal: bool = False
    """Whether a run with this config would not begin, for the same reason."""


Request = Open | Survey | Show | Estimate | Examine | Layers
Reply = Opened | Progress | Surveyed | Shown | Estimated | Examined | LayersFound | Failed

_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])
_REPLIES: Final[TypeAdapter[Reply]] = TypeAdapter(Annotated[Reply, Field(discriminator="kind")])


def read_request(line: bytes) -> Request:
    return _REQUESTS.validate_json(line)


def read_reply(line: bytes) -> Reply:
    return _REPLIES.validate_json(line)
