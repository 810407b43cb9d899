"""Take what a run has made along: in which formats, how large, written whole or not at all, and certified."""

import json
import secrets as dice
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.domain.errors import StudioError
from app.domain.export_formats import kind_of
from app.domain.export_ports import Exporter, ExportStore, Tell
from app.domain.export_sizes import estimate
from app.domain.exports import (
    CERTIFICATE_FILE,
    Certificate,
    Check,
    Estimate,
    Export,
    ExportFormat,
    ExportJob,
    ExportWish,
    FormatChoice,
    MlxBits,
    Quantization,
    Told,
)
from app.domain.file_names import file_name
from app.domain.gpus import Gpus, freest
from app.domain.model_sizes import ModelConfigs
from app.domain.ports import OpenFolder, Processes, RunStore, Secrets
from app.domain.preflight_ports import ModelFiles
from app.domain.runs import Run, RunId
from app.domain.sizes import sized
from app.services import export_files as files
from app.services.export_bases import ExportBases, name_of_base
from app.services.export_deleting import Deleted, delete_files
from app.services.export_progress import ExportsUnderWay, ExportUnderWay
from app.services.export_prompts import prompts_of
from app.services.export_pushing import ExportPushing
from app.services.export_sources import RESULT, ExportSource, source_of, sources_of
from app.services.export_timing import ExportTiming
from app.services.weights import bytes_in


