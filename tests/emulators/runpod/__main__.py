"""Runpod on this computer, to try the app by hand.

    python -m tests.emulators.runpod --port 8123 [--folder DIR] [--image NAME=COMMAND]…

Prints the variables to start the app with. Whatever a pod's image is called, it runs the real supervisor and
the real trainer of this checkout, on the processor.
"""

import argparse
import shlex
import signal
import tempfile
import threading
from pathlib import Path

from tests.emulators.runpod import Image, RunpodEmulator
from tests.emulators.runpod.pods import Pace
from tests.emulators.runpod.trainer import trainer_image


def main() -> None:
    parser = argparse.ArgumentParser(description="Runpod on loopback: pods are processes of this computer.")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--folder", type=Path, help="for volumes and pods (a temporary one otherwise)")
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="what an image runs (the trainer)",
    )
    parser.add_argument("--credit", type=float, default=25.0, help="dollars of the account")
    parser.add_argument("--per-minute", type=int, default=60, help="requests of a key in a minute")
    parser.add_argument("--fast", action="store_true", help="pods are there at once")
    asked = parser.parse_args()
    told = (one.partition("=") for one in asked.image)
    images = {"": trainer_image()} | {name: Image(shlex.split(command)) for name, _, command in told}
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="runpod-"))
    emulator = RunpodEmulator(
        folder,
        images=images,
        port=asked.port,
        credit=asked.credit,
        per_minute=asked.per_minute,
        pace=Pace() if asked.fast else Pace(provision=3, start=6, restart=2),
    )
    with emulator:
        for name, value in emulator.environment().items():
            print(f"export {name}='{value}'")
        print(f"# faults, time, what is there: {emulator.url}/__control; files: {folder}", flush=True)
        over = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: over.set())
        over.wait()
        print("Ending all pods.")


if __name__ == "__main__":
    main()
