"""An app that is killed while it exports: says so, then writes for ever."""

import threading
from pathlib import Path

from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.exports import SqliteExportStore
from tests.exporting.conftest import service_of, unheard, wish
from tests.services.conftest import make_world


class Endless:
    def lacks(self, format, quantization) -> str:
        return ""

    def make(self, job, tell):
        (job.staging / "half").write_bytes(b"x")
        print("writing", flush=True)
        threading.Event().wait()


def main(database: Path, run_id: str, folder: Path) -> None:
    opened = open_database(database)
    world = make_world(database.parent, opened)
    service_of(world, SqliteExportStore(opened), Endless()).export(run_id, wish(folder), unheard)
