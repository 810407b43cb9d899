"""Before a run starts: what it will take, and everything that speaks against starting it."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from app.domain import preflight_remarks as remarks
from app.domain.errors import StudioError, is_passing
from app.domain.gpus import Gpu, Gpus, called, freest
from app.domain.ports import RunStore, Secrets
from app.domain.preflight import ActiveLogger, DiskNeed, Download, MemoryNeed, Readiness, Remark, WhyLongest
from app.domain.preflight_ports import Hub, ModelFiles
from app.domain.previews import PreviewError
from app.domain.rough_time import rough_seconds
from app.domain.runpod_ports import NoCapacityError
from app.domain.runs import RunRequest, Target
from app.domain.setups import BUNDLED_MODEL
from app.domain.typed_paths import expanded, is_folder, nearest_folder
from app.services.extent import extent_of, rows_of
from app.services.library import LibraryService
from app.services.previews import PreviewService
from app.services.remembering import Remembering
from app.services.renting.planning import RentingService
from app.services.run_requests import offline_problem
from app.services.side_by_side import Question, answers
from app.services.training import TrainingService
from trainer_image.config import HubDataset, RunConfig
from trainer_image.lengths import lost_share
from trainer_image.look_protocol import Estimated

_PATIENCE: Final = {"target": 6.0, "model": 12.0, "data": 12.0, "push": 12.0, "size": 25.0, "place": 40.0}
"""Seconds each check may take."""
_NAMES: Final = {
    "target": "The target",
    "model": "The base model",
    "data": "The data",
    "push": "The Hub's account",
    "size": "Memory and disk",
    "place": "What is installed",
}
_BY_THE_RUN: Final = "The run itself is to stay offline."
_CONTAINER_CACHE: Final = Path("cache/huggingface/hub")
"""Of a Docker target, in its data folder."""


@dataclass(frozen=True)
class _Asked:
    """A request as it will be run, with what several checks need."""

    request: RunRequest
    config: RunConfig
    why_no_hub: str
    token: str | None
    """That the run itself will have."""
    model_folder: Path | None
    """On this computer: chosen as a folder, bundled, or in a cache; perhaps not whole."""
    cache: Path | None

    @property
    def on_docker(self) -> bool:
        return self.request.target is Target.DOCKER

    @property
    def is_rented(self) -> bool:
        return self.request.target is Target.RUNPOD

    @property
    def in_image(self) -> bool:
        """Whether another Python than this one's executes it."""
        return self.on_docker or self.is_rented

    @property
    def gets_token(self) -> bool:
        passed = self.request.pod.pass_hf_token if self.is_rented else self.request.docker.pass_hf_token
        return passed or not self.in_image