class ExportService:
    """Blocking: the UI calls it off the event loop. One export at a time is no rule of this service."""

    def __init__(
        self,
        runs: RunStore,
        store: ExportStore,
        exporter: Exporter,
        models: ModelFiles,
        processes: Processes,
        secrets: Secrets,
        open_folder: OpenFolder,
        timing: ExportTiming,
        *,
        folder: Path,
        clock: Callable[[], datetime],
        offline: Callable[[], str],
        version: str,
        configs: ModelConfigs,
        gpus: Gpus,
        downloads: Callable[[], Path],
        make_room: Callable[[], None],
    ) -> None:
        """`downloads` is where base models are downloaded to; `make_room` lets a model that somebody talks to
        go, as its memory is needed."""
        self._runs = runs
        self._store = store
        self._exporter = exporter
        self._processes = processes
        self._open_folder = open_folder
        self._timing = timing
        self._under_way = ExportsUnderWay()
        self._folder = folder
        self._clock = clock
        self._offline = offline
        self._bases = ExportBases(models, configs)
        self._gpus = gpus
        self._downloads = downloads
        self._make_room = make_room
        self.pushing = ExportPushing(
            self.find, runs, store, exporter, secrets, offline=offline, version=version
        )

    def sources(self, run: Run) -> tuple[ExportSource, ...]:
        """What can be exported: the result, then the whole checkpoints, newest first."""
        return tuple(sources_of(run))

    def formats(
        self, run: Run, quantization: Quantization = Quantization.Q8_0, checkpoint: str = RESULT
    ) -> tuple[FormatChoice, ...]:
        """What it can become, each with why not."""
        return tuple(
            FormatChoice(one, self._blocked(run, one, quantization, checkpoint)) for one in ExportFormat
        )

    def proposed_folder(
        self,
        run: Run,
        format: ExportFormat,
        quantization: Quantization,
        checkpoint: str = RESULT,
        mlx_bits: MlxBits = MlxBits.EIGHT,
    ) -> Path:
        """Where it is written if nobody says otherwise; neither there nor taken by one under way."""
        kind = kind_of(format, quantization, mlx_bits)
        parts = [file_name(run.name), *([checkpoint] if checkpoint else []), kind]
        coming = {export.folder for export in self._being_made()}
        return files.free_folder(self._folder, "-".join(parts), coming)

    def estimate(self, run: Run, wish: ExportWish) -> Estimate:
        """Raises StudioError where there is no such result or checkpoint."""
        source = source_of(run, wish.checkpoint)
        model = self._bases.model(run, wish, offline=self._is_offline(run))
        found = estimate(
            wish,
            model,
            adapter_bytes=source.size_bytes,
            is_adapter=source.is_adapter,
            free_bytes=files.free_bytes(wish.folder),
            download_free_bytes=files.free_bytes(self._downloads()),
            is_one_disk=files.is_one_disk(wish.folder, self._downloads()),
            card_free_bytes=self._card_free_bytes(),
        )
        return replace(found, seconds=self._timing.expected_seconds(wish, model.parameters))

    def has_card(self) -> bool:
        """Whether there is a choice of what computes."""
        return bool(self._gpus())

    def export(self, run_id: RunId, wish: ExportWish, tell: Tell) -> Export:
        """Write, load again and certify. What `tell` raises cancels it, and then nothing of it is left.

        Its folder is another than the wish's where something came to lie there meanwhile.
        Raises StudioError. An export that does not pass its certificate is kept, and says why."""
        run = self._runs.get(run_id)
        self.tidy()
        self._require_possible(run, wish)
        offline = self._is_offline(run)
        parameters = self._bases.model(run, wish, offline=offline).parameters
        export = self._begun(run, wish)
        assert export.staging is not None
        pacer = self._timing.pacer(wish, parameters)
        try:
            with self._under_way.following(export, pacer, tell, offline=offline) as hear:
                certificate = self._made(run, wish, export.staging, hear, offline=offline)
            facts = self._facts(run, wish, export)
            files.write_certificate(export.staging, certificate, facts)
            size = bytes_in(export.staging)
            place = files.put_in_place(export.staging, export.folder)
        except BaseException:
            files.clear(export.staging)
            self._store.delete(export.id)
            raise
        done = replace(
            export,
            folder=place,
            size_bytes=size,
            created_at=self._clock(),
            passed=certificate.passed,
            verdict=certificate.verdict,
            owner=None,
            staging=None,
        )
        self._store.replace(done)
        self._timing.keep(wish, parameters, pacer)
        return done

    def exports(self, run_id: RunId | None = None) -> list[Export]:
        """Of one run, or all, newest first. Those being written are left out."""
        found = self._store.all() if run_id is None else self._store.of_run(run_id)
        return [export for export in found if export.owner is None]

    def being_written(self) -> list[str]:
        """Labels of those that this or another process is making and that may use the network.

        Whether it may is known of this process's own; of another's it is taken for granted."""
        inside = self._under_way.offline_ids()
        return [export.label for export in self._being_made() if export.id not in inside]

    def under_way(self, run_id: RunId) -> tuple[ExportUnderWay, ...]:
        """Those of a run that this process is making."""
        return self._under_way.of_run(run_id)

    def cancel(self, export_id: str) -> None:
        """End one that is under way; nothing of it is left then. Returns at once."""
        self._under_way.cancel(export_id)

    def find(self, prefix: str) -> Export:
        """By its id or the start of it. Raises StudioError."""
        found = [export for export in self.exports() if export.id.startswith(prefix)]
        if len(found) != 1:
            few = "No export has" if not found else "Several exports have"
            raise StudioError(
                f"{few} an id that begins with '{prefix}'.", "`tunewright exports list` has them."
            )
        return found[0]

    def certificate(self, export: Export) -> Certificate | None:
        """None if it cannot be read any more."""
        try:
            found = json.loads((export.folder / CERTIFICATE_FILE).read_bytes())
            checks = tuple(Check(**check) for check in found["checks"])
            return Certificate(
                str(found["runtime"]),
                checks,
                remarks=tuple(found["remarks"]),
                untried=str(found.get("untried", "")),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def show_folder(self, folder: Path) -> None:
        """In the file manager. Raises StudioError."""
        self._open_folder(folder)

    def delete(self, export_id: str) -> Deleted:
        """With the files it wrote; others stay. Raises StudioError where another export lies there now."""
        export = self.find(export_id)
        deleted = delete_files(export)
        self._store.delete(export.id)
        return deleted

    def forget(self, export_id: str) -> Export:
        """Take it off the list; its files stay."""
        export = self.find(export_id)
        self._store.delete(export.id)
        return export

    def tidy(self) -> None:
        """Remove what processes that are no more have left half-written."""
        for export in self._store.all():
            if export.owner is not None and not self._processes.is_alive(export.owner):
                files.clear(export.staging)
                self._store.delete(export.id)

    def _being_made(self) -> list[Export]:
        """Not those that a process which is no more has left."""
        is_alive = self._processes.is_alive
        return [one for one in self._store.all() if one.owner is not None and is_alive(one.owner)]

    def _is_offline(self, run: Run) -> bool:
        return run.config.offline or bool(self._offline())

    def _blocked(self, run: Run, format: ExportFormat, quantization: Quantization, checkpoint: str) -> str:
        try:
            source = source_of(run, checkpoint)
        except StudioError as error:
            return error.message if checkpoint else "This run has no result yet."
        if format is ExportFormat.ADAPTER and not source.is_adapter:
            return "This run trained all weights: there is no adapter."
        return self._exporter.lacks(format, quantization)

    def _require_possible(self, run: Run, wish: ExportWish) -> None:
        source_of(run, wish.checkpoint)
        if reason := self._blocked(run, wish.format, wish.quantization, wish.checkpoint):
            raise StudioError(f"{run.name} cannot be exported like that. {reason}", "Choose another format.")
        files.require_place(wish.folder)
        found = self.estimate(run, wish)
        if not found.fits:
            assert found.needed_bytes is not None
            raise StudioError(
                f"The export takes about {sized(found.needed_bytes)} while it is made, and "
                f"{sized(found.free_bytes)} are free on the disk of {wish.folder}.",
                "Free some space, choose a folder on another disk, or a smaller quantisation.",
            )
        if not found.download_fits:
            raise StudioError(
                f"The base model is still to be downloaded: about {sized(found.download_bytes)}, and "
                f"{sized(found.download_free_bytes)} are free on the disk of {self._downloads()}.",
                "Free some space there.",
            )

    def _begun(self, run: Run, wish: ExportWish) -> Export:
        """Known to the store before anything is written, so that nothing is left behind unknown."""
        export_id = dice.token_hex(6)
        folder = wish.folder.absolute()
        export = Export(
            id=export_id,
            run_id=run.id,
            label=wish.label,
            format=wish.format,
            folder=folder,
            size_bytes=0,
            created_at=self._clock(),
            passed=False,
            verdict="",
            owner=self._processes.me(),
            staging=files.staging_of(folder, export_id),
        )
        self._store.add(export)
        try:
            files.make_staging(folder, export_id)
        except StudioError:
            self._store.delete(export_id)
            raise
        return export

    def _made(self, run: Run, wish: ExportWish, staging: Path, tell: Tell, *, offline: bool) -> Certificate:
        source = source_of(run, wish.checkpoint)
        prompts, what_they_are = prompts_of(run, wish.prompts)
        job = ExportJob(
            base_model=str(self._bases.named(run, wish)),
            model=source.folder,
            is_adapter=source.is_adapter,
            format=wish.format,
            quantization=wish.quantization,
            staging=staging,
            name=file_name(run.name),
            prompts=prompts,
            mlx_bits=wish.mlx_bits,
            computes_on=wish.computes_on,
            offline=offline,
        )
        tell(Told("Starting"))
        self._make_room()
        certificate = self._exporter.make(job, tell).certificate
        return replace(certificate, remarks=(what_they_are, *certificate.remarks))

    def _facts(self, run: Run, wish: ExportWish, export: Export) -> dict[str, Any]:
        return {
            "export": export.id,
            "run": run.name,
            "run_id": run.id,
            "checkpoint": wish.checkpoint or "none: the result",
            "base_model": name_of_base(run),
            "method": run.config.method.kind,
            "format": wish.label,
            "made_at": self._clock().isoformat(timespec="seconds"),
        }

    def _card_free_bytes(self) -> int | None:
        gpus = self._gpus()
        number = freest(gpus)
        return None if number is None else gpus[number].free_bytes


def in_words(exports: Sequence[Export]) -> str:
    """ "2 exports, 3.1 GB"."""
    size = sized(sum(export.size_bytes for export in exports))
    return f"{len(exports)} {'export' if len(exports) == 1 else 'exports'}, {size}"
