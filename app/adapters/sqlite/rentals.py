"""Rented pods."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.adapters.sqlite.schema import rentals
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import StoreError
from app.domain.rentals import Rental, RentalState
from app.domain.runs import RunId


class SqliteRentalStore:
    """RentalStore on SQLite. Every method may be called from any thread and from several processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, rental: Rental) -> None:
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(rentals), _record(rental))
        except IntegrityError as error:
            raise StoreError(f"There already is a rental {rental.name}.", "Start the run again.") from error

    def get(self, name: str) -> Rental:
        with reading(self._engine) as connection:
            return _read(connection, name)

    def find(self, run_id: RunId, attempt: int) -> Rental | None:
        query = select(rentals).where(rentals.c.run_id == run_id, rentals.c.attempt == attempt)
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(rentals.c.number.desc())).mappings().first()
            return _rental(found) if found else None

    def of(self, run_id: RunId) -> Sequence[Rental]:
        return self._found(_newest_first().where(rentals.c.run_id == run_id))

    def all(self) -> Sequence[Rental]:
        return self._found(_newest_first())

    def living(self) -> Sequence[Rental]:
        return self._found(select(rentals).where(rentals.c.state != RentalState.GONE.value))

    def _found(self, query: Select[tuple[object, ...]]) -> Sequence[Rental]:
        with reading(self._engine) as connection:
            return [_rental(record) for record in connection.execute(query).mappings()]

    def update(self, name: str, change: Callable[[Rental], Rental]) -> Rental:
        with writing(self._engine) as connection:
            before = _read(connection, name)
            after = change(before)
            if after != before:
                connection.execute(update(rentals).where(rentals.c.name == name), _record(after))
            return after


def _newest_first() -> Select[tuple[object, ...]]:
    return select(rentals).order_by(rentals.c.number.desc())


def _read(connection: Connection, name: str) -> Rental:
    found = connection.execute(select(rentals).where(rentals.c.name == name)).mappings().one_or_none()
    if found is None:
        raise StoreError(f"There is no rental {name}.", "`tunewright runpod list` shows those there are.")
    return _rental(found)


def _record(rental: Rental) -> dict[str, object]:
    return {**vars(rental), "state": rental.state.value, "folder": str(rental.folder)}


def _rental(record: RowMapping) -> Rental:
    fields = {name: value for name, value in record.items() if name != "number"}
    return Rental(**fields | {"state": RentalState(record["state"]), "folder": Path(record["folder"])})