class PreflightService:
    """Blocking, and up to seconds where the Hub is asked: the UI calls it off the event loop."""

    def __init__(
        self,
        training: TrainingService,
        previews: PreviewService,
        library: LibraryService,
        runs: RunStore,
        models: ModelFiles,
        hub: Hub,
        secrets: Secrets,
        *,
        gpus: Gpus,
        computer_memory: Callable[[], tuple[int, int]],
        offline: Callable[[], str],
        renting: RentingService | None = None,
    ) -> None:
        """`computer_memory`: all and what is free. `offline`: why the network is not used, or nothing."""
        self._training, self._previews, self._library = training, previews, library
        self._runs, self._models, self._hub, self._secrets = runs, models, hub, secrets
        self._gpus, self._computer_memory, self._offline = gpus, computer_memory, offline
        self._renting = renting
        self._remembered = Remembering()

    def check(self, request: RunRequest) -> Readiness:
        """Everything found out about a request that lacks nothing. Never raises for what it finds."""
        if missing := self._training.missing(request):
            is_offline = missing == offline_problem(request, is_mode=bool(self._offline()))
            hint = "Then check again."
            return Readiness((Remark("Settings", "error", f"{missing}.", hint, may_pass=is_offline),))
        asked = self._asked(request)
        checks: dict[str, Callable[[_Asked], Readiness]] = {
            "target": self._target,
            "model": self._model,
            "data": self._data,
            "push": self._push,
            "size": self._size,
            "place": self._place,
        }

        def question(name: str, check: Callable[[_Asked], Readiness]) -> Question[Readiness]:
            return Question(lambda: _as_remark(name, check, asked), _PATIENCE[name])

        found = answers({name: question(name, check) for name, check in checks.items()})
        together = Readiness()
        for name, part in found.items():
            late = Readiness(unknown=(f"{_NAMES[name]} could not be checked.",))
            together = together.with_(part or late)
        together = _timed(asked, together)
        return _concluded(together.with_(self._cost(asked, together)))

    def _asked(self, request: RunRequest) -> _Asked:
        why_not = self._offline() or (_BY_THE_RUN if request.config.offline else "")
        config = request.config.model_copy(update={"offline": True}) if why_not else request.config
        cache = None
        if request.target is Target.DOCKER:
            cache = self._training.output_folder(request).parent.parent / _CONTAINER_CACHE
        folder = self._folder_of(config, cache)
        is_asked = config.push or isinstance(config.dataset, HubDataset) or not folder
        is_asked = bool(is_asked or self._models.lacks(folder or Path()))
        found = _Asked(request, config, why_not, None, folder, cache)
        if not (found.gets_token and is_asked) or why_not:
            return found
        return replace(found, token=self._secrets.hf_token())

    def _folder_of(self, config: RunConfig, cache: Path | None) -> Path | None:
        seen = Path(self._previews.seen_by(config).base_model)
        if config.base_model == BUNDLED_MODEL or is_folder(seen):
            return seen
        return self._models.cached(config.base_model, cache)

    def _target(self, asked: _Asked) -> Readiness:
        problems = self._training.target_problems(asked.request)
        return Readiness(tuple(Remark("Target", "error", problem) for problem in problems))

    def _model(self, asked: _Asked) -> Readiness:
        name, folder = asked.config.base_model, asked.model_folder
        lacks = self._models.lacks(folder) if folder else ""
        found = Readiness(remarks.of_a_base_model(asked.config))
        if folder and not lacks:
            return replace(found, download=Download(0))
        if folder and (is_folder(expanded(name)) or name == BUNDLED_MODEL):
            return found.with_(Readiness((remarks.of_a_broken_folder(folder, lacks),)))
        if asked.why_no_hub:
            said = remarks.of_no_download(name, lacks, asked.why_no_hub)
            return found.with_(Readiness((replace(said, may_pass=asked.why_no_hub != _BY_THE_RUN),)))
        return replace(found, download=self._download(asked))

    def _download(self, asked: _Asked) -> Download:
        name, token, cache = asked.config.base_model, asked.token, asked.cache
        key = ("model", name, token, cache)
        return self._remembered.asked(key, lambda: self._hub.model(name, token=token, cache=cache))

    def _data(self, asked: _Asked) -> Readiness:
        request, config = asked.request, asked.config
        if request.session_id and not self._library.get(request.session_id).row_count:
            message, hint = "The chosen session has no rows.", "Add rows in the Data tab, or choose another."
            return Readiness((Remark("Data", "error", message, hint),))
        if request.data_file:
            path, status = request.data_file, request.data_file.stat()
            file = (path, status.st_size, status.st_mtime_ns)
            self._remembered.asked(file, lambda: self._library.preview_file(path, 1))
        elif isinstance(config.dataset, HubDataset):
            repo = config.dataset.repo
            dataset = ("dataset", repo, asked.token)
            self._remembered.asked(dataset, lambda: self._hub.require_dataset(repo, token=asked.token))
        expected = self._previews.expected(request)
        lost = remarks.loss_remarks(lost_share(expected), config.max_lost_share) if expected else ()
        extent = extent_of(request, self._library, self._previews, self._runs)
        unread = [
            remarks.of_validation_file(path) for path in _validation_files(config) if not _is_read(path)
        ]
        return Readiness((*lost, *unread), extent=extent)

    def _push(self, asked: _Asked) -> Readiness:
        push, token = asked.config.push, asked.token
        if push is None:
            return Readiness()
        if asked.why_no_hub or token is None:
            is_held_back = asked.in_image and not asked.gets_token
            said = remarks.of_no_push(push.repo_id, asked.why_no_hub, is_held_back=is_held_back)
            return Readiness((replace(said, may_pass=asked.why_no_hub not in ("", _BY_THE_RUN)),))
        account = self._remembered.asked(("account", token), lambda: self._hub.account(token))
        return Readiness(remarks.of_an_account(account, push.repo_id))

    def _size(self, asked: _Asked) -> Readiness:
        if not self._has_sizes(asked):
            return Readiness()
        is_here = not asked.is_rented and (not asked.on_docker or asked.request.docker.use_gpu)
        gpus = self._gpus() if is_here else ()
        device: Literal["cpu", "cuda"] | None = None
        if asked.in_image:
            device = "cuda" if gpus or asked.is_rented else "cpu"
        rows = rows_of(asked.request, self._library)
        try:
            longest, why_longest = self._longest(asked)
            found = self._previews.outlook(_sized(asked), device=device, rows=rows, longest=longest)
        except StudioError as error:
            if isinstance(error, PreviewError) and error.is_refusal:
                return Readiness((Remark("Model", "error", error.message, error.hint),))
            return Readiness(unknown=(f"What the run takes is not known: {error.message}",))
        memory = None if asked.is_rented else self._memory_need(found, gpus, why_longest)
        return Readiness(
            tuple(Remark("Settings", "warning", sentence) for sentence in found.cautions),
            memory=memory,
            disk=self._disk_need(asked, found),
            directions=found.directions,
            parameters=found.parameters or None,
        )

    def _has_sizes(self, asked: _Asked) -> bool:
        """Not of a model that cannot be had, which the check of the model says."""
        if asked.model_folder is not None or asked.why_no_hub:
            return asked.model_folder is not None
        try:
            self._download(asked)
        except StudioError:
            return False
        return True

    def _longest(self, asked: _Asked) -> tuple[Sequence[int] | None, WhyLongest]:
        """Tokens of the longest rows behind a step; None for as long as may be."""
        if (known := self._previews.longest(asked.request)) is not None:
            return known, "there"
        possible = self._previews.longest_possible(asked.request)
        if possible is None or possible >= asked.config.max_seq_len:
            return None, "allowed"
        return [possible] * asked.config.effective_batch_size, "possible"

    def _memory_need(self, found: Estimated, gpus: Sequence[Gpu], why_longest: WhyLongest) -> MemoryNeed:
        need = MemoryNeed(
            found.device,
            "this computer",
            found.low,
            found.expected,
            found.high,
            is_rough=not found.known_model,
            runs_known=found.runs_known,
            longest_row=found.longest_row,
            why_longest=why_longest,
        )
        if found.device == "cpu":
            total, free = self._computer_memory()
            return replace(need, free=free, total=total)
        if not gpus:
            return need
        number = freest(gpus) or 0  # the one a run is started on
        gpu = gpus[number]
        return replace(need, device_name=called(gpus, number), free=gpu.free_bytes, total=gpu.memory_bytes)

    def _disk_need(self, asked: _Asked, found: Estimated) -> DiskNeed:
        folder = nearest_folder(self._training.output_folder(asked.request))
        most = found.checkpoint_bytes * (asked.config.keep_checkpoints + 1) + found.result_bytes
        return DiskNeed(folder, found.checkpoint_bytes, most, shutil.disk_usage(folder).free)

    def _cost(self, asked: _Asked, found: Readiness) -> Readiness:
        """What a rented GPU costs; asked last, because it depends on how long the run is."""
        if not asked.is_rented or self._renting is None or found.errors:
            return Readiness()
        try:
            plan = self._renting.plan(asked.request, found.extent.steps if found.extent else None)
        except StudioError as error:
            dearer = error.later if isinstance(error, NoCapacityError) else None
            said = Remark("Cost", "error", error.message, error.hint, error.may_pass)
            return Readiness((said,), dearer=dearer)
        return Readiness(remarks.of_a_plan(plan), plan=plan)

    def _place(self, asked: _Asked) -> Readiness:
        """What is installed where the run executes; of an image only what was asked for is known."""
        try:
            found = self._previews.examine(asked.config)
        except StudioError as error:
            return Readiness(unknown=(f"What is installed is not known: {error.message}",))
        if asked.in_image:
            wanted = [logger for logger in found.loggers if logger.origin == "the config"]
            return Readiness(loggers=tuple(ActiveLogger(each.label, each.origin, None) for each in wanted))
        loggers = tuple(ActiveLogger(each.label, each.origin, each.is_installed) for each in found.loggers)
        said = [
            *(remarks.of_a_logger(logger) for logger in loggers if not logger.is_installed),
            *remarks.of_what_cannot_run(asked.config, found.abilities),
        ]
        return Readiness(tuple(said), loggers=loggers, abilities=found.abilities)


