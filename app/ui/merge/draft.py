"""The half-filled form of a merge: sources and rules, exactly as a person left them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import flet as ft
from pydantic import ValidationError

from app.domain.mapping import ColumnMapping
from app.domain.merging import (
    MOST_NAME_LETTERS,
    ConflictPolicy,
    MergeId,
    MergeRecipe,
    MergeSource,
    SavedMerge,
    SystemPolicy,
)
from app.domain.publishing import PublishWish
from app.domain.typed_paths import expanded
from app.ui.texts import text, text_in

How = Literal["concatenate", "interleave"]
Until = Literal["first", "all"]
To = Literal["session", "file", "hub"]

NUMBERS: Final = ("weight", "cap", "share")
"""What a source may be given."""


@dataclass(frozen=True)
class SourceDraft:
    """One source; `key` is its own as long as the form lives."""

    key: int
    label: str
    place: MergeSource
    weight: str = "1"
    cap: str = ""
    share: str = ""
    mapping: ColumnMapping | None = None
    """None: told apart by the columns alone."""

    def problem(self, name: str) -> str:
        """What is wrong with a number, in a sentence; empty if nothing is."""
        text = getattr(self, name).strip()
        if not text and name != "weight":
            return ""
        try:
            fits = {"weight": _is_weight, "cap": _is_count, "share": _is_percent}[name](text)
        except ValueError:
            fits = False
        return "" if fits else text_in("merge.wanted", name)

    def to_source(self) -> MergeSource:
        values: dict[str, Any] = {
            "weight": float(self.weight),
            "cap": int(self.cap) if self.cap.strip() else None,
            "share": float(self.share) / 100 if self.share.strip() else None,
            "columns": self.mapping.as_record() if self.mapping else None,
        }
        return self.place.model_copy(update=values)


def _is_weight(text: str) -> bool:
    return 0 < float(text) <= 1_000_000


def _is_count(text: str) -> bool:
    return int(text) >= 1


def _is_percent(text: str) -> bool:
    return 0 < float(text) <= 100


@ft.observable
@dataclass(eq=False)
class MergeDraft:
    """State of the form. What is not shown for the chosen way is kept all the same."""

    name: str = field(default_factory=lambda: text("merge.default_name"))
    sources: list[SourceDraft] = field(default_factory=list)
    how: How = "concatenate"
    until: Until = "all"
    shuffle: bool = False
    seed: str = "0"
    system: SystemPolicy = "keep"
    system_text: str = ""
    exact_duplicates: bool = True
    near_duplicates: bool = False
    similarity: str = "80"
    """In per cent."""
    conflicts: ConflictPolicy = "keep"
    held_out: str = ""
    near_leaks: bool = False
    to: To = "session"
    file: str = ""
    repo: str = ""
    is_private: bool = True
    merge_id: MergeId | None = None
    """The saved merge that is being edited."""
    next_key: int = 0

    def add(self, label: str, place: MergeSource) -> None:
        self.sources.append(SourceDraft(self.next_key, label, place))
        self.next_key += 1

    def change(self, key: int, change: Callable[[SourceDraft], SourceDraft]) -> None:
        self.sources = [change(source) if source.key == key else source for source in self.sources]

    def type_number(self, key: int, name: str, text: str) -> None:
        changed: dict[str, Any] = {name: text}
        self.change(key, lambda source: replace(source, **changed))

    def map_columns(self, key: int, mapping: ColumnMapping | None) -> None:
        self.change(key, lambda source: replace(source, mapping=mapping))

    def remove(self, key: int) -> None:
        self.sources = [source for source in self.sources if source.key != key]

    def move_up(self, key: int) -> None:
        """Before the one above: the order decides whose copy of a row stays."""
        order = list(self.sources)
        place = next(n for n, source in enumerate(order) if source.key == key)
        if place:
            order[place - 1], order[place] = order[place], order[place - 1]
        self.sources = order

    def missing(self) -> str:
        """What keeps the merge from being made, as an order; empty if nothing does."""
        return self.missing_rule() or self._missing_place()

    def missing_rule(self) -> str:
        """The same without a place for the result, which a preview does not need."""
        if not self.sources:
            return text("merge.missing.source")
        for source in self.sources:
            for name in self.shown_numbers:
                if source.problem(name):
                    return text(
                        "merge.missing.number", field=text_in("merge.numbers", name), source=source.label
                    )
            if source.mapping and source.mapping.missing:
                return text("merge.missing.column", part=source.mapping.missing[0], source=source.label)
        if not self.name.strip():
            return text("merge.missing.name")
        if len(self.name.strip()) > MOST_NAME_LETTERS:
            return text("merge.missing.shorter_name", most=MOST_NAME_LETTERS)
        if self.system == "text" and not self.system_text.strip():
            return text("merge.missing.system")
        return "" if self._recipe() else text("merge.missing.numbers")

    def _missing_place(self) -> str:
        if self.to == "file" and not self.file.strip():
            return text("merge.missing.file")
        if self.to == "hub" and not self.to_wish().is_possible:
            return text("merge.missing.hub")
        return ""

    @property
    def shown_numbers(self) -> tuple[str, ...]:
        return ("weight", "cap", "share") if self.how == "interleave" else ("cap", "share")

    def to_recipe(self) -> MergeRecipe:
        """What the form says. Raises ValueError if `missing` has something to say."""
        hides_weights = self.how == "concatenate"
        sources = [replace(s, weight="1") if hides_weights else s for s in self.sources]
        return MergeRecipe(
            name=self.name.strip(),
            sources=tuple(source.to_source() for source in sources),
            how=self.how,
            until=self.until,
            shuffle=self.shuffle,
            seed=int(self.seed),
            system=self.system,
            system_text=self.system_text if self.system == "text" else "",
            exact_duplicates=self.exact_duplicates,
            near_duplicates=self.near_duplicates,
            similarity=float(self.similarity) / 100,
            conflicts=self.conflicts,
            held_out=self.held_out or None,
            near_leaks=self.near_leaks and bool(self.held_out),
        )

    def to_path(self) -> Path:
        return expanded(self.file.strip()).absolute()

    def to_wish(self) -> PublishWish:
        return PublishWish(self.repo.strip(), is_private=self.is_private)

    def load(self, merge: SavedMerge, labels: dict[str, str]) -> None:
        """Fill the form from a saved merge, whose recipe it then edits. `labels`: session id → name."""
        recipe = merge.recipe
        self.sources = []
        for place, source in enumerate(recipe.sources):
            self.add(labels.get(source.session or "", merge.label(place)), source)
            key = self.next_key - 1
            self.type_number(key, "weight", f"{source.weight:g}")
            self.type_number(key, "cap", str(source.cap or ""))
            self.type_number(key, "share", f"{source.share * 100:g}" if source.share else "")
            if source.columns:
                self.map_columns(key, ColumnMapping.from_record(source.columns))
        for name in ("name", "how", "until", "shuffle", "system", "system_text", "exact_duplicates"):
            setattr(self, name, getattr(recipe, name))
        self.near_duplicates, self.near_leaks = recipe.near_duplicates, recipe.near_leaks
        self.conflicts, self.held_out = recipe.conflicts, recipe.held_out or ""
        self.seed, self.similarity = str(recipe.seed), f"{recipe.similarity * 100:g}"
        made = merge.result.file if merge.result else None
        self.to, self.file = ("file", str(made)) if made else ("session", "")
        self.merge_id = merge.id

    def _recipe(self) -> MergeRecipe | None:
        try:
            return self.to_recipe()
        except (ValueError, ValidationError):
            return None
