"""What the app may fetch: whole checkpoints while it trains, everything the trainer left after its end.

Checksums are worked out by one thread beside, so that an answer never waits for gigabytes.
"""

import hashlib
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from trainer_image.pod import durable
from trainer_image.pod.held import MARKER, Held

_CHECKPOINTS: Final = "checkpoints"
_NOT_OUTPUTS: Final = {"config.json", "events.jsonl", "log.txt", "commands", "data", ".train.lock"}
"""What the app has or gets otherwise."""
_READ_AT_ONCE: Final = 1024**2

_Print = tuple[str, int, int]


class Outputs:
    def __init__(self, run_dir: Path, own_dir: Path) -> None:
        self._run_dir = run_dir
        self._held = Held(own_dir / "held")
        self._held.drop()
        self._sums: dict[_Print, str] = {}
        self._asked: set[_Print] = set()
        self._wanted: queue.SimpleQueue[_Print] = queue.SimpleQueue()
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="checksums", daemon=True).start()

    def manifest(self, *, ended: bool, uploaded: set[str], wait_seconds: float) -> dict[str, Any]:
        """Waits so long for checksums that are still missing."""
        names = self._of_ended_run() if ended else self._of_training()
        prints = [found for name in names - uploaded if (found := self._print(name))]
        with self._changed:
            for wanted in set(prints) - self._sums.keys() - self._asked:
                self._asked.add(wanted)
                self._wanted.put(wanted)
            self._changed.wait_for(lambda: self._sums.keys() >= set(prints), timeout=wait_seconds)
            known = [found for found in sorted(prints) if found in self._sums]
            files = [{"path": f[0], "size": f[1], "sha256": self._sums[f]} for f in known]
        return {"complete": len(files) == len(prints), "files": files}

    def sum_of(self, name: str) -> str | None:
        """If it has been worked out."""
        found = self._print(name)
        with self._changed:
            return self._sums.get(found) if found else None

    def locate(self, name: str) -> Path:
        """The file, or what is held of it."""
        file, held = self._run_dir / name, self._held.root / name
        return held if held.exists() and not file.exists() else file

    def was_fetched(self, name: str) -> None:
        self._held.was_fetched(name)

    def _of_training(self) -> set[str]:
        self._held.hold(max(checkpoints(self._run_dir), key=_written_at, default=None))
        return {
            file.relative_to(root).as_posix()
            for root in (self._run_dir, self._held.root)
            for file in _of_checkpoints(root)
        }

    def _of_ended_run(self) -> set[str]:
        self._held.drop()
        return {file.relative_to(self._run_dir).as_posix() for file in _all_files(self._run_dir)}

    def _print(self, name: str) -> _Print | None:
        with suppress(OSError):
            stat = self.locate(name).stat()
            return name, stat.st_size, stat.st_mtime_ns
        return None

    def _work(self) -> None:
        while True:
            wanted = self._wanted.get()
            sum_ = _sha256(self.locate(wanted[0]))
            still = self._print(wanted[0]) == wanted
            with self._changed:
                self._asked.discard(wanted)
                if sum_ and still:
                    self._sums[wanted] = sum_
                self._changed.notify_all()


def checkpoints(run_dir: Path) -> Iterator[Path]:
    """Folders of the whole ones: as `trainer_image.checkpoints` sees them, which needs more than the
    standard library."""
    for marker in sorted((run_dir / _CHECKPOINTS).glob(f"[!.]*/{MARKER}")):
        sizes = durable.read_json(marker).get("files")
        if isinstance(sizes, dict) and all(_size(marker.parent / n) == size for n, size in sizes.items()):
            yield marker.parent


def _of_checkpoints(run_dir: Path) -> Iterator[Path]:
    for folder in checkpoints(run_dir):
        yield from _files(folder)


def _all_files(run_dir: Path) -> Iterator[Path]:
    yield from _of_checkpoints(run_dir)
    for path in run_dir.iterdir():
        if path.name in _NOT_OUTPUTS | {_CHECKPOINTS} or _is_passing(path):
            continue
        yield from _files(path) if path.is_dir() and not path.is_symlink() else iter((path,))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and not _is_passing(path):
            yield path


def _is_passing(path: Path) -> bool:
    return path.is_symlink() or path.name.startswith(".") or path.name.endswith(".partial")


def _written_at(checkpoint: Path) -> float:
    with suppress(OSError):
        return (checkpoint / MARKER).stat().st_mtime
    return 0.0


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return -1


def _sha256(path: Path) -> str | None:
    digest = hashlib.sha256()
    with suppress(OSError), path.open("rb") as file:
        while block := file.read(_READ_AT_ONCE):
            digest.update(block)
        return digest.hexdigest()
    return None
