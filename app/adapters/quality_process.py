"""Looks for what may be wrong with rows in a process of its own, and reads what it found."""

import importlib.util
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from app.adapters.child_process import child_environment
from app.adapters.found_rows import select
from app.domain.previews import PreviewError, Progress
from app.domain.quality import FLAWS, Flaw, Flawed, Quality

log = logging.getLogger(__name__)

LOG_NAME: Final = "quality.log"
_NEEDED: Final = ("rensa", "py3langid")
_BITS: Final[dict[Flaw, int]] = {flaw: 1 << at for at, flaw in enumerate(FLAWS)}


class QualityProcess:
    """Implements `QualityChecker`."""

    def __init__(self, log_dir: Path, python: str = sys.executable) -> None:
        self._log_dir, self._python = log_dir, python

    def problem(self) -> str:
        missing = [name for name in _NEEDED if not _is_installed(name)]
        if not missing:
            return ""
        return f"Looking at the quality of rows needs what is not installed: pip install {' '.join(missing)}."

    def check(self, data: Path, target: Path, progress: Progress) -> None:
        if problem := self.problem():
            raise PreviewError(problem, "Install it where Tunewright runs, then look again.")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as folder:
                found = Path(folder) / target.name
                self._look(data, found, progress)
                found.replace(target)  # only here: it may be done before it can be cancelled
        finally:
            _clear(target)

    def _look(self, data: Path, target: Path, progress: Progress) -> None:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        with (self._log_dir / LOG_NAME).open("wb") as errors:
            process = subprocess.Popen(
                [self._python, "-P", "-m", "app.worker.quality", str(data), str(target)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=child_environment(offline=True, token=None),
                start_new_session=True,  # Ctrl-C in the terminal is for the app
            )
        assert process.stdout
        assert process.stdin
        try:
            for line in process.stdout:
                progress(int(line))
            code = process.wait()
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()
        if code:
            raise PreviewError(
                "The process that looks at the quality of rows ended unexpectedly.",
                f"{LOG_NAME} has details; memory or disk may have run out.",
            )

    def read(self, path: Path) -> Quality:
        ((rows,),) = _select(path, "SELECT value FROM facts WHERE name = 'rows'")
        counts = ", ".join(f"coalesce(sum(flags & {bit} > 0), 0)" for bit in _BITS.values())
        (found,) = _select(path, f"SELECT {counts} FROM rows")  # noqa: S608 constants
        languages = _select(
            path,
            "SELECT language, count(*) AS n FROM rows WHERE language IS NOT NULL"
            " GROUP BY language ORDER BY n DESC",
        )
        return Quality(
            path,
            rows=int(rows),
            counts=dict(zip(_BITS, found, strict=True)),
            languages=dict(languages),
            languages_of=sum(count for _, count in languages),
        )

    def flawed(self, path: Path, flaw: str, *, start: int, limit: int) -> Sequence[Flawed]:
        kind, _, language = flaw.partition(":")
        where = "language = :language" if kind == "language" else "flags & :bit"
        query = f"SELECT number, note FROM rows WHERE {where} ORDER BY number LIMIT :limit OFFSET :start"  # noqa: S608
        bit = next((bit for name, bit in _BITS.items() if name == flaw), 0)
        values = {"language": language, "bit": bit, "limit": limit, "start": start}
        return [Flawed(number, note or "") for number, note in _select(path, query, values)]

    def prompts(self, path: Path) -> Iterator[tuple[int, bytes]]:
        yield from _select(path, "SELECT number, prompt FROM rows WHERE prompt IS NOT NULL ORDER BY number")


def _clear(target: Path) -> None:
    """What an app that was killed in the middle could not clear away."""
    for left in target.parent.glob(f"{target.name}.*"):
        shutil.rmtree(left, ignore_errors=True)


def _select(path: Path, query: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    return select(path, query, values, again="Look at the quality again.")


def _is_installed(name: str) -> bool:
    with suppress(ImportError, ValueError):
        return importlib.util.find_spec(name) is not None
    return False
