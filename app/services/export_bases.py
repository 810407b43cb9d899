"""The base model that an export is made with: where it is, what it is called, how large."""

from dataclasses import replace
from pathlib import Path

from app.domain.errors import StudioError
from app.domain.export_sizes import WholeModel
from app.domain.exports import ExportFormat, ExportWish
from app.domain.model_sizes import ModelConfigs
from app.domain.preflight_ports import ModelFiles
from app.domain.runs import Run
from app.domain.typed_paths import expanded, is_folder, looks_like_path
from app.services.export_models import ModelsToCome, in_folder
from app.services.export_sources import source_of


class ExportBases:
    """Looks at disks, and asks the Hub what is still to be downloaded."""

    def __init__(self, models: ModelFiles, configs: ModelConfigs) -> None:
        self._models = models
        self._to_come = ModelsToCome(configs)

    def named(self, run: Run, wish: ExportWish) -> str | Path:
        """A folder, or a name on the Hub. Raises StudioError for a folder that is gone, and is needed."""
        base = wish.base_model or run.config.base_model
        if folder := _folder_of(run, base):
            return folder
        is_needed = wish.format is not ExportFormat.ADAPTER and source_of(run, wish.checkpoint).is_adapter
        if is_needed and (looks_like_path(base) or base.count("/") > 1):
            raise StudioError(
                f"The base model's folder {base} is missing.",
                "Put it back, name another copy to merge into, or export the adapter alone.",
            )
        return base

    def model(self, run: Run, wish: ExportWish, *, offline: bool) -> WholeModel:
        """What is loaded to make it."""
        source = source_of(run, wish.checkpoint)
        if not source.is_adapter:
            return in_folder(source.folder)
        base = wish.base_model or run.config.base_model
        folder = _folder_of(run, base) or self._models.cached(base, None)
        found = WholeModel() if folder is None else in_folder(folder)
        if found.parameters is not None:
            return found
        to_come = self._to_come.of(base, offline=offline)
        # In older files, whose size none tells:
        is_here = folder is not None and not self._models.lacks(folder)
        return replace(to_come, download_bytes=0) if is_here else to_come


def _folder_of(run: Run, base: str) -> Path | None:
    """If it is one; a relative one starts in the run's folder, then where the app was started."""
    places = (run.folder / base, expanded(base))
    return next((place.resolve() for place in places if is_folder(place)), None)


def name_of_base(run: Run) -> str:
    """Of a folder only the last part: paths are nobody's business."""
    name = run.config.base_model
    return Path(name).name if looks_like_path(name) else name
