"""What a model is called in a bundle, so that on the other computer an adapter finds its base again."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Final

from app.domain.adapter_bases import ADAPTER_SETTINGS
from app.domain.bundles import FOLDER, BundledModel, BundleProgress, ModelFiles, Told
from app.services.bundle_files import Source
from trainer_image.config import OUTPUT_DIR

_BESIDE: Final = "../"


def model_sources(found: Sequence[tuple[str, ModelFiles]], room: Path, told: Told) -> Iterator[Source]:
    """The files of models, each by the name that it goes by; of one that is named twice only once.

    An adapter in a folder may name a folder as its base, which lies elsewhere on the other computer. There
    both stand side by side, so its settings, written anew into `room`, say it that way.
    """
    spelt: dict[str, str] = {}

    @cache  # it reads all of a model
    def label_of_base(folder: Path) -> str:
        label = _label_of_base(folder, told=told)
        return spelt.setdefault(label.casefold(), label)

    bases = [Path(model.base).resolve() for _, model in found if _names_a_folder(model)]
    taken = {_place_of(label_of_base(base), "").casefold(): base for base in bases}
    done: set[str] = set()
    for name, model in found:
        if model.revision:
            label = name
        elif model.folder.resolve() in bases:
            label = label_of_base(model.folder.resolve())
        else:
            label = _free_label(model.folder, taken)
        place = _place_of(label, model.revision)
        if place.casefold() in done:
            continue
        done.add(place.casefold())
        taken.setdefault(place.casefold(), model.folder)
        for path in sorted(path for path in model.folder.rglob("*") if path.is_file()):
            file = path
            if _names_a_folder(model) and path == model.folder / ADAPTER_SETTINGS:
                file = _settings_with_base(path, label_of_base(Path(model.base).resolve()), room / place)
            yield Source("model", label, f"{place}/{path.relative_to(model.folder).as_posix()}", file)


def _names_a_folder(model: ModelFiles) -> bool:
    """Of an adapter in the Hub's cache the files stay as the Hub has them."""
    return not model.revision and Path(model.base).is_absolute()


def _settings_with_base(settings: Path, label: str, room: Path) -> Path:
    written = room / ADAPTER_SETTINGS
    written.parent.mkdir(parents=True, exist_ok=True)
    told = json.loads(settings.read_bytes()) | {"base_model_name_or_path": f"{_BESIDE}{label}"}
    written.write_text(json.dumps(told, indent=2), encoding="utf-8")
    return written


def bases_of_adapters(models: Sequence[BundledModel], room: Path) -> set[str]:
    """The labels that adapters in a bundle which was unpacked into `room` have their bases by."""
    named = []
    for model in models:
        if ADAPTER_SETTINGS in model.sizes and "config.json" not in model.sizes and not model.revision:
            settings = json.loads(room.joinpath(*model.place.split("/"), ADAPTER_SETTINGS).read_bytes())
            named.append(str(settings["base_model_name_or_path"]))
    return {each.removeprefix(_BESIDE) for each in named if each.startswith(_BESIDE)}


def _label_of_base(folder: Path, *, told: Told) -> str:
    """After what it holds: another model of that name on the other computer is never taken for it."""
    digest, done = hashlib.sha256(), 0
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    total = sum(path.stat().st_size for path in files)
    for path in files:
        told(BundleProgress(f"Reading {path.name} of the base model {folder.name}", done, total))
        with path.open("rb") as file:
            digest.update(f"{path.relative_to(folder).as_posix()} ".encode())
            digest.update(hashlib.file_digest(file, "sha256").digest())
        done += path.stat().st_size
    name, ending = _own_name(folder), f"-{digest.hexdigest()[:12]}"
    return f"{name.removesuffix(ending)}{ending}"  # one that came in a bundle has it already


def _free_label(folder: Path, taken: Mapping[str, Path]) -> str:
    name = _own_name(folder)
    labels = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(each for each in labels if taken.get(_place_of(each, "").casefold(), folder) == folder)


def _own_name(folder: Path) -> str:
    """Each result of a run lies in a folder called output."""
    return f"{folder.parent.name}-{folder.name}" if folder.name == OUTPUT_DIR else folder.name


def _place_of(label: str, revision: str) -> str:
    return f"models/{label.replace('/', '--')}/{revision or FOLDER}"
