"""MergeEngine on SQLite: takes rows in, sifts them, puts them in order, and reads the result out."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from app.adapters.merging.accounts import make_ledger
from app.adapters.merging.nearness import drop_near
from app.adapters.merging.ordering import put_in_order
from app.adapters.merging.sifting import drop_duplicates, drop_leaks, settle_conflicts
from app.adapters.merging.taking_in import Reader, changed, number_of, take_held_out, take_in
from app.adapters.merging.workspace import Workspace, workspace
from app.adapters.sqlite.row_text import from_text, meta_from_text, meta_to_text
from app.adapters.sqlite.transactions import file_of
from app.domain.merge_ports import MergeInput, Watch
from app.domain.merging import Ledger, MergeRecipe
from app.domain.ports import Processes
from app.domain.sessions import Session, SessionRow, StoredRow

PROVENANCE: Final = "merged_from"
"""Key of a row's meta: the source's name, its id and version if it is a session, and the row in it."""

_PAGE_ROWS: Final = 1_000
_RESULT: Final = """
    SELECT full.source, full.position, full.line, full.messages, full.hash, full.meta
    FROM result CROSS JOIN full ON full.n = result.n
    WHERE result.seq > ? AND result.seq <= ? ORDER BY result.seq
"""


class SqliteMergeEngine:
    """Reads sessions where they are; keeps its working files in `folder`."""

    def __init__(self, database: Engine, processes: Processes, folder: Path) -> None:
        self._database = file_of(database)
        self._processes = processes
        self._folder = folder

    @contextmanager
    def work_out(
        self, recipe: MergeRecipe, inputs: Sequence[MergeInput], held_out: Session | None, watch: Watch
    ) -> "Iterator[Merged]":
        with workspace(self._folder, self._database, self._processes, watch) as work:
            intakes = take_in(work, Reader(recipe), inputs)
            disputed = self._sift(work, recipe, held_out)
            put_in_order(work, recipe)
            work.say("Counting")
            yield Merged(work, inputs, make_ledger(work, inputs, intakes, disputed))

    def _sift(self, work: Workspace, recipe: MergeRecipe, held_out: Session | None) -> int:
        """Returns the number of prompts with several answers."""
        if held_out is not None:
            take_held_out(work, held_out)
            drop_leaks(work)
        if recipe.exact_duplicates:
            drop_duplicates(work)
        disputed = settle_conflicts(work, recipe.conflicts) if recipe.conflicts != "off" else 0
        if recipe.near_duplicates or recipe.near_leaks:
            drop_near(work, recipe)
        return disputed


class Merged:
    """WorkedOut over a working file that is complete."""

    def __init__(self, work: Workspace, inputs: Sequence[MergeInput], ledger: Ledger) -> None:
        self._work = work
        self._inputs = inputs
        self.ledger = ledger

    def head(self, limit: int) -> Sequence[SessionRow]:
        return [
            SessionRow(place, line, from_text(text), meta_from_text(meta))
            for place, (line, text, _, meta) in enumerate(self._page(0, limit, _provenance(self._inputs)))
        ]

    def rows(self) -> Iterator[StoredRow]:
        total = self.ledger.rows_out
        provenance = _provenance(self._inputs)
        for start in range(0, total, _PAGE_ROWS):
            self._work.say("Writing", start, total)
            yield from self._page(start, start + _PAGE_ROWS, provenance)
        for given in self._inputs:  # what was read in pieces was one and the same to the end
            if given.session is not None:
                number_of(self._work, given.session)

    def _page(self, start: int, end: int, provenance: Sequence[str]) -> Iterator[StoredRow]:
        records = self._work.sql.execute(_RESULT, (start, end)).fetchall()
        for source, position, line, messages, text_hash, meta in records:
            if messages is None:
                raise changed(self._inputs[source].label)
            origin = f"{provenance[source]}{position + 1}}}"
            yield line, messages, text_hash, _with_origin(meta, origin)


def _provenance(inputs: Sequence[MergeInput]) -> Sequence[str]:
    """For each source all of the JSON but the row's number, which is put behind it for each row."""
    return [json.dumps(_origin(given), ensure_ascii=False)[:-1] + ', "row": ' for given in inputs]


def _origin(given: MergeInput) -> dict[str, Any]:
    origin = {"name": given.label, "version": given.version}
    return {**origin, "session": given.session.id} if given.session else origin


def _with_origin(meta: str, origin: str) -> str:
    """A row that was merged before keeps where it was then, in `before`."""
    if not meta:
        return f'{{"{PROVENANCE}": {origin}}}'
    if f'"{PROVENANCE}"' not in meta:
        return f'{meta[:-1]}, "{PROVENANCE}": {origin}}}'
    known = dict(meta_from_text(meta))
    before = {"before": known.pop(PROVENANCE)} if PROVENANCE in known else {}
    return meta_to_text({**known, PROVENANCE: {**json.loads(origin), **before}})
