"""The parts of a bundle: wheels by pip, models by the Hub's cache, images by Docker, the window by Flet."""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.domain.bundles import BundleError, BundleProgress, ModelFiles, Told
from app.domain.typed_paths import expanded, is_folder

_CONNECT_SECONDS: Final = 600


class SystemBundleParts:
    """Implements `BundleParts`. `caches` are folders that hold a Hub cache besides the usual one."""

    def __init__(
        self, models: Path, *, caches: Sequence[Path] = (), python: str = sys.executable, checkout: Path
    ) -> None:
        self._models = models
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
        folder = expanded(name)
        if is_folder(folder):
            if not (folder / "config.json").is_file():
                raise BundleError(f"{folder} holds no model: it has no config.json.", "Name another folder.")
            return ModelFiles(folder)
        from huggingface_hub import snapshot_download  # noqa: PLC0415

        try:
            found = Path(snapshot_download(name, local_files_only=True))
        except Exception:
            try:
                found = Path(snapshot_download(name))
            except Exception as error:  # the library and what lies below it raise dozens of types
                raise BundleError(
                    f"The model {name} is neither on this computer nor to be had from the Hub.",
                    "Check its name, the network, and the token for a private or gated one.",
                ) from error
        return ModelFiles(found, found.name)

    def place_model(self, name: str, revision: str, folder: Path) -> None:
        if not revision:
            _take(folder, self._models / Path(name).name)
            return
        from huggingface_hub.constants import HF_HUB_CACHE  # noqa: PLC0415

        for cache in dict.fromkeys((Path(HF_HUB_CACHE), *self._caches)):
            repo = cache / f"models--{name.replace('/', '--')}"
            _take(folder, repo / "snapshots" / revision)
            (repo / "refs").mkdir(parents=True, exist_ok=True)
            (repo / "refs" / "main").write_text(revision)

    def save_image(self, name: str, path: Path, told: Told) -> None:
        from app.adapters import docker_engine  # noqa: PLC0415 it imports docker

        partial = path.with_name(path.name + ".part")
        with docker_engine.open_engine(
            docker_engine.connect, timeout_seconds=_CONNECT_SECONDS, image=name
        ) as engine:
            image = engine.client.images.get(name)
            total, done = int(image.attrs.get("Size") or 0), 0
            with partial.open("wb") as file:
                for chunk in image.save(named=name):
                    done += file.write(chunk)
                    told(BundleProgress(f"Saving the image {name}", done, max(total, done)))
        partial.replace(path)

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
        with tarfile.open(path) as tar:
            tar.extractall(partial, filter="tar")
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


def _take(source: Path, target: Path) -> None:
    """Every file of a folder into another, by a link where the disk has them: a model is large."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        place = target / file.relative_to(source)
        if place.is_file() and place.stat().st_size == file.stat().st_size:
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            place.unlink()
        try:
            os.link(file, place)
        except OSError:
            shutil.copyfile(file, place)
