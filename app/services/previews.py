"""See what a base model will see of some rows before a run: token by token, row by row, length by length."""

import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice, repeat
from pathlib import Path
from statistics import fmean
from typing import Final, Literal

from app.domain.errors import StudioError
from app.domain.hub import hub_label
from app.domain.ports import RunStore
from app.domain.previews import (
    Fate,
    Length,
    Looker,
    PreviewError,
    Progress,
    Source,
    Survey,
    SurveyFiles,
)
from app.domain.quality import QualityChecker
from app.domain.runs import RunRequest
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL
from app.domain.speeds import MeasuredSpeed, SpeedLog
from app.domain.typed_paths import expanded
from app.services.library import LibraryService
from app.services.quality import QualityService, split_of
from app.services.source_rows import SourceRows, characters_of, identity_of, is_small, write_lines
from trainer_image.config import HubDataset, RunConfig
from trainer_image.judging import Verdict, verdicts
from trainer_image.lengths import lost_share, padding, percentile, steps, steps_of_epoch, tokens
from trainer_image.look_protocol import Estimated, Examined, Shown

log = logging.getLogger(__name__)

HUB_ROWS: Final = 500
"""So many of a dataset on the Hub are looked at, which takes seconds to stream."""
_RUNS_ASKED: Final = 200
TOKENS_SHOWN: Final = 1_000
_TEMPLATE_TOKENS: Final = 64
"""A chat template's own, beyond the names of fields and roles in a row."""


