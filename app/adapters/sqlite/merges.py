"""Saved merges: recipes as JSON, each with the ledger of its last run."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Engine, RowMapping, delete, insert, select, update

from app.adapters.sqlite.finding import the_one
from app.adapters.sqlite.schema import merges
from app.adapters.sqlite.transactions import reading, writing
from app.domain.merging import MergeId, MergeRecipe, MergeResult, SavedMerge, UnknownMergeError

_COLUMNS: Final = (merges.c.id, merges.c.recipe, merges.c.saved_at, merges.c.result)


class SqliteMergeStore:
    """MergeStore on SQLite."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def save(self, recipe: MergeRecipe, merge_id: MergeId | None = None) -> SavedMerge:
        values = {"name": recipe.name, "recipe": recipe.model_dump_json(), "saved_at": self._clock()}
        if merge_id is not None:
            return self._change(merge_id, values)
        with writing(self._engine) as connection:
            statement = insert(merges).values(id=uuid.uuid4().hex[:12], **values).returning(*_COLUMNS)
            return _merge(connection.execute(statement).mappings().one())

    def note_result(self, merge_id: MergeId, result: MergeResult) -> SavedMerge:
        return self._change(merge_id, {"result": result.model_dump_json()})

    def all(self) -> Sequence[SavedMerge]:
        with reading(self._engine) as connection:
            query = select(*_COLUMNS).order_by(merges.c.number.desc())
            return [_merge(record) for record in connection.execute(query).mappings()]

    def find(self, prefix: str) -> SavedMerge:
        return the_one(self.all(), prefix, "merge", UnknownMergeError, listed_by="merge")

    def delete(self, merge_id: MergeId) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(merges).where(merges.c.id == merge_id))

    def _change(self, merge_id: MergeId, values: dict[str, Any]) -> SavedMerge:
        change = update(merges).where(merges.c.id == merge_id).values(**values).returning(*_COLUMNS)
        with writing(self._engine) as connection:
            record = connection.execute(change).mappings().one_or_none()
        if record is None:
            raise UnknownMergeError(f"There is no merge {merge_id}.", "It may have been deleted.")
        return _merge(record)


def _merge(record: RowMapping) -> SavedMerge:
    result = MergeResult.model_validate_json(record["result"]) if record["result"] else None
    recipe = MergeRecipe.model_validate_json(record["recipe"])
    return SavedMerge(MergeId(record["id"]), recipe, record["saved_at"], result)
