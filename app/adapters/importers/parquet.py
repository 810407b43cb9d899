"""Parquet, by DuckDB (docs/decisions/0006): streamed, with everything that JSON has no word for as text."""

from typing import Final

from app.adapters.importers.json_values import plain
from app.adapters.importers.opening import Opened
from app.adapters.importers.records import Format, Found, Record
from app.domain.errors import ImportFailedError
from trainer_image.rows import Refused

_PAGE: Final = 1000
_OFFLINE: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}
"""Nothing is fetched from the network for a file, whatever it holds."""


def read_parquet(opened: Opened, _passage: int) -> Found:
    import duckdb  # noqa: PLC0415

    with opened.on_disk() as path, duckdb.connect(config=dict(_OFFLINE)) as engine:
        number = 0
        try:
            found = engine.execute("SELECT * FROM read_parquet(?)", [_literally(str(path))])
            columns = [column[0] for column in found.description or ()]
            while page := found.fetchmany(_PAGE):
                for cells in page:
                    number += 1
                    yield Record(number, {c: plain(v) for c, v in zip(columns, cells, strict=True)})
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0][:200].rstrip(".")
            if not number:
                raise ImportFailedError(
                    f"{opened.name} is a damaged Parquet file: {reason}.", "Get it again."
                ) from error
            yield Refused(number + 1, "malformed", f"the file is damaged from here on: {reason}")


def _literally(path: str) -> str:
    """A path that DuckDB does not take for a pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


PARQUET: Final = Format("a Parquet file", read_parquet)
