"""Merges: what goes in and by which rules, and what became of every single row.

Every row that goes in has exactly one fate. A row that is removed for one reason is not looked at for the
next: refused, leaked, duplicate, conflict, near duplicate, capped, left over, in this order.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NewType

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.domain.errors import StudioError
from app.domain.hub import hub_label
from app.domain.mapping import ColumnMapping, MappingError
from app.domain.sessions import SessionRow

MergeId = NewType("MergeId", str)

RECIPE_VERSION: Final = 1
MOST_NAME_LETTERS: Final = 200


class MergeError(StudioError):
    """A merge that cannot be done; nothing was written."""


class UnknownMergeError(StudioError):
    """There is no such saved merge."""


class MergeCancelledError(StudioError):
    """The person cancelled; nothing was written."""

    def __init__(self) -> None:
        super().__init__("The merge was cancelled.", "Nothing was written.")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MergeSource(_Frozen):
    """Where rows come from, and how much of it is taken."""

    session: str | None = Field(None, description="Name or id of a collected session.")
    file: Path | None = Field(None, description="A file of rows; relative to the recipe's own file.")
    hub: str | None = Field(None, description="Dataset repository on the Hugging Face Hub.")
    split: str = Field("train", min_length=1, description="With `hub`: which split.")
    subset: str | None = Field(None, description="With `hub`: configuration of the dataset.")
    weight: float = Field(
        1.0, gt=0, le=1_000_000, allow_inf_nan=False, description="Share of the mix when interleaving."
    )
    cap: int | None = Field(None, ge=1, description="Most rows that are taken of it.")
    share: float | None = Field(None, gt=0, le=1, description="Part of its rows that is taken, from 0 to 1.")
    columns: dict[str, Any] | None = Field(
        None,
        description="Column mapping of a file or a Hub dataset: its `kind`, and `columns` by their part.",
    )

    @field_validator("session", "file", "hub", mode="before")
    @classmethod
    def _is_named(cls, place: object) -> object:
        """An empty path would be the folder of the recipe, with all that lies in it."""
        if isinstance(place, str) and not place.strip():
            raise ValueError("a source needs a name")
        return place

    @model_validator(mode="after")
    def _one_place(self) -> "MergeSource":
        if sum(place is not None for place in (self.session, self.file, self.hub)) != 1:
            raise ValueError("a source is one of: session, file, hub")
        if self.columns:
            if self.session is not None:
                raise ValueError("a session's rows are made: only columns of a file or a hub can be mapped")
            _check_columns(self.columns)
        return self

    @property
    def label(self) -> str:
        """What people call it."""
        if self.hub:
            return hub_label(self.hub, self.split, self.subset)
        return self.session or (self.file.name if self.file else "")

    def limit(self, rows: int) -> int:
        """How many of `rows` are taken."""
        part = rows if self.share is None else math.ceil(rows * self.share)
        return part if self.cap is None else min(part, self.cap)


def _check_columns(columns: dict[str, Any]) -> None:
    try:
        mapping = ColumnMapping.from_record(columns)
    except MappingError as error:
        raise ValueError(str(error)) from error
    if mapping.missing:
        raise ValueError(f"rows of {mapping.kind.label} need a column for: {', '.join(mapping.missing)}")


SystemPolicy = Literal["keep", "text", "first", "remove"]
ConflictPolicy = Literal["off", "keep", "first", "drop"]


class MergeRecipe(_Frozen):
    """Everything that decides the result: same rows in, same recipe, same rows out."""

    recipe_version: Literal[1] = RECIPE_VERSION
    name: str = Field("Merged", min_length=1, max_length=MOST_NAME_LETTERS, description="Name of the result.")
    sources: Annotated[tuple[MergeSource, ...], Field(min_length=1)]
    how: Literal["concatenate", "interleave"] = Field(
        "concatenate", description="One source after the other, or rows of all in turn by their weights."
    )
    until: Literal["first", "all"] = Field(
        "all", description="Interleaving ends when the first source has no more rows, or when none has."
    )
    shuffle: bool = Field(
        False, description="Concatenate: shuffle the whole. Interleave: shuffle within each source."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Same seed, same order.")
    system: SystemPolicy = Field(
        "keep", description="System prompts: kept, one text for all, the first source's for all, or removed."
    )
    system_text: str = Field("", description="With `system` text: that text.")
    exact_duplicates: bool = Field(True, description="Keep one copy of equal rows, by order of sources.")
    near_duplicates: bool = Field(False, description="Keep one of rows that are almost equal.")
    similarity: float = Field(
        0.8, ge=0.5, le=1, description="From which share of common word triples rows are almost equal."
    )
    conflicts: ConflictPolicy = Field(
        "keep", description="Same prompt, other answer: not looked for, reported, first kept, all dropped."
    )
    held_out: str | None = Field(
        None, description="Session kept for measuring: rows with its questions are left out."
    )
    near_leaks: bool = Field(False, description="Leave out also what is almost equal to a held-out row.")

    @model_validator(mode="after")
    def _whole(self) -> "MergeRecipe":
        if self.system == "text" and not self.system_text.strip():
            raise ValueError("system = text needs a system_text")
        if self.near_leaks and self.held_out is None:
            raise ValueError("near_leaks needs a held_out session")
        return self

    @property
    def reads_conversations(self) -> bool:
        """Whether rows must be looked into; else their hashes are enough."""
        return self.system != "keep" or self.conflicts != "off" or self.held_out is not None


class Fate(StrEnum):
    """Why a row is not in the result; the order is the one in which rows are looked at."""

    REFUSED = "refused"
    LEAKED = "leaked"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    NEAR_DUPLICATE = "near_duplicate"
    CAPPED = "capped"
    LEFT_OVER = "left_over"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS: Final[Mapping["Fate", str]] = {
    Fate.REFUSED: "refused",
    Fate.LEAKED: "leaked",
    Fate.DUPLICATE: "duplicates",
    Fate.CONFLICT: "conflicts",
    Fate.NEAR_DUPLICATE: "near duplicates",
    Fate.CAPPED: "beyond the cap",
    Fate.LEFT_OVER: "left over",
}


class Account(_Frozen):
    """One source's rows: `rows_in` is `rows_out` and all that was removed."""

    label: str
    version: str
    """What exactly was read: a session's content hash, a file's size and time; empty if that is unknown."""
    rows_in: int
    rows_out: int
    removed: dict[Fate, int] = Field(default_factory=dict)
    extra_columns: tuple[str, ...] = ()
    """Columns that are no part of the conversation, kept beside it."""

    @property
    def is_balanced(self) -> bool:
        return self.rows_in == self.rows_out + sum(self.removed.values())


