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
from app.domain.export_sizes import WholeModel, estimate
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
    PushWish,
    Quantization,
    Replacing,
    Told,
)
from app.domain.gpus import Gpus, freest
from app.domain.hub import may_be_a_name
from app.domain.model_sizes import ModelConfigs
from app.domain.ports import OpenFolder, Processes, RunStore, Secrets
from app.domain.preflight_ports import ModelFiles
from app.domain.runs import Run, RunId
from app.domain.sizes import sized
from app.domain.typed_paths import expanded, is_folder, looks_like_path
from app.services import export_files as files
from app.services.export_card import export_card
from app.services.export_deleting import Deleted, delete_files
from app.services.export_models import ModelsToCome, in_folder
from app.services.export_progress import ExportsUnderWay, ExportUnderWay
from app.services.export_prompts import prompts_of
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
        self._models = models
        self._processes = processes
        self._secrets = secrets
        self._open_folder = open_folder
        self._timing = timing
        self._under_way = ExportsUnderWay()
        self._folder = folder
        self._clock = clock
        self._offline = offline
        self._version = version
        self._to_come = ModelsToCome(configs)
        self._gpus = gpus
        self._downloads = downloads
        self._make_room = make_room

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
        parts = [files.file_name(run.name), *([checkpoint] if checkpoint else []), kind]
        coming = {export.folder for export in self._being_made()}
        return files.free_folder(self._folder, "-".join(parts), coming)

    def estimate(self, run: Run, wish: ExportWish) -> Estimate:
        """Raises StudioError where there is no such result or checkpoint."""
        source = source_of(run, wish.checkpoint)
        model = self._model(run, wish)
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
        export = self._begun(run, wish)
        assert export.staging is not None
        parameters = self._model(run, wish).parameters
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

    def why_no_push(self) -> str:
        """Why nothing can be pushed now, as a sentence; empty if it can."""
        if reason := self._offline():
            return reason
        return "" if self._secrets.hf_token() else "There is no Hugging Face token: add one in Settings."

    def push(self, export_id: str, wish: PushWish, tell: Tell) -> Export:
        """Put an export on the Hub with a card, without its certificate, which quotes rows.

        Raises StudioError; also, before anything is sent, where files of a model would be replaced and the
        wish does not say that this is meant."""
        export = self._require_pushable(export_id, wish)
        if not wish.replaces and (there := self._replacing(export, wish)) is not None:
            raise StudioError(
                there.text, "Agree to that (`--replace`), or choose another name. Nothing was sent."
            )
        run = self._runs.get(export.run_id)
        card = export_card(run, export, self._version)
        token = self._secrets.hf_token() or ""
        address = self._exporter.push(export.folder, card, wish, token=token, tell=tell)
        pushed = replace(export, pushed_to=address)
        self._store.replace(pushed)
        return pushed

    def replacing(self, export_id: str, wish: PushWish) -> Replacing | None:
        """What a push would replace on the Hub; None where nothing is there. Raises StudioError."""
        return self._replacing(self._require_pushable(export_id, wish), wish)

    def _replacing(self, export: Export, wish: PushWish) -> Replacing | None:
        return self._exporter.replacing(export.folder, wish, token=self._secrets.hf_token() or "")

    def _require_pushable(self, export_id: str, wish: PushWish) -> Export:
        export = self.find(export_id)
        if reason := self.why_no_push():
            raise StudioError(f"The export cannot be pushed. {reason}", "Nothing was sent.")
        if not may_be_a_name(wish.repo):
            raise StudioError(
                f"'{wish.repo}' cannot be the name of a model on the Hub.",
                "Write it like this: your-name/ferry-talk",
            )
        if not is_folder(export.folder):
            raise StudioError(f"The export in {export.folder} is not there any more.", "Export it again.")
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
            base_model=str(self._named(run, wish)),
            model=source.folder,
            is_adapter=source.is_adapter,
            format=wish.format,
            quantization=wish.quantization,
            staging=staging,
            name=files.file_name(run.name),
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
            "base_model": self._models_name(run),
            "method": run.config.method.kind,
            "format": wish.label,
            "made_at": self._clock().isoformat(timespec="seconds"),
        }

    def _named(self, run: Run, wish: ExportWish) -> str | Path:
        """A folder, or a name on the Hub. Raises StudioError for a folder that is gone, and is needed."""
        base = wish.base_model or _base_model(run)
        for folder in (run.folder / base, expanded(base)):
            if is_folder(folder):
                return folder.resolve()
        is_needed = wish.format is not ExportFormat.ADAPTER and source_of(run, wish.checkpoint).is_adapter
        if is_needed and (looks_like_path(base) or base.count("/") > 1):
            raise StudioError(
                f"The base model's folder {base} is missing.",
                "Put it back, name another copy to merge into, or export the adapter alone.",
            )
        return base

    def _model(self, run: Run, wish: ExportWish) -> WholeModel:
        """What is loaded to make it."""
        source = source_of(run, wish.checkpoint)
        if not source.is_adapter:
            return in_folder(source.folder)
        base = wish.base_model or _base_model(run)
        folder = self._base_folder(base)
        found = WholeModel() if folder is None else in_folder(folder)
        if found.parameters is not None:
            return found
        to_come = self._to_come.of(base, offline=self._is_offline(run))
        is_here = folder is not None and not self._models.lacks(
            folder
        )  # in older files, whose size none tells
        return replace(to_come, download_bytes=0) if is_here else to_come

    def _card_free_bytes(self) -> int | None:
        gpus = self._gpus()
        number = freest(gpus)
        return None if number is None else gpus[number].free_bytes

    def _base_folder(self, base: str) -> Path | None:
        folder = expanded(base)
        return folder if is_folder(folder) else self._models.cached(base, None)

    def _models_name(self, run: Run) -> str:
        """Of a folder only the last part: paths are nobody's business."""
        name = run.config.base_model
        return Path(name).name if looks_like_path(name) else name


def _base_model(run: Run) -> str:
    return run.config.base_model


def in_words(exports: Sequence[Export]) -> str:
    """ "2 exports, 3.1 GB"."""
    size = sized(sum(export.size_bytes for export in exports))
    return f"{len(exports)} {'export' if len(exports) == 1 else 'exports'}, {size}"
