"""What runs were exported to, and what is being written now."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.adapters.sqlite.schema import exports
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import UnknownRunError
from app.domain.exports import Export, ExportFormat
from app.domain.runs import RunId


class SqliteExportStore:
    """ExportStore on SQLite."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, export: Export) -> None:
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(exports), _record(export))
        except IntegrityError as error:
            raise UnknownRunError(f"There is no run {export.run_id}.", "It may have been deleted.") from error

    def replace(self, export: Export) -> None:
        with writing(self._engine) as connection:
            connection.execute(update(exports).where(exports.c.id == export.id), _record(export))

    def delete(self, export_id: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(exports).where(exports.c.id == export_id))

    def all(self) -> Sequence[Export]:
        query = select(exports).order_by(exports.c.number.desc())
        with reading(self._engine) as connection:
            return [_export(record) for record in connection.execute(query).mappings()]

    def of_run(self, run_id: RunId) -> Sequence[Export]:
        query = select(exports).where(exports.c.run_id == run_id).order_by(exports.c.number.desc())
        with reading(self._engine) as connection:
            return [_export(record) for record in connection.execute(query).mappings()]


def _record(export: Export) -> dict[str, Any]:
    return {
        **asdict(export),
        "format": export.format.value,
        "folder": str(export.folder),
        "staging": None if export.staging is None else str(export.staging),
    }


def _export(record: RowMapping) -> Export:
    values = {name: value for name, value in record.items() if name != "number"}
    return Export(
        **{
            **values,
            "format": ExportFormat(record["format"]),
            "folder": Path(record["folder"]),
            "staging": None if record["staging"] is None else Path(record["staging"]),
        }
    )
