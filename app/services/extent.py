"""How long a run will be: rows, steps, and how long that takes if it goes as earlier runs or probes went."""

import math
from datetime import datetime
from itertools import islice
from typing import Final

from app.domain.ports import RunStore
from app.domain.preflight import Extent
from app.domain.rough_time import rough_tokens
from app.domain.runs import RunRequest
from app.services.library import LibraryService
from app.services.previews import PreviewService
from trainer_image.aside import validation_count
from trainer_image.config import RunConfig

_RUNS_ASKED: Final = 100


def rows_of(request: RunRequest, library: LibraryService) -> int | None:
    """All rows of the source; None where nobody has counted them."""
    return library.get(request.session_id).row_count if request.session_id else None


def extent_of(
    request: RunRequest, library: LibraryService, previews: PreviewService, runs: RunStore
) -> Extent:
    """Exact where all rows were looked at before; else by the number of rows as if all were learnt."""
    config = request.config
    if survey := previews.known(request):
        speed = previews.speed(config)
        length = previews.length(survey, config, max_seq_len=config.max_seq_len, speed=speed)
        rows = length.buckets.get("trained")
        epochs = length.steps / max(length.steps_of_epoch, 1)
        seconds = length.epoch_seconds * epochs if length.epoch_seconds is not None else None
        is_exact = length.is_exact and _steps_are_known(config)
        steps = length.steps if _steps_are_known(config) else None
        return Extent(rows, steps, is_exact, seconds, tokens=length.tokens * epochs)
    rows = rows_of(request, library)
    trained = rows - validation_count(config, rows) if rows is not None else None
    steps = _steps(config, trained)
    seconds = _seconds(request, steps, previews, runs)
    return Extent(trained, steps, seconds=seconds, tokens=_tokens(request, steps, previews))


def _tokens(request: RunRequest, steps: int | None, previews: PreviewService) -> float | None:
    characters = previews.rough_characters(request) if steps else None
    if steps is None or characters is None:
        return None
    a_row = min(rough_tokens(characters), request.config.max_seq_len)
    return steps * request.config.effective_batch_size * a_row


def _steps_are_known(config: RunConfig) -> bool:
    """Several processes share the rows, and how many is known only where they start."""
    return bool(config.max_steps) or config.distributed.nproc_per_node in {None, 1}


def _steps(config: RunConfig, rows: int | None) -> int | None:
    if config.max_steps:
        return config.max_steps
    if rows is None or config.is_pretraining or not _steps_are_known(config):
        return None
    return config.num_epochs * math.ceil(rows / config.effective_batch_size)


def rows_named(request: RunRequest) -> str:
    """The session, or the file, whose rows a request is about; empty for a dataset of the Hub."""
    return str(request.session_id or request.data_file or "")


def _seconds(
    request: RunRequest, steps: int | None, previews: PreviewService, runs: RunStore
) -> float | None:
    """As the newest run of this model, method and session went, or the newest probe: so many examples."""
    if steps is None or not rows_named(request):
        return None
    found = [_by_a_probe(request, previews), _by_a_run(request, previews, runs)]
    newest = max(filter(None, found), default=None)
    return newest[1] * steps * request.config.effective_batch_size if newest else None


def _by_a_probe(request: RunRequest, previews: PreviewService) -> tuple[datetime, float] | None:
    """(when, seconds an example); none for where another computer trains."""
    if request.target.needs_network:
        return None
    measured = previews.measured(request.config, rows=rows_named(request))
    return (measured.measured_at, measured.seconds_per_example) if measured else None


def _by_a_run(request: RunRequest, previews: PreviewService, runs: RunStore) -> tuple[datetime, float] | None:
    if request.session_id is None:
        return None
    model, kind = previews.seen_by(request.config).base_model, request.config.method.kind
    for run in islice(runs.all(), _RUNS_ASKED):
        is_like_it = run.config.base_model == model and run.config.method.kind == kind
        if not is_like_it or run.session_id != request.session_id or run.target is not request.target:
            continue
        metrics = runs.metrics(run.id, after_step=max(run.step - 1, 0))
        if metrics and (last := metrics[-1]).step:
            return last.time, last.elapsed_seconds / (last.step * run.config.effective_batch_size)
    return None
