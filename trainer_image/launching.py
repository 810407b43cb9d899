"""Several processes from the one command: torchrun on `train.py`, with signals passed on, exit code kept.

Every process of torchrun runs the same `train.py`; the first of them reports. Imports no training library.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from trainer_image import beginning_again, ranks
from trainer_image.checkpoints import FoundMemory
from trainer_image.computers import Others
from trainer_image.config import Distributed
from trainer_image.problems import RunFailedError, bad_config
from trainer_image.reporting import Reporter

_LOOK_EVERY_SECONDS: Final = 0.05
_PASSED_ON: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name)
)
_OWN_LOOP: Final = {"native", "unsloth"}
"""Backends that are this trainer; the others start torchrun themselves."""
_FROM_ENVIRONMENT: Final = (
    "nproc_per_node", "nnodes", "node_rank", "rdzv_id", "rdzv_endpoint", "master_addr", "master_port",
)  # fmt: skip


@dataclass(frozen=True)
class Spread:
    """How many processes on how many computers, and how these find each other."""

    processes: int
    nodes: int = 1
    node_rank: int = 0
    rdzv_id: str | None = None
    rdzv_endpoint: str | None = None
    master_addr: str | None = None
    master_port: int | None = None

    @property
    def is_several(self) -> bool:
        return self.processes * self.nodes > 1

    def options(self) -> list[str]:
        """For torchrun."""
        options = [f"--nproc-per-node={self.processes}", f"--nnodes={self.nodes}"]
        if self.rdzv_endpoint:
            meeting = [f"--rdzv-endpoint={self.rdzv_endpoint}", f"--rdzv-id={self.rdzv_id or 'tunewright'}"]
            return [*options, "--rdzv-backend=c10d", f"--node-rank={self.node_rank}", *meeting]
        if self.master_addr:
            first = [f"--master-addr={self.master_addr}", f"--master-port={self.master_port or 29500}"]
            return [*options, f"--node-rank={self.node_rank}", *first]
        return [*options, "--standalone"]


def is_started_by_torchrun() -> bool:
    return "LOCAL_RANK" in os.environ and "WORLD_SIZE" in os.environ


def require_one_process_to_split(asked: Distributed, environment: Mapping[str, str]) -> None:
    """Raise RunFailedError if somebody's torchrun started several processes for a model to be split."""
    processes = int(environment["WORLD_SIZE"])
    if asked.enable_model_splitting and processes > 1:
        raise bad_config(
            f"torchrun started {processes} processes, and a model that is split over the GPUs has one.",
            "Start train.py with plain python, or turn enable_model_splitting off.",
        )


def spread_of(asked: Distributed, environment: Mapping[str, str]) -> Spread:
    """Config before environment before default. Raises RunFailedError if they cannot go together."""
    merged = merge(asked, environment)
    nodes, rank = merged.nnodes or 1, merged.node_rank or 0
    if rank >= nodes:
        raise bad_config(
            f"node_rank is {rank}, but there are only {nodes} computers.",
            "The computers are counted from 0; correct node_rank or nnodes.",
        )
    if nodes > 1 and not merged.rdzv_endpoint and not merged.master_addr:
        raise bad_config(
            "Several computers are asked for, but not where they meet.",
            "Set rdzv_endpoint, or master_addr and master_port, to the first computer.",
        )
    return Spread(
        processes=_processes(merged.nproc_per_node),
        nodes=nodes,
        node_rank=rank,
        rdzv_id=merged.rdzv_id,
        rdzv_endpoint=merged.rdzv_endpoint,
        master_addr=merged.master_addr or ("127.0.0.1" if merged.master_port else None),
        master_port=merged.master_port,
    )


def merge(asked: Distributed, environment: Mapping[str, str]) -> Distributed:
    """Fill what the config leaves open from PET_* variables. Raises RunFailedError if one is no good."""
    values = asked.model_dump(exclude_none=True)
    found = {name: environment.get(f"PET_{name.upper()}", "") for name in _FROM_ENVIRONMENT}
    if asked.enable_model_splitting:  # is for one process, whatever else this computer is set up for
        return asked
    if asked.rdzv_endpoint:  # the config's way of meeting, not a mixture of both
        found |= {"master_addr": "", "master_port": ""}
    if asked.master_addr or asked.master_port:
        found |= {"rdzv_endpoint": ""}
    filled = {name: _number(text) for name, text in found.items() if text} | values
    try:
        return Distributed.model_validate(filled)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise bad_config(
            f"The settings for several processes do not fit: {reason.removeprefix('Value error, ')}.",
            "Correct the config's 'distributed', or the PET_ variables of the environment.",
        ) from None


