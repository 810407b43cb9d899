"""Auto Set for a setup: reads the card, the model's config and the lengths of the rows, then chooses.

What cannot be had is said, and makes the choice rougher; it never ends in silence.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.domain.auto_reasons import AutoSet, auto_settings
from app.domain.auto_set import (
    NO_WISHES,
    Case,
    KnownRows,
    Machine,
    Model,
    Peak,
    Wishes,
    bfloat16,
    estimated_peak,
)
from app.domain.errors import StudioError
from app.domain.gpus import Gpus, called, freest
from app.domain.model_sizes import ModelConfigs, parameters_in_name, rough_shape, stored_bits_in_name
from app.domain.runs import RunRequest, Target
from app.domain.setups import BUNDLED_MODEL
from app.services.previews import PreviewService
from trainer_image import memory
from trainer_image.config import RunConfig
from trainer_image.demand import EngineName, work_of
from trainer_image.events import Memory
from trainer_image.machine import cpu_name, likely_device
from trainer_image.memory_history import Kind, Known, MemoryHistory, corrected, kind_of
from trainer_image.problems import RunFailedError
from trainer_image.shapes import Shape, shape_of

log = logging.getLogger(__name__)

_ENGINES: Final[tuple[EngineName, ...]] = ("transformers", "unsloth")


class AutoSettingService:
    """Blocking: the UI calls it off the event loop. Takes seconds where a tokenizer has to be started."""

    def __init__(
        self,
        gpus: Gpus,
        models: ModelConfigs,
        previews: PreviewService,
        *,
        computer_memory: Callable[[], tuple[int, int]],
        history: Path,
        bundled_model: Path,
        offline: Callable[[], str],
        trains_on_gpus: Callable[[], bool] = lambda: likely_device() == "cuda",
    ) -> None:
        """`offline` says why the network is not used; `trains_on_gpus` whether a run of this computer itself
        would use a GPU that is there."""
        self._gpus, self._models, self._previews = gpus, models, previews
        self._computer_memory, self._history = computer_memory, MemoryHistory(history)
        self._bundled_model, self._offline = bundled_model, offline
        self._trains_on_gpus = trains_on_gpus

    def settings_for(self, request: RunRequest, wishes: Wishes = NO_WISHES) -> AutoSet:
        """What fits, with reasons; the request's other settings count."""
        notes: list[str] = []
        config = request.config
        try:
            model = self._model(config, notes)
        except StudioError as error:
            return AutoSet(problem=error.message, advice=error.hint)
        rows = self._rows(request, notes)
        machine = self._machine(request)
        peak = _learnt(estimated_peak(machine), machine, self._history.every())
        answer = auto_settings(Case(config, rows, machine, model, peak, wishes))
        return replace(answer, notes=(*answer.notes, *notes)) if answer.choices else answer

    def _machine(self, request: RunRequest) -> Machine:
        in_container = request.target is Target.DOCKER
        uses_gpu = request.docker.use_gpu if in_container else self._trains_on_gpus()
        gpus = self._gpus() if uses_gpu else ()
        if (number := freest(gpus)) is not None:
            gpu, name = gpus[number], called(gpus, number)
            return Machine(gpu, gpu.memory_bytes, gpu.free_bytes, cards=len(gpus), called=name)
        total, available = self._computer_memory()
        return Machine(None, total, available)

    def _model(self, config: RunConfig, notes: list[str]) -> Model:
        name = config.base_model
        place = str(self._bundled_model) if name == BUNDLED_MODEL else name
        try:
            found = self._models.of(place, offline=config.offline or bool(self._offline()))
            shape = shape_of(found)
        except (StudioError, RunFailedError) as error:
            return self._by_its_name(name, error, notes)
        text = found.get("text_config") or found
        context = text.get("max_position_embeddings")
        return Model(name, shape, context if isinstance(context, int) else None)

    def _by_its_name(self, name: str, error: StudioError | RunFailedError, notes: list[str]) -> Model:
        """Raises StudioError if no size is in it."""
        parameters = parameters_in_name(name)
        if parameters is None:
            raise StudioError(
                f"How much memory this model takes cannot be told. {error.message}",
                f"{error.hint} Or choose another preset.".lstrip(),
            ) from error
        notes.append(error.message)
        shape = rough_shape(parameters, stored_bits=stored_bits_in_name(name))
        return Model(name, shape, is_rough=True)

    def _rows(self, request: RunRequest, notes: list[str]) -> KnownRows:
        config, previews = request.config, self._previews
        count = None
        try:
            source = previews.source_of(request)
            count = source.row_count
            survey = previews.known_or_sampled(source, config)
            lengths = previews.percentiles(survey)
        except StudioError as error:
            log.info("Auto Set does without the rows: %s", error)
            notes.append(f"How long the rows are is not known. {error.message}")
            return KnownRows(count)
        if not survey.is_sample:
            longest = max([*lengths.values(), config.max_seq_len])
            count = survey.table.outlook(config, max_seq_len=longest).trained
        return KnownRows(count, lengths, is_whole=not survey.is_sample)


def _learnt(peak: Peak, machine: Machine, every: list[Known]) -> Peak:
    """The estimate, as runs of the same kind on this device correct it; the dearer of two engines."""
    runs: dict[Kind, list[Known]] = defaultdict(list)
    for known in every:
        runs[known.kind].append(known)
    if not runs:
        return peak
    name = machine.gpu.name if machine.gpu else cpu_name()

    def learnt(shape: Shape, config: RunConfig) -> int:
        kinds = [
            kind_of(config, shape, device=name, bfloat16=bfloat16(machine, config), engine=engine)
            for engine in _ENGINES
        ]
        event = _event(shape, config, machine)
        found = [corrected(event, runs[kind]).high for kind in kinds if kind in runs]
        return max(found, default=event.high)

    return learnt


def _event(shape: Shape, config: RunConfig, machine: Machine) -> Memory:
    device: Final = "cuda" if machine.gpu else "cpu"
    work = work_of(config, device=device, bfloat16=bfloat16(machine, config))
    guess = memory.estimate(shape, work)
    return Memory(
        device=device,
        low=guess.low,
        expected=guess.expected,
        high=guess.high,
        terms=guess.terms,
        known_model=shape.is_exact,
        rows_at_once=work.rows,
        longest_row=work.tokens_per_row,
    )