def _as_remark(name: str, check: Callable[[_Asked], Readiness], asked: _Asked) -> Readiness:
    """What the check found; an error it met with is one that blocks."""
    about = {"push": "Token", "data": "Data", "model": "Model"}.get(name, "Target")
    try:
        return check(asked)
    except StudioError as error:
        return Readiness((Remark(about, "error", error.message, error.hint, error.may_pass),))
    except OSError as error:
        message = f"{_NAMES[name]} cannot be read: {error.strerror or error}."
        hint = "Check the path and its permissions."
        return Readiness((Remark(about, "error", message, hint, is_passing(error)),))


def _timed(asked: _Asked, found: Readiness) -> Readiness:
    """With a time by size alone where nothing like it was measured, and a processor is to compute it."""
    extent = found.extent
    is_on_a_processor = found.memory is not None and found.memory.device == "cpu"
    if extent is None or extent.seconds is not None or not (extent.steps and extent.tokens):
        return found
    if not is_on_a_processor or found.parameters is None:
        return found
    seconds = rough_seconds(
        asked.config,
        parameters=found.parameters,
        tokens=extent.tokens,
        steps=extent.steps,
        cores=os.cpu_count() or 1,
    )
    return replace(found, extent=replace(extent, seconds=seconds, is_by_size=True))


def _concluded(found: Readiness) -> Readiness:
    """With what follows from several checks together; each sentence once, errors first."""
    said = [
        *found.remarks,
        *remarks.memory_remarks(found.memory),
        *remarks.disk_remarks(found.disk, found.download),
    ]
    said = list({(remark.level, remark.message): remark for remark in said}.values())
    return replace(found, remarks=tuple(sorted(said, key=lambda remark: remark.level != "error")))


def _sized(asked: _Asked) -> RunConfig:
    """The config with its model where its sizes stand, so that the Hub need not be asked for them again."""
    folder = asked.model_folder
    if folder is None or not (folder / "config.json").is_file():
        return asked.config
    return asked.config.model_copy(update={"base_model": str(folder)})


def _validation_files(config: RunConfig) -> list[Path]:
    """Of those that can be looked for now: a relative path starts at the run's folder, which is to come."""
    path = expanded(config.validation_file or "")
    return [path] if config.validation == "file" and path.is_absolute() else []


def _is_read(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
