"""The exporting process: one job on stdin, replies on what was stdout; it ends when stdin does.

The app is gone then, and so is what was half written: this process clears its folder before it ends.
"""

import logging
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from app.domain.errors import StudioError
from app.domain.exports import ExportJob, Told
from app.worker.exporting.protocol import Failed, Reply, read_job, write_reply
from trainer_image import importing, network
from trainer_image.giving_way import give_way

log = logging.getLogger("app.worker.exporting")

NO_TORCH = Failed(
    "Exporting needs PyTorch and Transformers, which are not installed.",
    'Run: pip install "tunewright[local,export]"',
)
NO_ROOM = Failed(
    "The disk became full while the export was written.", "Free some space, or choose another folder."
)
NO_MEMORY = Failed("Memory ran out during the export.", "Close other programs and try again.")


def main() -> None:
    network.obey_environment()
    give_way()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print goes to the log
    job = read_job(requests.readline())
    threading.Thread(target=_end_with_parent, args=(requests, job.staging), daemon=True).start()
    replies.write(write_reply(_answer(job, replies)))
    sys.stdout.flush()
    os._exit(0)  # a thread waits for stdin, and llama.cpp's have no end


def _end_with_parent(requests: BinaryIO, staging: Path) -> None:
    requests.read()
    shutil.rmtree(staging, ignore_errors=True)
    os._exit(1)


def _answer(job: ExportJob, replies: BinaryIO) -> Reply:
    def tell(told: Told) -> None:
        replies.write(write_reply(Reply(told=told)))

    tell(Told("Starting PyTorch"))
    try:
        with importing.at_once():
            from app.worker.exporting import building  # noqa: PLC0415 seconds, and torch may be missing

        return Reply(made=building.make(job, tell))
    except StudioError as error:
        log.info("refused: %s", error)
        return Reply(failed=Failed(error.message, error.hint))
    except ModuleNotFoundError:
        log.exception("cannot import")
        return Reply(failed=NO_TORCH)
    except Exception as error:
        log.exception("the export failed")
        return Reply(failed=_explained(error, job))


def _explained(error: BaseException, job: ExportJob) -> Failed:
    text = str(error).lower()
    if "no space left" in text or "disk quota" in text or "os error 28" in text or _is_full(job.staging):
        return NO_ROOM
    if isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text:
        return NO_MEMORY
    return Failed(
        f"The export failed unexpectedly ({type(error).__name__}).", "The log export.log has details."
    )


def _is_full(folder: Path) -> bool:
    """Not every library says what the system said."""
    try:
        return shutil.disk_usage(folder).free < 1_000_000
    except OSError:
        return False


if __name__ == "__main__":
    main()