class PreviewService:
    """What the previews can ask for. Blocking: the UI calls it off the event loop."""

    def __init__(
        self,
        library: LibraryService,
        runs: RunStore,
        speeds: SpeedLog,
        looker: Looker,
        files: SurveyFiles,
        *,
        cache: Path,
        bundled_model: Path,
        checker: QualityChecker,
    ) -> None:
        self._library, self._runs, self._speeds = library, runs, speeds
        self._looker, self._files = looker, files
        self._cache, self._bundled_model = cache, bundled_model
        self._rows = SourceRows(library, cache)
        self.quality = QualityService(checker, files, self._rows.as_file, identity_of, cache=cache)
        self._known: dict[tuple[str, str], Survey] = {}
        """(content, how rows are seen) → what was found out since the app was started."""
        self._lock = threading.Lock()
        self._began = uuid.uuid4()
        """What is on the Hub is read anew after each start: it may have changed."""

    def problem(self) -> str:
        """Why nothing can be looked at on this computer, as a sentence; empty if it can."""
        return self._looker.problem()

    def of_session(self, session: Session) -> Source:
        return Source(
            session_id=session.id,
            label=session.name,
            row_count=session.row_count,
            version=session.version,
            identity=session.content_hash,
        )

    def source_of(self, request: RunRequest) -> Source:
        """The rows a run would train on. Quick. Raises PreviewError if they cannot be looked at before."""
        if request.session_id:
            return self.of_session(self._library.get(request.session_id))
        if request.data_file:
            file = self._as_run_reads(request.data_file, request.config)
            made_of = None if file == request.data_file else request.data_file
            return Source(file=file, label=request.data_file.name, made_of=made_of)
        if isinstance(request.config.dataset, HubDataset):
            return self._of_hub(request.config.dataset, offline=request.config.offline)
        raise PreviewError("There are no rows to look at yet.", "Choose a session or a file.")

    def prepare(self, source: Source, config: RunConfig, progress: Progress) -> None:
        """Make the file of a source where it has none yet: converted as a run would, or its first rows
        streamed from the Hub. `progress` may raise to cancel; then there is none. Raises StudioError."""
        if source.file is None or source.made_of is None or source.file.is_file():
            return
        progress(0)
        try:
            with self._rows.workplace() as place:
                self._make(source.made_of, place / source.file.name, config, progress)
                for old in sorted(self._cache.glob("*.jsonl"), key=lambda file: file.stat().st_mtime)[:-1]:
                    old.unlink(missing_ok=True)
                (place / source.file.name).replace(source.file)
        except OSError as error:
            raise PreviewError(
                f"{source.label} could not be read and converted: {error.strerror or error}.",
                "Make room and look again.",
            ) from error

    def seen_as(self, source: Source, config: RunConfig) -> str:
        """Alike as long as a survey of the source under the config would find the same."""
        return f"{source.session_id} {source.file} {source.identity} {_eye(self.seen_by(config))}"

    def show(
        self, source: Source, config: RunConfig, number: int, *, start: int = 0, limit: int = TOKENS_SHOWN
    ) -> Shown:
        """Row `number`, from 0, as the model sees it. Raises PreviewError."""
        self.prepare(source, config, _unheard)
        line = next(self._rows.lines(source, start=number, limit=1), None)
        if line is None:
            raise PreviewError(f"There is no row {number + 1:,}.", "Choose an earlier one.")
        return self._looker.show(self.seen_by(config), line, number=number + 1, start=start, limit=limit)

    def sample(self, source: Source, config: RunConfig) -> Survey:
        """What a few rows from all over the source tell, at once; all of them where they are few.

        Raises PreviewError.
        """
        self.prepare(source, config, _unheard)
        if is_small(source):
            return self.survey(source, config, _unheard)
        config = self.seen_by(config)
        name, notices = self._looker.open(config)
        target = self._target(source, f"{name} sample")
        with self._rows.workplace() as place:
            data = write_lines(place / "rows.jsonl", self._rows.sampled(source), _unheard)
            self._looker.survey(config, data, target, _unheard, apart=False)
        return Survey(source, self._files.table(target), target, tuple(notices), is_sample=True)

    def survey(self, source: Source, config: RunConfig, progress: Progress) -> Survey:
        """What becomes of every row; from the cache where it was found out before. Raises PreviewError.

        `progress` may raise to cancel; nothing half-done is kept.
        """
        self.prepare(source, config, progress)
        config = self.seen_by(config)
        name, notices = self._looker.open(config)
        source = replace(source, identity=identity_of(source))
        target = self._target(source, name)
        if not target.is_file():
            self._look_at_all(source, config, target, progress)
            self._files.make_room(self._cache, keep=target)
        table = self._files.table(target)
        survey = Survey(source, table, target, tuple(notices), is_sample=source.is_part)
        with self._lock:
            self._known[source.identity, _eye(config)] = survey
        return survey

    def known_or_sampled(self, source: Source, config: RunConfig) -> Survey:
        """All that was found out about the source since the app was started, else what a sample tells.

        Raises PreviewError.
        """
        with self._lock:
            candidates = list(self._known.items())
        eye = _eye(self.seen_by(config))
        found = (
            survey
            for (_, seen), survey in candidates
            if seen == eye and survey.source == source and source.identity in {"", survey.source.identity}
        )
        return next(found, None) or self.sample(source, config)

    def verdicts(self, survey: Survey, config: RunConfig) -> list[Verdict]:
        """What is to be said of the data before a run, well or not: the sentences `train.py` reports."""
        if config.is_pretraining:
            return []
        return verdicts(self._files.facts(survey.path, config))

    def length(self, survey: Survey, config: RunConfig, *, max_seq_len: int, speed: float | None) -> Length:
        """What a longest length would mean. Quick, and asks nobody: good for every move of a line."""
        outlook = survey.table.outlook(config, max_seq_len=max_seq_len)
        at_length = config.model_copy(update={"max_seq_len": max_seq_len})
        kept = tokens(outlook.kept)
        filled = padding(outlook.kept, config.per_device_batch_size) if not config.is_pretraining else 0
        return Length(
            max_seq_len=max_seq_len,
            buckets=outlook.buckets,
            lost_share=lost_share(outlook.buckets),
            cut=outlook.cut,
            is_exact=outlook.is_exact and not survey.is_sample,
            tokens=kept,
            padding=0 if config.packing else round(filled),
            saved_by_packing=round(filled),
            steps=steps(at_length, outlook),
            steps_of_epoch=steps_of_epoch(at_length, outlook),
            epoch_seconds=kept / speed if speed else None,
        )

    def percentiles(self, survey: Survey) -> dict[str, int]:
        """Lengths by name; empty if no row came to tokens."""
        counts = survey.table.lengths()
        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
        return {name: percentile(counts, share) for name, share in shares.items()} if counts else {}

    def fates(
        self, survey: Survey, config: RunConfig, bucket: str, *, start: int, limit: int
    ) -> Sequence[Fate]:
        """One page of the rows that end in a bucket, in their order."""
        if bucket not in {"trained", "validation"} or config.validation == "file":
            return self._files.fates(survey.path, config, bucket, start=start, limit=limit)
        aside, trained = split_of(self._files.kept(survey.path, config), config)
        numbers = (aside if bucket == "validation" else trained)[start : start + limit]
        return self._files.rows(survey.path, bucket, numbers)

    def memory(self, config: RunConfig, *, max_seq_len: int) -> Estimated:
        """What the run takes at its peak on this computer. Raises PreviewError."""
        return self._looker.estimate(self.seen_by(config).model_copy(update={"max_seq_len": max_seq_len}))

    def speed(self, config: RunConfig) -> float | None:
        """Tokens a second, as the newest run or probe of this model and method measured; None if none did."""
        run, probe = self._speed_of_a_run(config), self.measured(config)
        found = [run, (probe.measured_at, probe.tokens_per_second) if probe else None]
        known = [(when, speed) for when, speed in filter(None, found) if speed]
        return max(known)[1] if known else None

    def _speed_of_a_run(self, config: RunConfig) -> tuple[datetime, float] | None:
        model = self.seen_by(config).base_model
        for run in islice(self._runs.all(), _RUNS_ASKED):
            if run.config.base_model == model and run.config.method.kind == config.method.kind:
                metrics = self._runs.metrics(run.id, after_step=max(run.step - 1, 0))
                if metrics and metrics[-1].tokens_per_second:
                    return metrics[-1].time, metrics[-1].tokens_per_second
        return None

    def measured(self, config: RunConfig, *, rows: str | None = None) -> MeasuredSpeed | None:
        """By the newest probe of this model and method, with `rows` of these ones; None if there was none."""
        model, method = self.seen_by(config).base_model, config.method.kind
        likes = (each for each in self._speeds.newest_first() if (each.model, each.method) == (model, method))
        return next((each for each in likes if rows in {None, each.rows}), None)

    def outlook(
        self,
        config: RunConfig,
        *,
        device: Literal["cpu", "cuda"] | None = None,
        rows: int | None = None,
        longest: Sequence[int] | None = None,
    ) -> Estimated:
        """What the run takes in memory and on disk, on this device, and cautions. Raises PreviewError.

        `longest`: tokens of the longest rows; without them all are as long as may be.
        """
        return self._looker.estimate(self.seen_by(config), device=device, rows=rows, longest=longest)

    def longest(self, request: RunRequest) -> Sequence[int] | None:
        """Tokens of the longest rows of this very run, as many as are behind a step; None where nobody
        looked at all of them since the app was started, or where they are packed to documents."""
        survey = self.known(request)
        if survey is None or survey.is_sample or request.config.is_pretraining:
            return None
        kept = survey.table.outlook(self.seen_by(request.config)).kept
        every = chain.from_iterable(repeat(tokens, kept[tokens]) for tokens in sorted(kept, reverse=True))
        return list(islice(every, request.config.effective_batch_size)) or None

    def examine(self, config: RunConfig) -> Examined:
        """What can be trained on this computer, and where the run's numbers go. Raises PreviewError."""
        return self._looker.examine(config)

    def longest_possible(self, request: RunRequest) -> int | None:
        """Tokens that no row has more of, as none is shorter than a byte; None where there is nothing to
        read, or where reading all of it takes long."""
        try:
            source = self.source_of(request)
            is_there = source.file is None or source.file.is_file()
            is_all = is_there and not source.is_part and not request.config.is_pretraining
            if not is_all or not is_small(source):
                return None
            most = max((len(line.encode(errors="replace")) for line in self._rows.lines(source)), default=0)
        except StudioError:
            return None
        return most + _TEMPLATE_TOKENS if most else None

    def rough_characters(self, request: RunRequest) -> float | None:
        """Of a row on average, by some of them; None where none can be read in a moment."""
        try:
            source = self.source_of(request)
            if source.file is not None and not source.file.is_file():
                return None
            sizes = [characters_of(json.loads(line)) for line in self._rows.sampled(source)]
        except (StudioError, ValueError):
            return None
        return fmean(sizes) if sizes else None

    def expected(self, request: RunRequest) -> dict[str, int] | None:
        """The ledger a preview has shown for this very run; None if nobody previewed all of its rows."""
        survey = self.known(request)
        outlook = survey.table.outlook(self.seen_by(request.config)) if survey else None
        return dict(outlook.buckets) if outlook and outlook.is_exact else None

    def known(self, request: RunRequest) -> Survey | None:
        """What was found out about all rows of this very run since the app was started, if anything was."""
        if request.data_file is None and not request.session_id:
            return None
        try:
            source, config = self.source_of(request), self.seen_by(request.config)
            with self._lock:
                was_previewed = any(survey.source == source for survey in self._known.values())
            identity = was_previewed and (identity_of(source))
        except StudioError as error:
            log.info("No preview to compare with: %s", error)
            return None
        with self._lock:
            return self._known.get((identity, _eye(config))) if identity else None

    def close(self) -> None:
        self._looker.close()

    def seen_by(self, config: RunConfig) -> RunConfig:
        """The config with its model where it is on this computer."""
        model = config.base_model
        if model == BUNDLED_MODEL:
            return config.model_copy(update={"base_model": str(self._bundled_model)})
        folder = expanded(model)
        return config.model_copy(update={"base_model": str(folder.resolve())}) if folder.is_dir() else config

    def _target(self, source: Source, name: str) -> Path:
        content = f"{source.identity or source.file} {name}"
        return self._cache / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.sqlite"

    def _as_run_reads(self, path: Path, config: RunConfig) -> Path:
        """The file itself, or where it is, or will be, converted."""
        column = config.document_column_name if config.is_pretraining else None
        if self._library.is_for_the_trainer(path, column):
            return path
        status = path.stat()
        content = f"{path.absolute()} {status.st_size} {status.st_mtime_ns} {column}"
        return self._cache / f"{hashlib.sha256(content.encode('utf-8', 'replace')).hexdigest()[:32]}.jsonl"

    def _of_hub(self, dataset: HubDataset, *, offline: bool) -> Source:
        if reason := "The run is to stay offline." if offline else self._library.why_no_hub():
            raise PreviewError(
                f"{dataset.repo} cannot be looked at now. {reason}",
                "Import it once, then choose the session.",
            )
        content = f"hub {self._began} {dataset.model_dump_json()}"
        file = self._cache / f"{hashlib.sha256(content.encode('utf-8', 'replace')).hexdigest()[:32]}.jsonl"
        label = hub_label(dataset.repo, dataset.split, dataset.config)
        return Source(file=file, label=label, made_of=dataset)

    def _make(self, made_of: Path | HubDataset, target: Path, config: RunConfig, progress: Progress) -> None:
        if isinstance(made_of, Path):
            column = config.document_column_name if config.is_pretraining else None
            self._library.take_file(made_of, target, column, progress)
            return
        first = self._library.preview_hub(made_of.repo, made_of.split, made_of.config, HUB_ROWS)
        write_lines(target, (json.dumps(row, ensure_ascii=True) + "\n" for row in first.rows), progress)

    def _look_at_all(self, source: Source, config: RunConfig, target: Path, progress: Progress) -> None:
        apart = not is_small(source)
        with self._rows.as_file(source, progress) as data:
            self._looker.survey(config, data, target, progress, apart=apart)


def _eye(config: RunConfig) -> str:
    """Alike for configs that see rows alike, as long as model and validation file stay what they are."""
    aside = config.validation_file if config.validation == "file" else None
    return f"{config.base_model} {config.unmask_messages} {config.is_pretraining} " + (
        f"{config.document_column_name} {aside}"
    )


def _unheard(_: int) -> None:
    """Few rows: nobody waits long enough to ask how many are done."""
