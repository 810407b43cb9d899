"""PDF: the text of each page as passages that remember the page. No page is read by optical recognition."""

from collections.abc import Iterator
from typing import Any, Final

from app.adapters.importers.opening import Opened
from app.adapters.importers.passages import passages
from app.adapters.importers.records import Format, Found, Record
from app.domain.errors import ImportFailedError
from trainer_image.rows import Refused


def read_pdf(opened: Opened, size: int) -> Found:
    with opened.on_disk() as path, path.open("rb") as file:
        reader = _unlocked(file, opened)
        number = 0
        for page, text in _pages(reader, opened):
            if isinstance(text, Refused):
                number += 1
                yield Refused(number, text.bucket, text.reason)
                continue
            for passage in passages([text], size):
                number += 1
                yield Record(number, {"document": passage}, {"file": opened.name, "page": page})


def _unlocked(file: Any, opened: Opened) -> Any:
    from pypdf import PdfReader  # noqa: PLC0415
    from pypdf.errors import DependencyError, PyPdfError  # noqa: PLC0415

    try:
        reader = PdfReader(file)
        is_locked = reader.is_encrypted and not reader.decrypt("")
    except DependencyError as error:
        raise ImportFailedError(
            f"{opened.name} is encrypted, and the library that reads such PDFs is not installed.",
            "Install it where Tunewright runs: pip install cryptography. Or save a copy without a password.",
        ) from error
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise _damaged(opened) from error
    if is_locked:
        raise ImportFailedError(
            f"{opened.name} is locked with a password.", "Save a copy without a password, and import that."
        )
    return reader


def _pages(reader: Any, opened: Opened) -> Iterator[tuple[int, str | Refused]]:
    try:
        count = len(reader.pages)
    except Exception as error:  # pypdf raises what it meets in the file
        raise _damaged(opened) from error
    for page in range(1, count + 1):
        try:
            text = reader.pages[page - 1].extract_text()
        except Exception as error:
            reason = f"page {page} is damaged: {type(error).__name__}"
            yield page, Refused(page, "malformed", reason)
            continue
        if text.strip():
            yield page, text
        else:
            yield page, Refused(page, "empty_answer", f"page {page} has no text; it may be a scan")


def _damaged(opened: Opened) -> ImportFailedError:
    return ImportFailedError(
        f"{opened.name} is a damaged PDF.", "Open it in a PDF viewer and print it to a new PDF."
    )


PDF: Final = Format("a PDF document", read_pdf, unit="passage", is_table=False)
