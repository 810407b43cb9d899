"""What a base model will see of some rows, found out before a run, and what is needed to find it out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from app.domain.errors import StudioError
from app.domain.sessions import SessionId
from trainer_image.config import HubDataset, RunConfig
from trainer_image.judging import Facts
from trainer_image.lengths import Table
from trainer_image.look_protocol import Estimated, Examined, Shown

Progress = Callable[[int], None]
"""Told the number of rows seen so far; may raise `PreviewCancelledError` to stop."""


class PreviewError(StudioError):
    """The rows could not be looked at."""

    is_refusal = False
    """Whether a run with this config would not begin, for the same reason."""


class PreviewCancelledError(StudioError):
    """The person cancelled; what was found out before is kept."""

    def __init__(self) -> None:
        super().__init__("Looking at the rows was cancelled.", "Nothing was changed.")


@dataclass(frozen=True)
class Source:
    """Rows to look at: those of a session, or of a JSONL file."""

    session_id: SessionId | None = None
    file: Path | None = None
    label: str = ""
    row_count: int | None = None
    """None where nobody has counted them yet."""
    version: int | None = field(default=None, compare=False)
    """Of the session."""
    identity: str = field(default="", compare=False)
    """Names the content; empty for a file until it was read."""
    made_of: Path | HubDataset | None = field(default=None, compare=False)
    """What `file` is made of where it is not there yet: converted, or streamed."""

    @property
    def is_part(self) -> bool:
        """Whether there is more than can be looked at: of a dataset on the Hub its first rows are."""
        return isinstance(self.made_of, HubDataset)


@dataclass(frozen=True)
class Survey:
    """What was found out about all rows of a source, or about a sample of them."""

    source: Source
    table: Table = field(compare=False)
    path: Path
    """The file with every row's fate."""
    notices: tuple[str, ...] = ()
    """What is to be said of the chat template, whatever the rows."""
    is_sample: bool = False


@dataclass(frozen=True)
class Fate:
    """What becomes of one row."""

    number: int
    """Place in the source, from 0."""
    line: int
    bucket: str
    reason: str
    length: int | None
    """In tokens; None if it never came to tokens."""


class Looker(Protocol):
    """Sees rows with the trainer's own eyes, in processes of its own. Methods block; raise PreviewError."""

    def problem(self) -> str:
        """Why nothing can be looked at on this computer, as a sentence; empty if it can. Quick."""
        ...

    def open(self, config: RunConfig) -> tuple[str, Sequence[str]]:
        """(a name alike for configs that make the same tokens of a row, notices on the chat template)."""
        ...

    def show(self, config: RunConfig, line: str, *, number: int, start: int, limit: int) -> Shown:
        """One row from its line of JSONL, and so many of its tokens."""
        ...

    def survey(self, config: RunConfig, data: Path, target: Path, progress: Progress, *, apart: bool) -> int:
        """Write what becomes of every row of `data` to `target`; returns the number of rows.

        With `apart` by a process that does nothing else, so that rows can be shown meanwhile. An exception
        from `progress` ends it and leaves nothing behind.
        """
        ...

    def estimate(
        self,
        config: RunConfig,
        *,
        device: Literal["cpu", "cuda"] | None = None,
        rows: int | None = None,
        longest: Sequence[int] | None = None,
    ) -> Estimated:
        """Memory at the peak and sizes on disk, on this device (None: this computer's), for so many rows.

        `longest`: tokens of the longest rows; without them all are as long as may be.
        """
        ...

    def examine(self, config: RunConfig) -> Examined:
        """What can be trained on this computer, and which programs get the run's numbers."""
        ...

    def layers(self, config: RunConfig) -> Sequence[str]:
        """Names of the linear layers of a model whose `config.json` is here."""
        ...

    def close(self) -> None:
        """End the processes; the next question starts them again."""
        ...


class SurveyFiles(Protocol):
    """Reads what a survey found. Methods block."""

    def table(self, path: Path) -> Table: ...

    def facts(self, path: Path, config: RunConfig) -> Facts:
        """What verdicts are made of, for the rows kept under this config."""
        ...

    def fates(self, path: Path, config: RunConfig, bucket: str, *, start: int, limit: int) -> Sequence[Fate]:
        """The rows of one bucket in their order; "trained" has those the split keeps aside, too."""
        ...

    def rows(self, path: Path, bucket: str, numbers: Sequence[int]) -> Sequence[Fate]:
        """These rows, which are known to end in the bucket, in their order."""
        ...

    def kept(self, path: Path, config: RunConfig) -> Sequence[int]:
        """Numbers of the rows to train on, those the split keeps aside among them, in their order."""
        ...

    def make_room(self, folder: Path, *, keep: Path) -> None:
        """Remove the files used longest ago until the rest is small enough."""
        ...


@dataclass(frozen=True)
class Length:
    """What a longest length would mean."""

    max_seq_len: int
    buckets: Mapping[str, int]
    lost_share: float
    cut: int
    is_exact: bool
    tokens: int
    """Of one epoch, without padding."""
    padding: int
    """Tokens of one epoch that only fill rows up."""
    saved_by_packing: int
    """Tokens of one epoch that would do so if rows were not packed."""
    steps: int
    """Of the whole run."""
    steps_of_epoch: int
    epoch_seconds: float | None
    """None where no run has measured how fast this goes."""


def marked(shown: Shown, brackets: tuple[str, str] = ("⟦", "⟧")) -> str:
    """The text of the row with what is learnt in brackets."""
    opening, closing = brackets
    pieces, is_learnt = [], False
    for token in shown.tokens:
        if token.trained != is_learnt:
            pieces.append(opening if token.trained else closing)
            is_learnt = token.trained
        pieces.append(token.text)
    return "".join(pieces) + (closing if is_learnt else "")
