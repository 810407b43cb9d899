"""A run by another trainer: tokens in its format, its figures as our events, its result."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from trainer_image import backends, launching, ranks
from trainer_image.backends import Backend
from trainer_image.config import OUTPUT_DIR, RunConfig
from trainer_image.data import TrainingRows
from trainer_image.events import EXIT_FINISHED, EXIT_STOPPED, Metrics
from trainer_image.output import make_readable
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter
from trainer_image.schedule import warmup_steps
from trainer_image.stopping import StopRequest

FOLDER: Final = "backend"
"""In the run folder: what the backend reads and writes."""
_LOOK_EVERY_SECONDS: Final = 0.5
_PROGRAM: Final = """
import importlib, json, sys
package, given = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
library = importlib.import_module(package)
library.run_training(library.TorchrunArgs(**given["torchrun"]), library.TrainingArgs(**given["training"]))
"""


def train(
    config: RunConfig, model: str, run_dir: Path, rows: TrainingRows, reporter: Reporter, stop: StopRequest
) -> int:
    """Train by another trainer until it ends or is stopped. Raises RunFailedError if it fails."""
    backend = backends.of(config)
    assert backend is not None
    spread = launching.spread_of(config.distributed, os.environ)
    folder = run_dir / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    write_rows(folder, rows)
    processes = spread.processes * spread.nodes
    total = total_steps(config, len(rows.input_ids), processes)
    training = backend.arguments(
        config, model, folder, processes=processes, warmup=warmup_steps(config, total),
        has_validation=rows.validation is not None,
    )  # fmt: skip
    given = {"torchrun": torchrun_arguments(spread), "training": training}
    (folder / "arguments.json").write_text(json.dumps(given, indent=1), encoding="utf-8")
    reporter.phase("train")
    reporter.notice(f"Training by {backend.NAME}, in {processes} processes.")
    if config.measure_first and rows.validation is not None:
        reporter.notice(f"There is no measurement before training: {backend.NAME} begins at once.")
    command = [sys.executable, "-c", _PROGRAM, backend.PACKAGE, str(folder / "arguments.json")]
    last = follow(command, backend, folder, total, reporter, stop)
    if stop.wish:
        reporter.finish("stopped", message=f"{backend.NAME} was ended without saving.")
        return EXIT_STOPPED
    reporter.phase("save")
    take_result(folder, run_dir)
    reporter.phase("done")
    reporter.finish(
        "finished",
        step=last.step if last else total,
        total_steps=total,
        final_loss=last.loss if last else None,
        output=OUTPUT_DIR,
        output_kind="weights",
        base_model=config.base_model,
    )
    return EXIT_FINISHED


def write_rows(folder: Path, rows: TrainingRows) -> None:
    """`data.jsonl`, and `validation.jsonl` if rows are kept aside, as both backends read
    them: tokens, which of them are learnt, and how many there are."""
    folder.mkdir(parents=True)
    for name, part in (("data.jsonl", rows), ("validation.jsonl", rows.validation)):
        if part is not None:
            with (folder / name).open("w", encoding="utf-8") as file:
                for ids, labels in zip(part.input_ids, part.labels, strict=True):
                    row = {"input_ids": [*map(int, ids)], "labels": [*map(int, labels)], "len": len(ids)}
                    file.write(json.dumps(row) + "\n")


def total_steps(config: RunConfig, rows: int, processes: int) -> int:
    in_all = math.ceil(rows / (config.effective_batch_size * processes)) * config.num_epochs
    return min(in_all, config.max_steps) if config.max_steps else in_all


def torchrun_arguments(spread: launching.Spread) -> dict[str, Any]:
    """Their `TorchrunArgs`; both libraries call the fields alike."""
    meeting = {"rdzv_endpoint": spread.rdzv_endpoint or "", "rdzv_id": spread.rdzv_id or 0}
    if spread.master_addr:
        meeting |= {"master_addr": spread.master_addr, "master_port": spread.master_port or 29500}
    elif not spread.rdzv_endpoint:
        meeting["rdzv_endpoint"] = "127.0.0.1:29500"
    return {
        "nproc_per_node": spread.processes,
        "nnodes": spread.nodes,
        "node_rank": spread.node_rank,
        **meeting,
    }


def follow(
    command: list[str], backend: Backend, folder: Path, total: int, reporter: Reporter, stop: StopRequest
) -> Metrics | None:
    """Run the command; report what it adds to its metrics file as it goes. Returns the last metrics.

    Raises RunFailedError if it fails. When a stop is asked for, it and what it started is ended.
    """
    process = subprocess.Popen(
        command,
        start_new_session=sys.platform != "win32",
        preexec_fn=ranks.die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
    )
    stop.defer()
    lines = _Lines(folder / backend.METRICS_FILE)
    last: Metrics | None = None
    is_running = True
    while is_running:
        is_running = process.poll() is None
        for row in lines.new():
            event = backend.event_of(row, total)
            if event is not None:
                reporter.emit(event)
                last = event if isinstance(event, Metrics) else last
        if is_running and stop.wish:
            _end(process)
        if is_running:
            time.sleep(_LOOK_EVERY_SECONDS)
    if process.returncode and not stop.wish:
        raise RunFailedError(
            f"{backend.NAME} failed with exit code {process.returncode}.",
            "The log has its own words; the backend 'native' trains the same.",
        )
    return last


def take_result(folder: Path, run_dir: Path) -> None:
    """Copy the newest model the backend has saved to `output/`. Raises RunFailedError if there is none."""
    saved = max((folder / "hf_format").glob("*"), key=lambda path: path.stat().st_mtime, default=None)
    if saved is None:
        raise RunFailedError(
            "The backend ended well but has saved no model.",
            f"It was expected in {FOLDER}/hf_format of the run folder; the log has the backend's own words.",
        )
    partial, target = run_dir / f".{OUTPUT_DIR}.partial", run_dir / OUTPUT_DIR
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(saved, partial)
    make_readable(partial)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)


class _Lines:
    """The JSON lines added to a file since the last look; a torn one waits until it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def new(self) -> Iterator[dict[str, Any]]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                added = file.read()
        except FileNotFoundError:
            return
        whole = added[: added.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The whole group: torchrun, which they start, then ends its own processes."""
    if sys.platform == "win32":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGTERM)
