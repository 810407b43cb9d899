"""What exporting needs from the world; adapters implement it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from app.domain.exports import Export, ExportFormat, ExportJob, Made, PushWish, Quantization, Replacing, Told
from app.domain.runs import RunId

Tell = Callable[[Told], None]
"""Told how far it is; may raise to cancel."""


class ExportStore(Protocol):
    """Which exports there are. Methods raise StoreError."""

    def add(self, export: Export) -> None:
        """Raises UnknownRunError."""
        ...

    def replace(self, export: Export) -> None: ...

    def delete(self, export_id: str) -> None: ...

    def all(self) -> Sequence[Export]:
        """Newest first, also those that are being written."""
        ...

    def of_run(self, run_id: RunId) -> Sequence[Export]: ...


class Exporter(Protocol):
    """Another process that alone loads torch. Methods block; raise StudioError."""

    def lacks(self, format: ExportFormat, quantization: Quantization) -> str:
        """Why it cannot make that here, as a sentence; empty if it can. Quick: loads nothing."""
        ...

    def make(self, job: ExportJob, tell: Tell) -> Made:
        """Fill the job's folder. What `tell` raises ends the process at once, in the middle of its work."""
        ...

    def replacing(self, folder: Path, wish: PushWish, *, token: str) -> Replacing | None:
        """What a push would replace; None where nothing is there. Sends and makes nothing."""
        ...

    def push(self, folder: Path, card: str, wish: PushWish, *, token: str, tell: Tell) -> str:
        """Upload the folder with that card; gives the address. What `tell` raises ends it between two files;
        no file of it shows on the Hub then."""
        ...
