"""What goes to a pod, under which names, and what is removed here because it was removed there."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.domain.rentals import Rental
from app.domain.renting import Leaving
from app.domain.runs import LOG_FILE
from app.domain.typed_paths import expanded, is_folder
from app.services.checkpoints import newest_whole
from trainer_image.config import (
    CHECKPOINTS_DIR,
    DATA_FILE,
    EVENTS_FILE,
    PREVIEW_FILE,
    FileDataset,
    RunConfig,
)

MODELS_DIR: Final = "models"
"""Of a base model that is a folder here: the trainer knows that a model carried there is the same one."""
INPUTS_DIR: Final = "inputs"


def leaving(folder: Path, config: RunConfig, *, checkpoint: str = "") -> Iterator[tuple[Path, str]]:
    """Every file that is sent, and its place in the run's folder there. Never a token: none is in a file."""
    for name in (DATA_FILE, PREVIEW_FILE):
        if (folder / name).is_file():
            yield folder / name, name
    for path in _inputs(config):
        yield path, f"{INPUTS_DIR}/{path.name}"
    if (model := model_folder(config)) is not None:
        for path, place in _all_of(model, f"{MODELS_DIR}/{model.name}"):
            if not any(part.startswith(".") for part in path.relative_to(model).parts):  # .env, .git, .cache
                yield path, place
    if checkpoint:
        yield from _all_of(folder / checkpoint, checkpoint)
    for name in (EVENTS_FILE, LOG_FILE):  # of earlier attempts: both go on there where they end here
        if (folder / name).is_file():
            yield folder / name, name


def sizes(files: Iterator[tuple[Path, str]]) -> tuple[Leaving, ...]:
    return tuple(Leaving(name, path.stat().st_size) for path, name in files)


def as_there(config: RunConfig) -> RunConfig:
    """The config as the pod must see it: files of this computer by their places in the run's folder there."""
    changes: dict[str, object] = {}
    if (model := model_folder(config)) is not None:
        changes["base_model"] = f"{MODELS_DIR}/{model.name}"
    if isinstance(config.dataset, FileDataset) and Path(config.dataset.path).is_absolute():
        place = f"{INPUTS_DIR}/{Path(config.dataset.path).name}"
        changes["dataset"] = config.dataset.model_copy(update={"path": place})
    if (
        config.validation == "file"
        and config.validation_file
        and expanded(config.validation_file).is_absolute()
    ):
        changes["validation_file"] = f"{INPUTS_DIR}/{Path(config.validation_file).name}"
    return config.model_copy(update=changes)


def model_folder(config: RunConfig) -> Path | None:
    """The base model, if it lies on this computer."""
    folder = expanded(config.base_model)
    return folder if folder.is_absolute() and is_folder(folder) else None


def checkpoint_to_send(rental: Rental) -> str:
    """Of a rental that resumes; empty if it does not, or if there is none."""
    if not rental.is_resumed:
        return ""
    return f"{CHECKPOINTS_DIR}/{rental.resume_from}" if rental.resume_from else newest_checkpoint(rental)


def newest_checkpoint(rental: Rental) -> str:
    """The newest whole checkpoint in the run's folder here; empty if there is none."""
    newest = newest_whole(rental.folder)
    return f"{CHECKPOINTS_DIR}/{newest.name}" if newest else ""


def _inputs(config: RunConfig) -> Iterator[Path]:
    if isinstance(config.dataset, FileDataset) and Path(config.dataset.path).is_absolute():
        yield Path(config.dataset.path)
    if (file := _validation_file(config)) is not None:
        yield file


def _validation_file(config: RunConfig) -> Path | None:
    """A relative one lies in the run's folder, there as here."""
    path = expanded(config.validation_file or "")
    return path if config.validation == "file" and path.is_absolute() else None


def _all_of(folder: Path, place: str) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, f"{place}/{path.relative_to(folder).as_posix()}"


class Dropped:
    """Checkpoints that the trainer removes there are removed here too, or the disk fills up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / CHECKPOINTS_DIR
        self._known: frozenset[str] = frozenset()

    def follow(self, paths: tuple[str, ...]) -> None:
        """`paths`: what there is in the pod now, and is here."""
        now = frozenset(path.split("/")[1] for path in paths if path.startswith(f"{CHECKPOINTS_DIR}/"))
        for name in self._known - now if now else ():
            shutil.rmtree(self._folder / name, ignore_errors=True)
        self._known = now or self._known
