"""A process that has imported what the trainer needs and forks ranks of it, which then start at once.

For tests of what several processes compute; those of how they are started and ended start the real ones.
"""

# ruff: noqa: PLC0415 — the pytest process imports none of it

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import differences, killing, tiny

PROCESSES = 2
PATIENCE_SECONDS = 240


class WarmRanks:
    """Trains a run folder by two processes, as a torchrun on one computer would, or by one."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "ranks.log"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.trainer.warm"],
            cwd=tiny.TRAIN.parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=tiny.environment(),
        )

    def __call__(
        self,
        run_dir: Path,
        *options: str,
        differs: str | None = None,
        environment: Mapping[str, str] = {},
        processes: int = PROCESSES,
        computers: int = 1,
        moment: killing.Moment | None = None,
    ) -> tiny.Ran:
        """On two computers each process is alone on its own, and leaves its notes in a folder of its number.

        `differs` names what makes the second process another than the first; see `differences.py`. At its
        `moment` the first kills itself.

        A process that is not done after four minutes is killed, which is code 14.
        """
        assert self._server.stdin
        assert self._server.stdout
        self._log.write_bytes(b"")
        arguments = ["--run-dir", str(run_dir), *options]
        order = {
            "arguments": arguments, "log": str(self._log), "differs": differs, "environment": {**environment},
            "processes": processes, "computers": computers, "moment": moment,
        }  # fmt: skip
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        codes: list[int] = json.loads(self._server.stdout.readline())
        return tiny.Ran(run_dir, max(map(abs, codes)), self._log.read_text(encoding="utf-8"))

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()


def serve() -> None:
    import datasets  # noqa: F401
    import peft  # noqa: F401

    from trainer_image import loop  # noqa: F401

    for line in sys.stdin:
        order = json.loads(line)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        pids = [_fork(rank, port, order) for rank in range(order["processes"])]
        print(json.dumps([_code_of(pid) for pid in pids]), flush=True)


def _code_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fork(rank: int, port: int, order: dict[str, Any]) -> int:
    if pid := os.fork():
        return pid
    try:
        from trainer_image import ranks, train

        ranks.die_with_parent()
        signal.alarm(PATIENCE_SECONDS)
        file = os.open(order["log"], os.O_WRONLY | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.environ.update(_place(rank, port, order["processes"]) | order["environment"])
        if order["computers"] > 1:
            os.environ.update(_computer(rank, order["computers"]))
        if rank and order["differs"]:
            differences.NAMED[order["differs"]]()
        if order["moment"] and not rank:
            killing.kill_at(killing.Moment(*order["moment"]))
        os._exit(train.main(order["arguments"]))
    finally:
        os._exit(70)  # an exception that even the trainer's main let through


def _place(rank: int, port: int, processes: int) -> dict[str, str]:
    """What torchrun would set."""
    if processes == 1:
        return {}
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return {name: str(value) for name, value in {**place, **meeting}.items()}


def _computer(rank: int, computers: int) -> dict[str, str]:
    """What the torchrun of each computer would set, and the one that started that."""
    place = {"LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1, "GROUP_RANK": rank, "GROUP_WORLD_SIZE": computers}
    own = f"{os.environ['TUNEWRIGHT_RANKS']}/{rank}"
    return {name: str(value) for name, value in {**place, "TUNEWRIGHT_RANKS": own}.items()}


if __name__ == "__main__":
    serve()
