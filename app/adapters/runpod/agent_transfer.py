"""Files into the pod and out of it: in parts that can be repeated, each file checked by its SHA-256.

A part becomes smaller when a connection is cut and larger again when it holds, so that a slow line gets
through a proxy that cuts off long requests.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from app.adapters.runpod.agent import PodAgent, PodRefusedError, PodUnreachableError
from app.domain.errors import TargetError

Progress = Callable[[int, int], object]
"""Called with the bytes done and all of them; what it raises ends the transfer, which can be taken up."""

_LARGEST_PART: Final = 8 * 1024**2
_SMALLEST_PART: Final = 256 * 1024
_READ_AT_ONCE: Final = 1024**2
_TRIES: Final = 3
_MARKER: Final = "COMPLETE.json"
_RESULT: Final = "result.json"
_OWN: Final = {"config.json", "events.jsonl", "log.txt"}
"""Of the run's folder: written here, or mirrored."""


@dataclass(frozen=True)
class Output:
    """A file that the pod offers."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`complete`: no file is still having its checksum worked out."""

    files: Sequence[Output]
    complete: bool
    phase: str


class PartSize:
    """How much is sent or asked for at once."""

    def __init__(self, largest: int = _LARGEST_PART) -> None:
        self._largest = largest
        self._failures = 0
        self.now = largest

    def held(self) -> None:
        self._failures = 0
        self.now = min(self.now * 2, self._largest)

    def was_cut(self, agent: PodAgent) -> None:
        """Waits, too. Raises PodUnreachableError after many in a row."""
        self._failures += 1
        self.now = max(self.now // 2, min(_SMALLEST_PART, self._largest))
        agent.rest(self._failures)


def upload(
    agent: PodAgent,
    path: str,
    file: Path,
    *,
    progress: Progress = lambda *_: None,
    part: PartSize | None = None,
) -> None:
    """Bring a file to `path` in the run's folder of the pod; one that is there already costs a question.

    Raises TargetError; what has arrived by then stays.
    """
    sending = _Sending(agent, path, file, progress, part or PartSize())
    for _ in range(_TRIES):
        if sending.send():
            return
    raise TargetError(
        f"{file.name} arrived damaged in the pod, several times.", "Check this computer's disk."
    )


class _Sending:
    def __init__(self, agent: PodAgent, path: str, file: Path, progress: Progress, part: PartSize) -> None:
        self._agent = agent
        self._url = f"/v1/files/{quote(path)}"
        self._file = file
        self._progress = progress
        self._part = part

    def send(self) -> bool:
        """False if the whole of it did not arrive as it is here."""
        total, sha256 = self._file.stat().st_size, sha256_of(self._file)
        whole: dict[str, str | int] = {"total": total, "sha256": sha256}
        answer = self._agent.ask("GET", self._url, query=whole).json()
        with self._file.open("rb") as content:
            while not answer["complete"]:
                self._progress(answer["received"], total)
                content.seek(answer["received"])
                try:
                    answer = self._send_part(content.read(self._part.now), answer["received"], whole)
                except PodRefusedError as refusal:
                    if refusal.word not in {"bad_file", "kept"}:
                        raise
                    return refusal.word == "kept"  # the pod's own record goes on, and is mirrored
        self._progress(total, total)
        return True

    def _send_part(self, part: bytes, offset: int, whole: dict[str, str | int]) -> dict[str, Any]:
        """What the pod has afterwards, also if the part did not arrive."""
        query = {**whole, "offset": offset, "part_sha256": hashlib.sha256(part).hexdigest()}
        try:
            answer: dict[str, Any] = self._agent.ask(
                "PUT", self._url, query=query, body=part, patient=False
            ).json()
        except PodUnreachableError:
            self._part.was_cut(self._agent)
            return self._standing(whole)
        except PodRefusedError as refusal:
            if refusal.word not in {"gap", "bad_part"}:
                raise
            self._part.was_cut(self._agent)
            return self._standing(whole)
        self._part.held()
        return answer

    def _standing(self, whole: dict[str, str | int]) -> dict[str, Any]:
        answer: dict[str, Any] = self._agent.ask("GET", self._url, query=whole).json()
        return answer


def manifest(agent: PodAgent, *, wait_seconds: int = 0) -> Manifest:
    """What can be fetched now."""
    answer = agent.ask("GET", "/v1/outputs", query={"wait": wait_seconds}).json()
    files = [Output(str(f["path"]), int(f["size"]), str(f["sha256"])) for f in answer["files"]]
    return Manifest(files, bool(answer["complete"]), str(answer["phase"]))


class Fetcher:
    """Brings what the pod offers into the run's folder; keeps in mind what it has checked there."""

    def __init__(self, agent: PodAgent, folder: Path, *, part: PartSize | None = None) -> None:
        self._agent = agent
        self._folder = folder
        self._part = part or PartSize()
        self._checked: dict[tuple[Path, int, int], str] = {}

    def fetch(self, found: Manifest, progress: Progress = lambda *_: None) -> bool:
        """Everything that is not here yet; False if some of it is gone from the pod by now.

        What says that something is whole comes last: a checkpoint's mark, and of all the run's result, once
        all is offered. Raises TargetError.
        """
        offered = [file for file in found.files if found.complete or file.path != _RESULT]
        missing = [file for file in offered if not self._is_here(file)]
        missing.sort(key=lambda file: (file.path == _RESULT, PurePosixPath(file.path).name == _MARKER))
        total, done = sum(file.size for file in missing), 0
        whole = True
        for file in missing:
            so_far = done
            whole &= self._download(file, lambda n, so_far=so_far: progress(so_far + n, total))  # type: ignore[misc]
            done += file.size
        return whole

    def _is_here(self, file: Output) -> bool:
        target = target_of(self._folder, file.path)
        with suppress(OSError):
            stat = target.stat()
            known = (target, stat.st_size, stat.st_mtime_ns)
            if stat.st_size == file.size and known not in self._checked:
                self._checked[known] = sha256_of(target)
            return self._checked.get(known) == file.sha256
        return False

    def _download(self, file: Output, progress: Callable[[int], object]) -> bool:
        target = target_of(self._folder, file.path)
        partial = target.with_name(f".{target.name[:100]}.{file.sha256[:16]}.partial")
        target.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            try:
                self._fill(file, partial, progress)
            except PodRefusedError as refusal:
                if refusal.word in {"gone", "changed", "bad_range"}:
                    partial.unlink(missing_ok=True)
                    return False
                raise
            if sha256_of(partial) == file.sha256:
                os.replace(partial, target)
                return True
            partial.unlink()
        raise TargetError(f"{file.path} arrived damaged from the pod, several times.", "Try again later.")

    def _fill(self, file: Output, partial: Path, progress: Callable[[int], object]) -> None:
        with partial.open("ab") as content:
            if content.tell() > file.size:
                content.truncate(0)
            while (at := content.seek(0, os.SEEK_END)) < file.size:
                progress(at)
                content.write(self._part_of(file, at))
                content.flush()
        progress(file.size)

    def _part_of(self, file: Output, at: int) -> bytes:
        """Bytes from there on; none if the connection was cut but the pod is there."""
        last = min(at + self._part.now, file.size) - 1
        headers = {"Range": f"bytes={at}-{last}", "If-Match": f'"{file.sha256}"'}
        try:
            part = self._agent.ask(
                "GET", f"/v1/outputs/{quote(file.path)}", headers=headers, patient=False
            ).content
        except PodUnreachableError:
            self._part.was_cut(self._agent)
            return b""
        self._part.held()
        return part


def target_of(folder: Path, path: str) -> Path:
    """Where a pod's file belongs here. Raises TargetError for what a pod has no business to name."""
    parts = path.split("/")
    if path in _OWN or any(p in {"", ".", ".."} or p.startswith(".") or set(p) & set("\\:\0") for p in parts):
        raise TargetError("The pod offers a file that does not belong to a run.", "Delete the pod.")
    return folder.joinpath(*parts)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()
