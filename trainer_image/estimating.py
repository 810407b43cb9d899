"""What a run's config means in memory and on disk: the estimate before anything large is loaded.

Imports no training library.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trainer_image import engines, memory, ranks, stored
from trainer_image.cards import suggest_gpu
from trainer_image.config import RunConfig
from trainer_image.decoders import require_decoder
from trainer_image.demand import EngineName, work_of
from trainer_image.events import Memory
from trainer_image.memory_history import Experience, MemoryHistory, kind_of, place
from trainer_image.models import Device, config_of, device_name, find_model
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter
from trainer_image.shapes import Shape, shape_of
from trainer_image.stored import Osft, Work


@dataclass(frozen=True)
class Outlook:
    """What a run is expected to take, and where it adds what it took; nowhere if that helps no other run."""

    event: Memory
    experience: Experience | None = None


def shape_of_model(model: str, *, offline: bool) -> Shape:
    """Of a model folder, or of a model on the Hub, of which only `config.json` is fetched.

    Raises RunFailedError if there is none or it lacks what is needed.
    """
    return shape_of(config_of(model, offline=offline))


def as_event(shape: Shape, work: Work, *, available: int | None = None) -> Memory:
    guess = memory.estimate(shape, work)
    return Memory(
        device=work.device,
        low=guess.low,
        expected=guess.expected,
        high=guess.high,
        terms=guess.terms,
        known_model=shape.is_exact,
        rows_at_once=work.rows,
        longest_row=work.tokens_per_row,
        available=available,
    )


def estimate_run(
    run_dir: Path,
    config: RunConfig,
    *,
    device: Literal["cpu", "cuda"],
    lengths: Sequence[int] | None = None,
) -> dict[str, Any]:
    """What `train.py --estimate` prints. Raises RunFailedError. Loads no weights and no data.

    `lengths`: tokens of the longest rows; without them all are as long as may be.
    """
    bfloat16 = config.precision != "float32" if device == "cuda" else config.precision == "bfloat16"
    found = config_of(find_model(config.base_model, run_dir), offline=config.offline)
    require_decoder(config.base_model, found)
    shape = shape_of(found)
    work = work_of(config, device=device, bfloat16=bfloat16, lengths=lengths)
    event = as_event(shape, work)
    history = MemoryHistory(place(run_dir))
    if history.has_any(config.method.kind) and (name := device_name(device)):
        engine = engines.likely(config)
        known = experience(history, config, shape, device=name, bfloat16=bfloat16, engine=engine)
        event = known.correct(event) if known else event
    return {
        **event.model_dump(exclude={"type", "time", "peak", "reserved", "available"}),
        "parameters": shape.parameters,
        "trained_parameters": stored.trained_parameters(shape, work),
        "checkpoint_bytes": _checkpoint_bytes(shape, work, config),
        "result_bytes": stored.result_bytes(shape, work),
        "directions": _directions(shape, work),
        "suggested_gpu": _suggested_gpu(shape, config),
    }


def _directions(shape: Shape, work: Work) -> list[dict[str, Any]]:
    """Of each kind of matrix OSFT factorises; none with another method."""
    method = work.method
    if not isinstance(method, Osft):
        return []
    return [
        {
            **{name: getattr(matrix, name) for name in ("name", "rows", "columns", "copies", "rank")},
            "trained": stored.trained_rank(matrix, method.unfreeze_rank_ratio),
        }
        for matrix in shape.matching(method.patterns)
    ]


def _suggested_gpu(shape: Shape, config: RunConfig) -> str | None:
    """By the upper end of what it would take there, wherever the estimate is asked for."""
    there = work_of(config, device="cuda", bfloat16=config.precision != "float32")
    return suggest_gpu(shape.vocabulary, there.tokens_per_row, memory.estimate(shape, there).high)


def checkpoint_space(model: str, config: RunConfig) -> tuple[int, int]:
    """Bytes of one checkpoint and of the result; (0, 0) for a model that can't be counted."""
    try:
        shape = shape_of_model(model, offline=config.offline)
    except RunFailedError:
        return 0, 0
    work = work_of(config, device="cpu", bfloat16=False)
    return (
        _checkpoint_bytes(shape, work, config),
        stored.result_bytes(shape, work),
    )


def _checkpoint_bytes(shape: Shape, work: Work, config: RunConfig) -> int:
    return stored.checkpoint_bytes(
        shape,
        work,
        full_state=config.save_full_state,
        is_in_parts=config.distributed.strategy == "fsdp",
    )


def report_memory(
    model: str,
    config: RunConfig,
    reporter: Reporter,
    *,
    run_dir: Path,
    engine: EngineName,
    device: Device,
    lengths: Sequence[int],
    available: int,
) -> Outlook | None:
    """Say what memory the run is going to need; not knowing is no reason not to train."""
    try:
        shape = shape_of_model(model, offline=config.offline)
    except RunFailedError as unknown:
        reporter.notice(unknown.message)
        return None
    work = work_of(config, device=device.kind, bfloat16=device.bfloat16, lengths=lengths)
    event = as_event(shape, work, available=available)
    known = experience(
        MemoryHistory(place(run_dir)),
        config,
        shape,
        device=device_name(device.kind) or device.name,
        bfloat16=device.bfloat16,
        engine=engine,
    )
    event = known.correct(event) if known else event
    reporter.emit(event)
    reporter.say(f"Memory at the peak: about {event.expected / 1e9:.2f} GB expected")
    return Outlook(event, known)


def experience(
    history: MemoryHistory,
    config: RunConfig,
    shape: Shape,
    *,
    device: str,
    bfloat16: bool,
    engine: EngineName,
) -> Experience | None:
    """None where several processes, or several GPUs, share the model: one's memory tells nothing."""
    several = config.distributed
    if several.enable_model_splitting or several.nproc_per_node not in {None, 1} or ranks.world_size() > 1:
        return None
    return Experience(history, kind_of(config, shape, device=device, bfloat16=bfloat16, engine=engine))
