"""Measurements of this computer in a file, a JSON line each.

Lines that are torn or of another version are passed over.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from app.domain.export_pace import ExportPace
from app.domain.speeds import MeasuredSpeed

MOST_LINES: Final = 400
"""Beyond, the older half goes: some 40 kB."""

Line = TypeVar("Line")


class LineFile(Generic[Line]):
    """Measurements of one kind. Usable from several processes at once."""

    def __init__(self, path: Path, line: TypeAdapter[Line]) -> None:
        self._path, self._line = path, line

    def add(self, measured: Line) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lines = self._lines()
        if len(lines) >= MOST_LINES:
            self._replace_by(lines[-MOST_LINES // 2 :])
        line = b"\n" + self._line.dump_json(measured) + b"\n"  # the first ends what a kill has torn
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def newest_first(self) -> Sequence[Line]:
        return [found for line in reversed(self._lines()) if (found := self._parse(line))]

    def _lines(self) -> list[bytes]:
        try:
            return [line for line in self._path.read_bytes().splitlines() if line]
        except OSError:
            return []

    def _replace_by(self, lines: Sequence[bytes]) -> None:
        partial = self._path.with_name(f"{self._path.name}.{os.getpid()}.partial")
        partial.write_bytes(b"\n".join(lines) + b"\n")
        partial.replace(self._path)

    def _parse(self, line: bytes) -> Line | None:
        try:
            return self._line.validate_json(line)
        except ValidationError:
            return None


class SpeedFile(LineFile[MeasuredSpeed]):
    """Implements `SpeedLog`: how fast probes trained."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TypeAdapter(MeasuredSpeed))


class PaceFile(LineFile[ExportPace]):
    """Implements `PaceLog`: how long exports took."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TypeAdapter(ExportPace))
