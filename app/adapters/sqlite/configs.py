"""Saved setups: named JSON documents."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from app.adapters.sqlite.schema import configs
from app.adapters.sqlite.transactions import reading, writing
from app.domain.saved_setups import StoredConfig


class SqliteConfigStore:
    """ConfigStore on SQLite. `all` is in the order of names."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def save(self, name: str, document: str, *, replace: bool = True) -> bool:
        statement = insert(configs).values(name=name, document=document, saved_at=self._clock())
        new = {"document": statement.excluded.document, "saved_at": statement.excluded.saved_at}
        statement = (
            statement.on_conflict_do_update(index_elements=["name"], set_=new)
            if replace
            else statement.on_conflict_do_nothing()
        )
        with writing(self._engine) as connection:
            return connection.execute(statement).rowcount > 0

    def all(self) -> Sequence[StoredConfig]:
        with reading(self._engine) as connection:
            records = connection.execute(select(configs).order_by(configs.c.name))
            return [StoredConfig(record.name, record.document, record.saved_at) for record in records]

    def rename(self, name: str, new_name: str) -> bool:
        is_taken = select(configs.c.name).where(configs.c.name == new_name).exists()
        mine = (configs.c.name == name) & ~is_taken
        with writing(self._engine) as connection:
            return connection.execute(update(configs).where(mine).values(name=new_name)).rowcount > 0

    def delete(self, name: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(configs).where(configs.c.name == name))
