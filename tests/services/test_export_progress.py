"""A cancel reaches an export also while that says how far it is."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.export_pace import Pacer
from app.domain.exports import Export, ExportCancelledError, ExportFormat, Told
from app.domain.runs import RunId
from app.services.export_progress import ExportsUnderWay

EXPORT = Export(
    "e", RunId("0a1b"), "it", ExportFormat.ADAPTER, Path("e"), 0, datetime(2026, 1, 2, tzinfo=UTC), True, ""
)


class Meanwhile(dict):
    """Lets another thread cancel while a value is being stored, for as long as that takes or has to wait."""

    def __init__(self, known, cancel) -> None:
        super().__init__(known)
        self.threads = [threading.Thread(target=cancel)]

    def __setitem__(self, key, value) -> None:
        for thread in self.threads[:1] if threading.current_thread() is threading.main_thread() else ():
            if thread.ident is None:
                thread.start()
                thread.join(0.3)
        super().__setitem__(key, value)


def test_a_cancel_in_the_midst_of_a_sign_of_life_is_not_lost():
    exports = ExportsUnderWay()
    with exports.following(EXPORT, Pacer((), lambda: 0.0), lambda _: None) as hear:
        exports._known = known = Meanwhile(exports._known, lambda: exports.cancel("e"))
        hear(Told("Merging"))
        known.threads[0].join()

        with pytest.raises(ExportCancelledError):
            hear(Told("Merging"))
