"""Saved setups: named JSON documents."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.sqlite import insert

from app.adapters.sqlite.schema import configs
from app.adapters.sqlite.transactions import reading, writing


class SqliteConfigStore:
    """ConfigStore on SQLite. `all` is in the order of names."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def save(self, name: str, document: str) -> None:
        statement = insert(configs).values(name=name, document=document, saved_at=self._clock())
        new = {"document": statement.excluded.document, "saved_at": statement.excluded.saved_at}
        with writing(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=new))

    def all(self) -> Mapping[str, str]:
        with reading(self._engine) as connection:
            query = select(configs.c.name, configs.c.document).order_by(configs.c.name)
            return {record.name: record.document for record in connection.execute(query)}

    def delete(self, name: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(configs).where(configs.c.name == name))
