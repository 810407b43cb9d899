"""Where exports lie: places that may become one, and how they get there whole."""

import json
import os
import shutil
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.exports import CERTIFICATE_FILE, NOT_TRIED, READABLE_FILE, Certificate
from app.domain.file_names import file_name
from app.domain.typed_paths import nearest_folder
from app.services.export_deleting import written_in

_STAGING: Final = ".part"


def free_folder(parent: Path, name: str, taken: Collection[Path] = ()) -> Path:
    """A folder of that name that is neither there yet nor taken: `name`, `name-2`, …"""
    numbers = iter(range(2, 10_000))
    folder = parent / name
    while folder.exists() or folder in taken:
        folder = parent / f"{name}-{next(numbers)}"
    return folder


def require_place(folder: Path) -> None:
    """Raises StudioError if it cannot become an export's own folder."""
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise StudioError(
                f"There is something in {folder} already.", "Choose a folder that is not there yet."
            )
        if folder.exists() and not folder.is_dir():
            raise StudioError(f"{folder} is a file.", "Choose a folder that is not there yet.")
    except (OSError, ValueError) as error:
        raise _not_writable(folder, error) from error


def make_staging(folder: Path, export_id: str) -> Path:
    """An empty folder on the same disk, beside where the export is to be. Raises StudioError."""
    staging = staging_of(folder, export_id)
    try:
        staging.mkdir(parents=True)
    except (OSError, ValueError) as error:
        raise _not_writable(folder, error) from error
    return staging


def staging_of(folder: Path, export_id: str) -> Path:
    return folder.parent / f".{file_name(folder.name)}-{export_id}{_STAGING}"


def put_in_place(staging: Path, folder: Path) -> Path:
    """All at once: whoever looks sees nothing, or the whole export. Where something came to lie in the folder
    while it was made, it goes beside: nobody's work is lost. Returns where it is. Raises StudioError."""
    try:
        while True:
            place = folder if _is_free(folder) else free_folder(folder.parent, folder.name)
            try:
                if place.is_dir():
                    place.rmdir()
                os.rename(staging, place)
            except OSError:
                if _is_free(place):
                    raise  # nobody was faster: it cannot be written at all
            else:
                return place
    except OSError as error:
        raise _not_writable(folder, error) from error


def _is_free(folder: Path) -> bool:
    """Whether it is not there yet, or empty."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def clear(staging: Path | None) -> None:
    """Only what is ours by its name."""
    if staging is not None and staging.name.endswith(_STAGING):
        shutil.rmtree(staging, ignore_errors=True)


def free_bytes(folder: Path) -> int:
    """On the disk where the folder is, or would be."""
    try:
        return shutil.disk_usage(nearest_folder(folder)).free
    except OSError:
        return 0


def is_one_disk(folder: Path, other: Path) -> bool:
    """Whether two folders are, or would be, on the same disk."""
    try:
        return nearest_folder(folder).stat().st_dev == nearest_folder(other).stat().st_dev
    except OSError:
        return False


def write_certificate(staging: Path, certificate: Certificate, facts: dict[str, Any]) -> None:
    """Beside the export, for programs and for people, with the list of its files. Raises StudioError."""
    document = {**facts, "passed": certificate.passed, "verdict": certificate.verdict, **asdict(certificate)}
    try:
        readable = _readable(certificate, facts)
        (staging / READABLE_FILE).write_text(readable, encoding="utf-8", errors="replace")
        text = json.dumps({**document, "files": written_in(staging)}, ensure_ascii=False, indent=2)
        (staging / CERTIFICATE_FILE).write_text(text + "\n", encoding="utf-8", errors="replace")
    except OSError as error:
        raise _not_writable(staging, error) from error


def _readable(certificate: Certificate, facts: dict[str, Any]) -> str:
    is_untried = certificate.verdict.startswith(NOT_TRIED)
    mark = "✓ passed" if certificate.passed else "? not tried" if is_untried else "✗ not passed"
    head = [f"# Certificate: {mark}", "", certificate.verdict, "", f"Tried with {certificate.runtime}.", ""]
    head += [f"- {name.replace('_', ' ')}: {value}" for name, value in facts.items()]
    checks = [f"- {'✓' if c.passed else '✗'} {c.name}. {c.text}" for c in certificate.checks]
    remarks = [f"- {remark}" for remark in certificate.remarks]
    pairs = [
        f"### {pair.prompt.strip()}\n\nTrained: {pair.trained}\n\nExported: {pair.exported}\n\n"
        f"{pair.agreeing} of {pair.tokens} tokens the same.\n"
        for pair in certificate.answers
    ]
    parts = [*head, "", "## Checks", "", *checks]
    parts += ["", "## Remarks", "", *remarks] if remarks else []
    parts += ["", "## Answers", "", *pairs] if pairs else []
    return "\n".join(parts) + "\n"


def _not_writable(folder: Path, error: Exception) -> StudioError:
    said = getattr(error, "strerror", None) or str(error)
    return StudioError(
        f"Nothing can be written to {folder}: {said}.", "Choose a folder that you may write to, with room."
    )
