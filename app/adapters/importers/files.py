"""A file, or all files of a folder, as records."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from app.adapters.importers.finding import READABLE, format_of
from app.adapters.importers.opening import DamagedError, Opened, unreadable
from app.adapters.importers.records import Format, Found
from app.domain.errors import ImportFailedError
from trainer_image.rows import Refused

_NAMED: Final = 10


class Source:
    """One file whose format is known. Raises ImportFailedError if it cannot be read at all."""

    def __init__(self, path: Path, name: str = "") -> None:
        try:
            self.opened = Opened(path, name or path.name)
            self.format: Format = format_of(self.opened)
        except OSError as error:
            raise unreadable(path, error) from error
        if self.opened.packing:
            self.opened.notes.append(f"Unpacked from {self.opened.packing}.")

    @property
    def notes(self) -> list[str]:
        return self.opened.notes

    def records(self, passage: int) -> Found:
        """An archive that breaks off ends with a refusal that says so."""
        last = 0
        try:
            for found in self.format.read(self.opened, passage):
                last = found.line
                yield found
        except DamagedError as error:
            reason = f"the file is {error}; what follows could not be read"
            yield Refused(last + 1, "malformed", reason)
        except OSError as error:
            raise unreadable(self.opened.path, error) from error


def files_in(folder: Path, notes: list[str]) -> Iterator[Path]:
    """All files below a folder in the order of their names; hidden ones and links to folders are left out,
    which is noted at the end."""
    left_out: list[str] = []
    for place, folders, names in os.walk(folder):
        found = [*folders, *names]
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        left_out += sorted({*(name for name in found if name.startswith(".")), *links})
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))
    if left_out:
        shown = ", ".join(left_out[:_NAMED]) + (", …" if len(left_out) > _NAMED else "")
        notes.append(f"Left out, being hidden or links to folders: {shown}.")


def source_in(folder: Path, path: Path) -> Source | Refused:
    """A file of a folder under its path there. One that cannot be read is one refusal, not the end."""
    name = path.relative_to(folder).as_posix()
    try:
        return Source(path, name)
    except ImportFailedError as error:
        return Refused(1, "malformed", error.message.removesuffix("."))


def nothing_in(folder: Path, refused: Sequence[Refused]) -> ImportFailedError:
    if not refused:
        return ImportFailedError(f"There is no file in {folder.name}.", READABLE)
    reason = refused[0].reason
    return ImportFailedError(f"No file in {folder.name} can be read; the first: {reason}.", READABLE)