def start(spread: Spread, train: Path, arguments: list[str], run_dir: Path, *, attempt: int) -> int:
    """Run torchrun on `train` until it ends; the exit code is the one of the first process here.

    If a process dies without a word, the run's last words are said here. Nothing is left running: where this
    process is killed, Linux kills the others.
    """
    mail, others = _Mail(spread.processes), Others(spread.nodes)
    mail.collect()

    def once(words: Sequence[str], more: Mapping[str, str]) -> tuple[int, FoundMemory | None]:
        with tempfile.TemporaryDirectory(prefix="tunewright-ranks-") as name:
            folder = Path(name)
            process = subprocess.Popen(
                [sys.executable, "-m", "torch.distributed.run", *spread.options(), str(train), *words],
                env={**_environment(spread, folder), **more},
                start_new_session=sys.platform != "win32",  # signals reach the ranks by mail, and only once
                preexec_fn=ranks.die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
            mail.deliver_until_end_of(process, folder, others)
            notes = others.notes(folder)
            if found := beginning_again.noted(notes):
                return beginning_again.AGAIN, found
            code, problem = _code_of_first(folder), next(ranks.problems_in(notes), None)
            if code is None:
                return last_words(problem or ranks.without_a_word(), ranks.group_in(folder)), None
            if problem and ranks.group_in(folder):  # the first process, which speaks, is elsewhere
                print(problem.message, problem.hint, file=sys.stderr)  # noqa: T201
            return code, None

    def last_words(problem: RunFailedError, computer: int | None) -> int:
        """The first process of all speaks; it was killed, or never started, or cannot begin again."""
        if not (spread.node_rank if computer is None else computer):
            Reporter(run_dir, attempt=attempt).finish("failed", message=problem.message, hint=problem.hint)
        return problem.exit_code

    try:
        return beginning_again.until_it_fits(once, arguments, run_dir, others.agree)
    except RunFailedError as problem:
        return last_words(problem, others.here)
    finally:
        others.leave()


def spread_in(config_file: Path) -> Spread | None:
    """What a run's config asks for; None for one process, or if it is no good, which `train.py` reports."""
    try:
        content = json.loads(config_file.read_bytes())
        asked = Distributed.model_validate(content.get("distributed", {}))
        spread = spread_of(asked, os.environ)
    except (OSError, ValueError, AttributeError, RecursionError, RunFailedError):
        return None
    is_own = content.get("backend", "native") in _OWN_LOOP and not content.get("backend_plugin")
    return spread if spread.is_several and is_own else None


class _Mail:
    """Signals to this process, passed on to each rank once all of them listen; none is lost before."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._waiting: list[int] = []

    def collect(self) -> None:
        for number in _PASSED_ON:
            signal.signal(number, lambda number, _frame: self._waiting.append(number))

    def deliver_until_end_of(self, process: "subprocess.Popen[bytes]", folder: Path, others: Others) -> None:
        while True:
            try:
                process.wait(_LOOK_EVERY_SECONDS)
            except subprocess.TimeoutExpired:
                self._deliver(folder)
                if others.have_ended(folder):
                    _end(process)
            else:
                return

    def _deliver(self, folder: Path) -> None:
        listening = list(folder.glob("*.pid"))
        if len(listening) < self._processes:
            return
        while self._waiting:
            number = self._waiting.pop(0)
            for path in listening:
                _send(int(path.read_text(encoding="utf-8")), number)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """And its ranks with it, which wait for one that has gone: Linux kills them, elsewhere torchrun does."""
    if sys.platform == "linux":
        process.kill()
    else:
        process.terminate()


def _code_of_first(folder: Path) -> int | None:
    try:
        return int((folder / "0.exit").read_text(encoding="utf-8"))
    except OSError:
        return None


def _processes(asked: int | str | None) -> int:
    if isinstance(asked, int) or asked is None:
        return asked or 1
    import torch  # noqa: PLC0415 only to count GPUs

    gpus = int(torch.cuda.device_count())
    if asked == "gpu" and not gpus:
        raise RunFailedError(
            "nproc_per_node is 'gpu', but there is no GPU that PyTorch can use here.",
            "Set nproc_per_node to a number, or to 'auto', which takes one process where there is no GPU.",
        )
    return max(gpus, 1)


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _environment(spread: Spread, folder: Path) -> dict[str, str]:
    threads = str(max(1, (os.cpu_count() or 1) // spread.processes))
    return {"OMP_NUM_THREADS": threads, **_without_pet(os.environ), ranks.FOLDER: str(folder)}


def _without_pet(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what has been read already: torchrun would read it again."""
    read = {f"PET_{name.upper()}" for name in _FROM_ENVIRONMENT}
    return {name: value for name, value in environment.items() if name not in read}
