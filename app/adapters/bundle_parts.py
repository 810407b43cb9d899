"""The parts of a bundle: wheels by pip, models by the Hub's cache, images by Docker, the window by Flet."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.adapters.bundle_models import whole_model
from app.adapters.model_files import repository
from app.domain.bundles import BundleError, BundleProgress, ModelFiles, Told

_CONNECT_SECONDS: Final = 600
_QUICK_SECONDS: Final = 5
_PARTIAL: Final = ".part"


class SystemBundleParts:
    """Implements `BundleParts`. `caches` are folders that hold a Hub cache besides the usual one; `token` is
    the Hub's, asked for when something is fetched."""

    def __init__(
        self,
        models: Path,
        *,
        caches: Sequence[Path] = (),
        python: str = sys.executable,
        checkout: Path,
        token: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._models = models
        self._token = token
        self._caches = caches
        self._python = python
        self._checkout = checkout

    def made_for(self) -> str:
        return f"{platform.system()} {platform.machine()}, Python {sys.version_info[0]}.{sys.version_info[1]}"

    def collect_wheels(self, requirement: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._pip("wheel", "--wheel-dir", str(folder), self._named(requirement), doing="collect the packages")

    def install_wheels(self, requirement: str, folder: Path) -> None:
        self._pip(
            "install", "--no-index", "--find-links", str(folder), requirement, doing="install the packages"
        )

    def model(self, name: str) -> ModelFiles:
        return whole_model(name, self._token)

    def model_places(self, name: str, revision: str, sums: Mapping[str, str]) -> Sequence[Path]:
        if not revision:
            return (_own_place(self._models / Path(name).name, sums),)
        from huggingface_hub.constants import HF_HUB_CACHE  # noqa: PLC0415

        caches = dict.fromkeys((Path(HF_HUB_CACHE), *self._caches))
        return [repository(name, cache) / "snapshots" / revision for cache in caches]

    def place_model(self, name: str, revision: str, folder: Path, sums: Mapping[str, str]) -> Sequence[Path]:
        places = self.model_places(name, revision, sums)
        for place in places:
            _take(folder, place, sums)
            if revision:
                refs = place.parents[1] / "refs"
                refs.mkdir(parents=True, exist_ok=True)
                (refs / "main").write_text(revision)
        return places

    def image_platform(self) -> str:
        from app.adapters import docker_engine  # noqa: PLC0415 it imports docker

        with docker_engine.open_engine(docker_engine.connect, timeout_seconds=_QUICK_SECONDS) as engine:
            said = engine.client.version()
        return f"{said.get('Os', '')}/{said.get('Arch', '')}"

    def save_image(self, name: str, path: Path, told: Told) -> str:
        from app.adapters import docker_engine  # noqa: PLC0415

        partial, note = path.with_name(path.name + ".part"), path.with_name(path.name + ".of")
        with docker_engine.open_engine(
            docker_engine.connect, timeout_seconds=_CONNECT_SECONDS, image=name
        ) as engine:
            image = engine.client.images.get(name)
            platform, this = (
                f"{image.attrs.get('Os')}/{image.attrs.get('Architecture')}",
                f"{name} {image.id}",
            )
            if path.is_file() and note.is_file() and note.read_text() == this:
                return platform
            note.unlink(missing_ok=True)
            total, done = int(image.attrs.get("Size") or 0), 0
            with partial.open("wb") as file:
                for chunk in image.save(named=name):
                    done += file.write(chunk)
                    told(BundleProgress(f"Saving the image {name}", done, max(total, done)))
        partial.replace(path)
        note.write_text(this)
        return platform

    def load_image(self, path: Path) -> None:
        from app.adapters import docker_engine  # noqa: PLC0415

        with (
            docker_engine.open_engine(docker_engine.connect, timeout_seconds=_CONNECT_SECONDS) as engine,
            path.open("rb") as file,
        ):
            engine.client.images.load(file)

    def save_window(self, path: Path) -> str:
        import flet_desktop  # type: ignore[import-untyped]  # noqa: PLC0415

        try:
            client = Path(flet_desktop.ensure_client_cached())
        except Exception as error:  # urllib's, zipfile's, tarfile's and its own
            raise BundleError(
                "The desktop window's client is not on this computer and could not be fetched.",
                "Check the network, or leave out --window: the app then opens in the browser.",
            ) from error
        partial = path.with_name(path.name + ".part")
        with tarfile.open(partial, "w") as tar:
            tar.add(client, arcname=".", filter=_owned_by_nobody)
        partial.replace(path)
        return client.name

    def place_window(self, name: str, path: Path) -> None:
        place = Path.home() / ".flet" / "client" / Path(name).name  # where Flet 1.0.5 looks
        if place.is_dir():
            return
        partial = place.with_name(place.name + ".part")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            with tarfile.open(path) as tar:
                tar.extractall(partial, filter="tar")
        except (tarfile.TarError, EOFError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise BundleError(
                "The desktop window's client in this bundle is damaged.",
                "Make the bundle anew, or without --window: the app then opens in the browser.",
            ) from error
        partial.replace(place)

    def _named(self, requirement: str) -> str:
        """This very version, from the checkout where there is one."""
        name, _, extras = requirement.partition("[")
        if name != "tunewright" or not (self._checkout / "pyproject.toml").is_file():
            return requirement
        return f"{self._checkout}[{extras}" if extras else str(self._checkout)

    def _pip(self, *words: str, doing: str) -> None:
        command = [self._python, "-m", "pip", words[0], "--disable-pip-version-check", "--quiet", *words[1:]]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise BundleError(f"pip cannot be started: {error.strerror or error}.", "Install pip.") from error
        if done.returncode:
            lines = [line for line in done.stderr.strip().splitlines() if line.startswith("ERROR")]
            said = (lines or done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise BundleError(
                f"pip could not {doing}: {said.removeprefix('ERROR: ')[:300].rstrip('.')}.",
                "Its own settings (pip config list) decide where it looks.",
            )


def _owned_by_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _own_place(wanted: Path, sums: Mapping[str, str]) -> Path:
    """That folder, unless another model lies there; then one beside it, named after what the files hold."""
    if _holds_nothing_else(wanted, sums):
        return wanted
    all_of_it = "".join(f"{name} {sums[name]}\n" for name in sorted(sums))
    return wanted.with_name(f"{wanted.name}-{hashlib.sha256(all_of_it.encode()).hexdigest()[:8]}")


def _holds_nothing_else(folder: Path, sums: Mapping[str, str]) -> bool:
    here = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != _PARTIAL)
    return all(_sum(path) == sums.get(path.relative_to(folder).as_posix()) for path in here)


def _take(source: Path, target: Path, sums: Mapping[str, str]) -> None:
    """The files of `sums` from a folder into another, by a link where the disk has them: a model is large.

    However it ends, what has its name there is whole, or what was there before."""
    for name, wanted in sorted(sums.items()):
        file, place = source / name, target / name
        if place.is_file() and _sum(place) == wanted:
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name(place.name + _PARTIAL)
        partial.unlink(missing_ok=True)
        try:
            os.link(file, partial)
        except OSError:
            _copy(file, partial)
        partial.replace(place)


def _copy(file: Path, partial: Path) -> None:
    try:
        shutil.copyfile(file, partial)
    except BaseException:  # Ctrl+C too
        with suppress(OSError):
            partial.unlink()
        raise


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
