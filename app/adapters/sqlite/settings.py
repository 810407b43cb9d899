"""Small values by name. Never secrets."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.sqlite import insert

from app.adapters.sqlite.schema import settings
from app.adapters.sqlite.transactions import reading, writing


class SqliteSettingsStore:
    """SettingsStore on SQLite."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, key: str) -> str | None:
        with reading(self._engine) as connection:
            return connection.execute(
                select(settings.c.value).where(settings.c.key == key)
            ).scalar_one_or_none()

    def claim(self, key: str, value: str) -> str:
        with writing(self._engine) as connection:
            connection.execute(insert(settings).values(key=key, value=value).on_conflict_do_nothing())
        return self.get(key) or value

    def set(self, key: str, value: str) -> None:
        """Insert or replace."""
        with writing(self._engine) as connection:
            _put(connection, key, value)

    def change(self, key: str, to: Callable[[str | None], str]) -> str:
        with writing(self._engine) as connection:
            found = connection.execute(select(settings.c.value).where(settings.c.key == key))
            value = to(found.scalar_one_or_none())
            _put(connection, key, value)
        return value


def _put(connection: Connection, key: str, value: str) -> None:
    statement = insert(settings).values(key=key, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"value": statement.excluded.value})
    )
