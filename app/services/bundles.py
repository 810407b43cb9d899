"""Make a bundle on a computer with network, install it on one without; both go on where they stopped."""

import hashlib
import io
import json
import logging
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.domain.bundles import (
    MANIFEST,
    BundledModel,
    BundleError,
    BundleParts,
    BundleProgress,
    BundleWish,
    Manifest,
    ModelFiles,
    Part,
    Told,
)
from app.domain.ports import Processes
from app.domain.typed_paths import nearest_folder
from app.services.bundle_files import (
    Source,
    add_part,
    can_link,
    extract,
    is_whole,
    manifest_of,
    opened,
    require_space,
    speaking_of,
)
from app.services.bundle_labels import bases_of_adapters, model_sources
from app.services.bundle_rooms import INSTALLED, unpacking_room
from app.services.library import LibraryService
from app.services.offline import OfflineService

log = logging.getLogger(__name__)

_Step = tuple[str, str, Callable[[], None]]


class BundleService:
    """Blocking; long. In `folder` a bundle is unpacked while it is installed."""

    def __init__(
        self,
        parts: BundleParts,
        library: LibraryService,
        offline: OfflineService,
        processes: Processes,
        *,
        folder: Path,
        version: str,
    ) -> None:
        self._parts = parts
        self._library = library
        self._offline = offline
        self._processes = processes
        self._folder = folder
        self._version = version

    def make(self, wish: BundleWish, file: Path, told: Told, *, overwrite: bool = False) -> Manifest:
        """Collect everything beside `file`, then write it; the file appears whole or not at all.

        What was collected stays in FILE.parts if it is broken off, and is used the next time.
        """
        if not (wish.models or wish.sessions or wish.image or wish.requirement or wish.window):
            raise BundleError(
                "Nothing was asked for.",
                "Say what goes in: --model, --dataset, --image, --wheels or --window.",
            )
        if file.exists() and not overwrite:
            raise BundleError(f"{file} exists already.", "Name another file, or say --force.")
        room = file.with_name(file.name + ".parts")
        with speaking_of(file):
            room.mkdir(parents=True, exist_ok=True)
            sources = list(self._collected(wish, room, told))
            platform = self._save_image(wish, room, sources, told)
            total = sum(source.file.stat().st_size for source in sources)
            require_space(file.parent, total)
            manifest = self._write(sources, wish, file, total, told, image_platform=platform)
            shutil.rmtree(room)
        return manifest

    def look(self, file: Path) -> Manifest:
        """What a bundle holds, without reading all of it. Raises BundleError."""
        with opened(file) as tar:
            return manifest_of(tar, file)

    def install(self, file: Path, told: Told) -> Manifest:
        """Check every part, then install what is not installed yet. Nothing is installed of a damaged one.

        However it ends, what was unpacked is gone; a second try installs nothing twice.
        """
        manifest = self.look(file)
        self._require_fitting(manifest)
        name = hashlib.sha256(manifest.model_dump_json().encode()).hexdigest()[:16]
        with (
            speaking_of(self._folder / name),
            unpacking_room(self._folder, name, self._processes) as room,
        ):
            self._require_space(manifest, room)
            with opened(file) as tar:
                self._unpack(tar, manifest, room, told)
            self._install(manifest, room, told)
        return manifest

    def _collected(self, wish: BundleWish, room: Path, told: Told) -> Iterator[Source]:
        for name in wish.sessions:
            session = self._library.find(name)
            file = room / "sessions" / f"{session.id}.jsonl"
            file.parent.mkdir(exist_ok=True)
            told(BundleProgress(f"Writing the session {session.name}"))
            self._library.export(session.id, file, overwrite=True)
            yield Source("session", session.name, f"sessions/{file.name}", file)
        yield from model_sources(list(self._with_bases(wish.models, told)), room, told)
        if wish.window:
            file = room / "window.tar"
            told(BundleProgress("Looking for the desktop window's client"))
            yield Source("window", self._parts.save_window(file), file.name, file)
        if wish.requirement:
            self._offline.refuse("Collecting packages")
            told(BundleProgress("Collecting the packages with pip, which may take some minutes"))
            self._parts.collect_wheels(wish.requirement, room / "wheels")
            for path in sorted((room / "wheels").glob("*.whl")):
                yield Source("wheel", path.name, f"wheels/{path.name}", path)

    def _with_bases(self, names: Sequence[str], told: Told) -> Iterator[tuple[str, ModelFiles]]:
        """Each model as it is named, and after an adapter its base."""
        for name in names:
            told(BundleProgress(f"Looking for the model {name}"))
            found = self._parts.model(name)
            yield name, found
            if found.base:
                told(BundleProgress(f"Looking for {found.base}, the base model of {name}"))
                yield found.base, self._base(found.base, name)

    def _base(self, base: str, adapter: str) -> ModelFiles:
        try:
            return self._parts.model(base)
        except BundleError as error:
            raise BundleError(f"{error.message} It is the base model of {adapter}.", error.hint) from error

    def _save_image(self, wish: BundleWish, room: Path, sources: list[Source], told: Told) -> str:
        """Add it to the sources; its platform, empty if no image is wanted."""
        if not wish.image:
            return ""
        file = room / "image.tar"
        platform = self._parts.save_image(wish.image, file, told)
        sources.append(Source("image", wish.image, file.name, file))
        return platform

    def _write(
        self,
        sources: list[Source],
        wish: BundleWish,
        file: Path,
        total: int,
        told: Told,
        *,
        image_platform: str,
    ) -> Manifest:
        """The manifest goes last: only then every checksum is known, made as the files are written."""
        partial, parts, done = file.with_name(file.name + ".part"), [], 0
        try:
            with tarfile.open(partial, "w") as tar:
                for source in sources:
                    told(BundleProgress(f"Writing {source.path}", done, total))
                    parts.append(add_part(tar, source))
                    done += parts[-1].size
                manifest = Manifest(
                    made_with=self._version,
                    made_for=self._parts.made_for(),
                    requirement=wish.requirement,
                    image_platform=image_platform,
                    parts=tuple(parts),
                )
                text = manifest.model_dump_json(indent=1).encode()
                entry = tarfile.TarInfo(MANIFEST)
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text))
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
        return manifest

    def _unpack(self, tar: tarfile.TarFile, manifest: Manifest, room: Path, told: Told) -> None:
        total, done = sum(part.size for part in manifest.parts), 0
        for part in manifest.parts:
            told(BundleProgress(f"Checking {part.path}", done, total))
            if not is_whole(room / part.path, part):
                extract(tar, part, room / part.path)
            done += part.size

    def _install(self, manifest: Manifest, room: Path, told: Told) -> None:
        """Step by step, each noted when it is done: a second try repeats none that cannot be repeated."""
        note = room / INSTALLED
        done: list[str] = json.loads(note.read_text()) if note.is_file() else []
        for step, text, act in self._steps(manifest, room, told):
            if step in done:
                continue
            told(BundleProgress(text))
            with _broken_off(text):
                act()
            done.append(step)
            _keep(note, json.dumps(done))

    def _steps(self, manifest: Manifest, room: Path, told: Told) -> Iterator[_Step]:
        """(name, what to say, what to do)"""
        for part in manifest.of_kind("session"):

            def take_session(part: Part = part) -> None:
                self._library.import_file(
                    room / part.path, self._library.free_name(part.name), source=f"bundle: {part.name}"
                )

            yield f"session {part.path}", f"Importing the session {part.name}", take_session
        bases = bases_of_adapters(manifest.models(), room)
        for model in manifest.models():
            if not model.revision and model.name in bases:  # before its adapters are placed
                self._require_own_place(model)
        for model in manifest.models():

            def place(model: BundledModel = model) -> None:
                source = room.joinpath(*model.place.split("/"))
                places = self._parts.place_model(model.name, model.revision, source, model.sums)
                told(BundleProgress(f"The model {model.name} lies in {' and '.join(map(str, places))}"))

            yield model.place, f"Installing the model {model.name}", place
        for part in manifest.of_kind("image"):

            def load(part: Part = part) -> None:
                self._parts.load_image(room / part.path)

            yield "image", f"Loading the image {part.name}", load
        for part in manifest.of_kind("window"):

            def place_window(part: Part = part) -> None:
                self._parts.place_window(part.name, room / part.path)

            yield "window", "Installing the desktop window's client", place_window
        if manifest.requirement:

            def install() -> None:
                self._parts.install_wheels(manifest.requirement, room / "wheels")

            yield "wheels", f"Installing {manifest.requirement}", install

    def _require_own_place(self, model: BundledModel) -> None:
        """Where its adapters look for it: beside it lies another one."""
        [place] = self._parts.model_places(model.name, model.revision, model.sums)
        if place.name != model.name:
            raise BundleError(
                f"The base model {model.name} was changed in {place.with_name(model.name)}.",
                "Its adapter would be put on the changed one. Move that folder away, then install again.",
            )

    def _require_fitting(self, manifest: Manifest) -> None:
        """Before anything is unpacked: gigabytes that cannot be used would stay."""
        kinds = {part.kind for part in manifest.parts}
        here = self._parts.made_for()
        if kinds & {"wheel", "window"} and manifest.made_for != here:
            what = "packages" if "wheel" in kinds else "desktop window"
            raise _unfitting(what, manifest.made_for, here)
        if "image" in kinds:
            here = self._parts.image_platform()  # says, too, if no engine answers
            if manifest.image_platform not in ("", here):
                raise _unfitting("image", manifest.image_platform, here)

    def _require_space(self, manifest: Manifest, room: Path) -> None:
        """For what is unpacked, and where a model cannot be linked from there, for its copies."""
        whole = sum(part.size for part in manifest.parts if is_whole(room / part.path, part))
        unpacked = sum(part.size for part in manifest.parts) - whole
        needed: dict[int, tuple[Path, int]] = {room.stat().st_dev: (room, unpacked)}
        for model in manifest.models():
            for place in self._parts.model_places(model.name, model.revision, model.sums):
                there = nearest_folder(place)
                if not can_link(room, there):
                    disk = there.stat().st_dev
                    known, size = needed.get(disk, (there, 0))
                    needed[disk] = known, size + _more_bytes(place, model.sizes)
        for place, size in needed.values():
            require_space(place, size)


def _unfitting(what: str, made_for: str, here: str) -> BundleError:
    return BundleError(
        f"This bundle's {what} cannot be used here: made for {made_for}, this is {here}.",
        "Nothing was unpacked. Make the bundle on a computer like this one, or without that part.",
    )


def _more_bytes(folder: Path, sizes: Mapping[str, int]) -> int:
    """What files of these sizes take there beyond what lies in their places already."""
    places = [(folder / name, size) for name, size in sizes.items()]
    return sum(size - (place.stat().st_size if place.is_file() else 0) for place, size in places)


def _keep(note: Path, text: str) -> None:
    """Whole, or as it was: emptied by a full disk it would keep every later try from beginning."""
    partial = note.with_name(note.name + ".part")
    partial.write_text(text)
    partial.replace(note)


@contextmanager
def _broken_off(doing: str) -> Iterator[None]:
    """A step of an installation, whose errors of the disk may come from reading or writing."""
    try:
        yield
    except OSError as error:
        where = error.filename2 or error.filename
        raise BundleError(
            f"{doing} broke off{f' at {where}' if where else ''}: {error.strerror or error}.",
            "Make room, see who owns that, then try again: what was done is not done twice.",
        ) from error