class Example(_Frozen):
    """One removed row, to look at."""

    fate: Fate
    source: int
    """Place among the sources, from 0."""
    row: int
    """Row of a session, line of a file, from 1."""
    text: str = ""
    reason: str = ""
    other_source: int | None = None
    """Whose row was kept instead; -1 for the held-out session."""
    other_row: int | None = None
    other_text: str = ""
    similarity: float | None = None


class Ledger(_Frozen):
    accounts: tuple[Account, ...]
    examples: tuple[Example, ...] = ()
    disputed_prompts: int = 0
    """Prompts with several answers, whatever became of them."""

    @property
    def rows_in(self) -> int:
        return sum(account.rows_in for account in self.accounts)

    @property
    def rows_out(self) -> int:
        return sum(account.rows_out for account in self.accounts)

    def removed(self, fate: Fate) -> int:
        return sum(account.removed.get(fate, 0) for account in self.accounts)


class MergeResult(_Frozen):
    """What the last run of a merge made."""

    made_at: datetime
    ledger: Ledger
    session_id: str | None = None
    file: Path | None = None
    url: str = ""
    """Where the session is on the Hub, if it was put there."""

    @property
    def rows(self) -> int:
        return self.ledger.rows_out


@dataclass(frozen=True)
class MergePreview:
    """The result before anything is written."""

    ledger: Ledger
    head: Sequence[SessionRow]


@dataclass(frozen=True)
class SavedMerge:
    id: MergeId
    recipe: MergeRecipe
    saved_at: datetime
    result: MergeResult | None = None

    @property
    def name(self) -> str:
        return self.recipe.name

    def label(self, place: int) -> str:
        """What the source at that place was called when the merge was last run, or what names it."""
        accounts = self.result.ledger.accounts if self.result else ()
        return accounts[place].label if place < len(accounts) else self.recipe.sources[place].label


@dataclass(frozen=True)
class MergeProgress:
    """How far a merge is: `total` 0 while it cannot be known."""

    stage: str
    done: int = 0
    total: int = 0
