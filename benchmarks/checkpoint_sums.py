"""What the checksums of a checkpoint cost, when it is written and before it is gone on from: `--gigabytes 2`.

Writes one of that size with and without them, three times each in turn, timed from when the libraries have
written its files to when it stands under its name, on disk. Then reads one back as a resume does.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from trainer_image import resuming, soundness
from trainer_image.checkpoints import Checkpoints, Progress

ROUNDS: Final = 3
FILES: Final = ("model.safetensors", "optimizer.pt", "optimizer-2.pt")
"""Weights, and the two moments of each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--in", dest="place", type=Path, help="a folder on the disk to measure")
    arguments = parser.parse_args()
    each = int(arguments.gigabytes * 1e9 / len(FILES))
    times: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory(dir=arguments.place) as name:
        for number in range(2 * ROUNDS):
            with_sums = number % 2 == 0
            times[with_sums].append(_write(Path(name) / str(number), each, with_sums=with_sums))
        reading = _read(Path(name) / "0")
    plain, summed = (statistics.median(times[on]) for on in (False, True))
    print(
        f"{arguments.gigabytes} GB: {plain:.2f} s without, {summed:.2f} s with; read back in {reading:.2f} s"
    )


def _write(run: Path, size: int, *, with_sums: bool) -> float:
    """Seconds from the last byte written to the checkpoint's name."""
    checkpoints = Checkpoints(run, keep=9)
    content = bytes(range(256)) * 4096
    counting = soundness.counting
    soundness.counting = counting if with_sums else _nothing
    try:
        with checkpoints.writing(_progress()):
            folder = checkpoints.partial / "checkpoint"
            folder.mkdir()
            for name in FILES:
                with (folder / name).open("wb") as file:
                    for _ in range(size // len(content)):
                        file.write(content)
            began = time.perf_counter()
        return time.perf_counter() - began
    finally:
        soundness.counting = counting
        if not run.name.startswith("0"):
            shutil.rmtree(run, ignore_errors=True)


@contextmanager
def _nothing(paths: Sequence[Path]) -> Iterator[dict[Path, str]]:
    yield dict.fromkeys(paths, "")


def _read(run: Path) -> float:
    began = time.perf_counter()
    assert resuming.newest(Checkpoints(run, keep=9)).checkpoint
    return time.perf_counter() - began


def _progress() -> Progress:
    return Progress(
        step=1, total_steps=2, samples_seen=1, tokens_seen=1, elapsed_seconds=1.0, loss=1.0, identity={},
        data_sha256="",
    )  # fmt: skip


if __name__ == "__main__":
    main()
