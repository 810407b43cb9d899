"""A bundle, from the computer that makes it to the one that has no network: real parts, only small ones."""

import base64
import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import flet_desktop
import psutil
import pytest

from app.adapters.bundle_parts import SystemBundleParts
from app.adapters.processes import SystemProcesses, start_of
from app.adapters.sqlite.engine import open_database
from app.domain.adapter_bases import base_named_in
from app.domain.bundles import BundleError, BundleWish
from app.domain.errors import StudioError
from app.services.bundle_files import extract, manifest_of
from app.services.bundles import BundleService
from app.services.offline import OfflineService
from tests.docker_engine import docker_client, skeleton_image
from tests.emulators.server import Emulator, Reply, Request, running
from tests.fakes import FakeNetwork
from tests.services.conftest import make_world

__all__ = ["docker_client", "skeleton_image"]

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "assets/tiny-model"


class Computer:
    """A Tunewright with its own home, Hub cache and place for packages."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.home = home
        self.database = open_database(home / "tunewright.db")
        self.world = make_world(home, self.database)
        self.network = FakeNetwork()
        self.cache = home / "data/cache/huggingface/hub"
        self.bundles = BundleService(
            SystemBundleParts(
                home / "models", caches=[self.cache], checkout=home, token=lambda: "hf_of_the_keyring"
            ),
            self.world.library,
            OfflineService(self.world.settings, self.network),
            SystemProcesses(),
            folder=home / "bundles",
            version="0.1.0",
        )


@pytest.fixture
def computers(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    made = Computer(tmp_path / "online"), Computer(tmp_path / "offline")
    made[0].world.library.ensure_sample()
    made[1].world.settings.set_offline(True)
    yield made
    for computer in made:
        computer.database.dispose()


@pytest.fixture
def hub_model(tmp_path) -> str:
    """In the cache as the Hub's own library keeps it."""
    repo = tmp_path / "hub" / "models--owner--tiny"
    shutil.copytree(TINY, repo / "snapshots" / "abc123")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc123")
    return "owner/tiny"


@pytest.fixture
def wheel(tmp_path, monkeypatch) -> str:
    """A package of two files, where pip's own settings look for packages."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    files = {
        "small_thing.py": b"SAID = 'hello'\n",
        "small_thing-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: small-thing\nVersion: 1.0\n",
        "small_thing-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(shelf / "small_thing-1.0-py3-none-any.whl", "w") as packed:
        record = ""
        for name, content in files.items():
            packed.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(content)}\n"
        packed.writestr("small_thing-1.0.dist-info/RECORD", record + "small_thing-1.0.dist-info/RECORD,,\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return "small-thing"


def silent(_: object) -> None:
    pass


def test_what_was_put_in_on_one_computer_is_there_on_the_other(
    computers, hub_model, wheel, tmp_path, monkeypatch
):
    online, offline = computers
    file = tmp_path / "all.bundle"
    session = online.world.library.sample()
    wish = BundleWish([hub_model, str(TINY)], [session.name], requirement=wheel)

    made = online.bundles.make(wish, file, silent)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub of the other"))
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "packages"))
    installed = offline.bundles.install(file, silent)

    assert installed == made
    [copy] = [s for s in offline.world.library.sessions() if s.name == session.name]
    assert copy.content_hash == session.content_hash
    for cache in (tmp_path / "hub of the other", offline.cache):
        snapshot = cache / "models--owner--tiny" / "snapshots" / "abc123"
        assert (snapshot / "config.json").read_bytes() == (TINY / "config.json").read_bytes()
        assert (cache / "models--owner--tiny" / "refs" / "main").read_text() == "abc123"
    assert (offline.home / "models" / "tiny-model" / "config.json").is_file()
    assert (tmp_path / "packages" / "small_thing.py").is_file()
    assert list((offline.home / "bundles").iterdir()) == []
    assert not (tmp_path / "all.bundle.parts").exists()


@pytest.mark.docker
def test_an_image_travels_in_a_bundle(computers, skeleton_image, docker_client, tmp_path):
    online, offline = computers
    name = "tunewright-bundled:test"
    docker_client.images.get(skeleton_image).tag(name)
    online.bundles.make(BundleWish(image=name), tmp_path / "image.bundle", silent)
    docker_client.images.remove(name)

    offline.bundles.install(tmp_path / "image.bundle", silent)

    assert docker_client.images.get(name)
    docker_client.images.remove(name)


def test_the_windows_client_is_as_it_was_where_the_app_looks_for_it(computers, tmp_path, monkeypatch):
    """Programs stay programs, and links links: a client for macOS is full of them."""
    monkeypatch.setenv("HOME", str(tmp_path / "one"))
    client = getattr(flet_desktop, "__get_client_storage_dir")()
    (client / "flet").mkdir(parents=True)
    (client / "flet" / "flet").write_text("#!/bin/sh\n")
    (client / "flet" / "flet").chmod(0o755)
    (client / "flet" / "current").symlink_to("flet")
    computers[0].bundles.make(BundleWish(window=True), tmp_path / "window.bundle", silent)

    monkeypatch.setenv("HOME", str(tmp_path / "two"))
    for _ in range(2):
        computers[1].bundles.install(tmp_path / "window.bundle", silent)

    placed = flet_desktop.ensure_client_cached()
    assert placed.is_relative_to(tmp_path / "two")
    assert os.access(placed / "flet" / "flet", os.X_OK)
    assert (placed / "flet" / "current").readlink() == Path("flet")


def test_without_a_window_to_be_had_it_says_how_to_do_without(computers, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "new"))
    monkeypatch.setenv("FLET_CLIENT_URL", str(tmp_path / "no such place"))

    with pytest.raises(BundleError, match="could not be fetched") as refused:
        computers[0].bundles.make(BundleWish(window=True), tmp_path / "window.bundle", silent)

    assert "opens in the browser" in refused.value.hint
    assert not (tmp_path / "window.bundle").exists()


@pytest.fixture
def bundle(computers, tmp_path) -> Path:
    file = tmp_path / "small.bundle"
    computers[0].bundles.make(BundleWish([str(TINY)]), file, silent)
    return file


def test_one_changed_byte_is_found_and_nothing_is_installed(computers, bundle):
    content = bytearray(bundle.read_bytes())
    content[content.index(b"LlamaForCausalLM")] ^= 1
    bundle.write_bytes(content)

    with pytest.raises(BundleError, match="of the bundle is damaged") as refused:
        computers[1].bundles.install(bundle, silent)

    assert refused.value.hint
    assert not (computers[1].home / "models").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_file_that_did_not_arrive_whole_is_a_sentence(computers, bundle, share):
    content = bundle.read_bytes()
    bundle.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(BundleError, match=r"complete|no bundle"):
        computers[1].bundles.install(bundle, silent)


def test_a_part_never_lands_outside(computers, bundle, tmp_path):
    with tarfile.open(bundle) as tar:
        manifest = json.loads(tar.extractfile("manifest.json").read())
    manifest["parts"][0]["path"] = "../../evil"
    text = json.dumps(manifest).encode()
    with tarfile.open(bundle, "w") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))

    with pytest.raises(BundleError, match="damaged"):
        computers[1].bundles.install(bundle, silent)


def test_an_installation_that_was_broken_off_goes_on_where_it_stopped(computers, tmp_path):
    online, offline = computers
    session = online.world.library.sample()
    file = tmp_path / "two.bundle"
    online.bundles.make(BundleWish([str(TINY)], [session.name]), file, silent)
    said = []

    def stop_at_the_model(progress) -> None:
        said.append(progress.text)
        if progress.text.startswith("Installing the model"):
            raise StudioError("Enough.", "")

    with pytest.raises(StudioError, match="Enough"):
        offline.bundles.install(file, stop_at_the_model)
    offline.bundles.install(file, silent)

    assert [s.name for s in offline.world.library.sessions()] == [session.name]
    assert (offline.home / "models" / "tiny-model").is_dir()


def test_a_disk_that_fills_up_while_a_step_is_noted_takes_back_no_step_before_it(
    computers, tmp_path, monkeypatch
):
    online, offline = computers
    session = online.world.library.sample()
    file = tmp_path / "two.bundle"
    online.bundles.make(BundleWish([str(TINY)], [session.name]), file, silent)
    write = Path.write_text

    def fill_up(path: Path, said: str, **how: str) -> int:
        if "tiny-model" in said:
            path.open("w").close()
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, said, **how)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_text", fill_up)
        with pytest.raises(BundleError, match="No space left"):
            offline.bundles.install(file, silent)
    offline.bundles.install(file, silent)

    assert [s.name for s in offline.world.library.sessions()] == [session.name]


def unpacked(computer: Computer) -> list[str]:
    """What lies where bundles are unpacked, as names."""
    return sorted(path.name for path in (computer.home / "bundles").rglob("*") if path.is_file())


@pytest.mark.parametrize("ended_by", [StudioError("Enough.", ""), KeyboardInterrupt()])
@pytest.mark.parametrize(("at", "left"), [("Checking", []), ("Installing the model", ["installed.json"])])
def test_an_installation_that_breaks_off_leaves_nothing_unpacked_behind(
    computers, tmp_path, ended_by, at, left
):
    online, offline = computers
    file = tmp_path / "two.bundle"
    online.bundles.make(BundleWish([str(TINY)], [online.world.library.sample().name]), file, silent)
    said = []

    def stop(progress) -> None:
        said.append(progress.text)
        if progress.text.startswith(at) and len(said) > 2:
            raise ended_by

    with pytest.raises(type(ended_by)):
        offline.bundles.install(file, stop)

    assert unpacked(offline) == left


def test_what_a_killed_installation_left_goes_with_the_next_one(computers, bundle):
    left = computers[1].home / "bundles" / "of another bundle"
    (left / "models").mkdir(parents=True)
    (left / "models" / "large.bin").write_text("as large as a model")
    (left / "installed.json").write_text("[]")
    (left / "owner").write_text("999999:1.00")

    computers[1].bundles.install(bundle, silent)

    assert unpacked(computers[1]) == ["installed.json"]


def test_two_processes_never_unpack_the_same_bundle_and_leave_each_others_alone(computers, bundle):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        owner = f"{other.pid}:{start_of(psutil.Process(other.pid)):.2f}"
        theirs = computers[1].home / "bundles" / "of another bundle"
        theirs.mkdir(parents=True)
        (theirs / "owner").write_text(owner)
        (theirs / "large.bin").write_text("being unpacked")

        def take_over(progress) -> None:
            [mine] = [room for room in theirs.parent.iterdir() if room != theirs]
            (mine / "owner").write_text(owner)
            with pytest.raises(BundleError, match="is installing this bundle just now"):
                computers[1].bundles.install(bundle, silent)
            raise StudioError("Seen.", "")

        with pytest.raises(StudioError, match="Seen"):
            computers[1].bundles.install(bundle, take_over)
        other.communicate(b"\n")

    assert (theirs / "large.bin").is_file()


def test_a_making_that_was_broken_off_leaves_no_bundle(computers, tmp_path):
    def stop(progress) -> None:
        if progress.text.startswith("Writing models"):
            raise StudioError("Enough.", "")

    with pytest.raises(StudioError, match="Enough"):
        computers[0].bundles.make(BundleWish([str(TINY)]), tmp_path / "x.bundle", stop)

    assert not list(tmp_path.glob("x.bundle"))
    assert not list(tmp_path.glob("x.bundle.part"))


def test_a_full_disk_is_said_before_anything_is_written(computers, bundle, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))

    with pytest.raises(BundleError, match="are free"):
        computers[1].bundles.install(bundle, silent)


def test_packages_for_another_system_are_refused_before_anything_is_unpacked(
    computers, wheel, tmp_path, monkeypatch
):
    online, offline = computers
    file = tmp_path / "other.bundle"
    monkeypatch.setattr(SystemBundleParts, "made_for", lambda _: "Plan9 mips, Python 3.99")
    online.bundles.make(BundleWish([str(TINY)], requirement=wheel), file, silent)
    monkeypatch.undo()

    with pytest.raises(BundleError, match="made for Plan9 mips"):
        offline.bundles.install(file, silent)

    assert not (offline.home / "bundles").exists()
    assert not (offline.home / "models").exists()


@pytest.mark.docker
def test_an_image_for_another_processor_is_refused_before_anything_is_unpacked(
    computers, skeleton_image, tmp_path, monkeypatch
):
    online, offline = computers
    file = tmp_path / "image.bundle"
    made = online.bundles.make(BundleWish(image=skeleton_image), file, silent)
    monkeypatch.setattr(SystemBundleParts, "image_platform", lambda _: "linux/riscv64")

    with pytest.raises(BundleError, match=f"made for {made.image_platform}, this is linux/riscv64"):
        offline.bundles.install(file, silent)

    assert not (offline.home / "bundles").exists()


@pytest.mark.docker
def test_an_image_of_a_try_that_was_broken_off_is_never_taken_for_another(
    computers, skeleton_image, docker_client, tmp_path
):
    bundles, file = computers[0].bundles, tmp_path / "image.bundle"
    other = docker_client.images.get(skeleton_image)
    for name in ("tunewright-first:test", "tunewright-second:test"):
        other.tag(name)

    def stop(progress) -> None:
        if progress.text.startswith("Writing"):
            raise StudioError("Enough.", "")

    with pytest.raises(StudioError, match="Enough"):
        bundles.make(BundleWish(image="tunewright-first:test"), file, stop)
    bundles.make(BundleWish(image="tunewright-second:test"), file, silent)

    with tarfile.open(file) as tar, tarfile.open(fileobj=tar.extractfile("image.tar")) as image:
        [said] = json.loads(image.extractfile("manifest.json").read())
    for name in ("tunewright-first:test", "tunewright-second:test"):
        docker_client.images.remove(name)
    assert said["RepoTags"] == ["tunewright-second:test"]


def result_of_a_run(folder: Path, name: str, changed: bytes = b"") -> Path:
    """Two of them have files of the same names and sizes, as two runs of one model have."""
    output = folder / name / "output"
    shutil.copytree(TINY, output)
    weights = (output / "model.safetensors").read_bytes()
    (output / "model.safetensors").write_bytes(weights[: -len(changed)] + changed if changed else weights)
    return output


def test_two_results_of_runs_in_one_bundle_stay_two(computers, tmp_path):
    outputs = [result_of_a_run(tmp_path, "one", b"1111"), result_of_a_run(tmp_path, "two", b"2222")]
    wish = BundleWish([str(output) for output in (*outputs, outputs[0])])

    computers[0].bundles.make(wish, tmp_path / "two.bundle", silent)
    computers[1].bundles.install(tmp_path / "two.bundle", silent)

    models = computers[1].home / "models"
    assert sorted(path.name for path in models.iterdir()) == ["one-output", "two-output"]
    assert (models / "one-output" / "model.safetensors").read_bytes()[-4:] == b"1111"
    assert (models / "two-output" / "model.safetensors").read_bytes()[-4:] == b"2222"


def test_folders_of_one_name_get_names_of_their_own(computers, tmp_path):
    folders = [shutil.copytree(TINY, tmp_path / place / "mine") for place in ("a", "b")]
    (folders[1] / "model.safetensors").write_bytes(b"2222")

    computers[0].bundles.make(BundleWish([str(f) for f in folders]), tmp_path / "two.bundle", silent)
    computers[1].bundles.install(tmp_path / "two.bundle", silent)

    assert (computers[1].home / "models/mine-2/model.safetensors").read_bytes() == b"2222"
    assert (computers[1].home / "models/mine/model.safetensors").stat().st_size > 4


def test_a_second_bundle_never_mixes_its_model_with_the_first_ones(computers, tmp_path):
    online, offline = computers
    said = []
    for number in (b"1111", b"2222", b"2222"):
        output = result_of_a_run(tmp_path / str(len(said)), "run", number)
        file = tmp_path / f"{len(said)}.bundle"
        online.bundles.make(BundleWish([str(output)]), file, silent)
        offline.bundles.install(file, lambda progress: said.append(progress.text))

    first, second = sorted((offline.home / "models").iterdir())
    assert (first / "model.safetensors").read_bytes()[-4:] == b"1111"
    assert (second / "model.safetensors").read_bytes()[-4:] == b"2222"
    assert f"The model run-output lies in {second}" in said


def test_a_file_that_is_not_the_models_is_replaced_in_the_cache(computers, hub_model, tmp_path, monkeypatch):
    computers[0].bundles.make(BundleWish([hub_model]), tmp_path / "hub.bundle", silent)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "other"))
    place = tmp_path / "other/models--owner--tiny/snapshots/abc123/model.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(bytes((TINY / "model.safetensors").stat().st_size))

    computers[1].bundles.install(tmp_path / "hub.bundle", silent)

    assert place.read_bytes() == (TINY / "model.safetensors").read_bytes()


def test_a_cache_that_cannot_be_written_is_a_sentence_and_the_rest_comes_later(
    computers, hub_model, tmp_path, monkeypatch
):
    computers[0].bundles.make(BundleWish([hub_model]), tmp_path / "hub.bundle", silent)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "other"))
    in_the_way = tmp_path / "other" / "models--owner--tiny"
    in_the_way.parent.mkdir()
    in_the_way.touch()

    with pytest.raises(BundleError, match="Installing the model owner/tiny broke off at") as refused:
        computers[1].bundles.install(tmp_path / "hub.bundle", silent)
    in_the_way.unlink()
    computers[1].bundles.install(tmp_path / "hub.bundle", silent)

    assert str(in_the_way) in refused.value.message
    assert (in_the_way / "snapshots/abc123/config.json").is_file()


def test_a_model_that_must_be_copied_to_another_disk_needs_room_there(
    computers, hub_model, tmp_path, monkeypatch
):
    computers[0].bundles.make(BundleWish([hub_model]), tmp_path / "hub.bundle", silent)
    other_disk = Path("/dev/shm")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(other_disk / "none" / "hub"))
    here = shutil.disk_usage
    full = shutil._ntuple_diskusage(10, 9, 1)
    monkeypatch.setattr("shutil.disk_usage", lambda place: full if place == other_disk else here(place))

    with pytest.raises(BundleError, match=r"are free for /dev/shm"):
        computers[1].bundles.install(tmp_path / "hub.bundle", silent)

    assert not list(tmp_path.glob("offline/bundles/*/*"))


def test_a_model_that_lies_on_another_disk_already_needs_no_room_there(
    computers, hub_model, tmp_path, monkeypatch
):
    computers[0].bundles.make(BundleWish([hub_model]), tmp_path / "hub.bundle", silent)
    other_disk = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(other_disk))
        computers[1].bundles.install(tmp_path / "hub.bundle", silent)
        here = shutil.disk_usage
        full = shutil._ntuple_diskusage(10, 10, 0)
        monkeypatch.setattr(
            "shutil.disk_usage", lambda place: full if place.is_relative_to("/dev/shm") else here(place)
        )

        computers[1].bundles.install(tmp_path / "hub.bundle", silent)

        (other_disk / "models--owner--tiny/snapshots/abc123/model.safetensors").unlink()
        with pytest.raises(BundleError, match=r"This takes 5.5 MB, and .* are free for /dev/shm"):
            computers[1].bundles.install(tmp_path / "hub.bundle", silent)
    finally:
        shutil.rmtree(other_disk)


def test_where_the_disk_takes_no_links_room_for_copies_is_asked_too(computers, bundle, monkeypatch):
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    size = sum(path.stat().st_size for path in TINY.iterdir())
    free = shutil._ntuple_diskusage(10 * size, 8 * size, round(1.5 * size))
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with monkeypatch.context() as exfat:
        exfat.setattr("os.link", no_links)
        with pytest.raises(BundleError, match=r"This takes 11.* MB, and .* are free"):
            computers[1].bundles.install(bundle, silent)

    computers[1].bundles.install(bundle, silent)

    assert (computers[1].home / "models" / "tiny-model" / "model.safetensors").is_file()
    assert not list((computers[1].home / "models").rglob(".*"))


def test_a_copy_that_breaks_off_leaves_no_half_file_and_the_next_try_goes_to_the_same_folder(
    computers, bundle, monkeypatch
):
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    def fill_up(file: Path, place: Path) -> None:
        Path(place).write_bytes(Path(file).read_bytes()[:9])
        raise OSError(errno.ENOSPC, "No space left on device", str(place))

    models = computers[1].home / "models"
    with monkeypatch.context() as full:
        full.setattr("os.link", no_links)
        full.setattr("shutil.copyfile", fill_up)
        with pytest.raises(BundleError, match="No space left"):
            computers[1].bundles.install(bundle, silent)
    left = [path for path in models.rglob("*") if path.is_file()]
    (models / "tiny-model" / "config.json.part").write_text("of one that was killed")

    computers[1].bundles.install(bundle, silent)

    assert left == []
    assert [path.name for path in models.iterdir()] == ["tiny-model"]
    assert sorted(os.listdir(models / "tiny-model")) == sorted(os.listdir(TINY))


def test_a_damaged_client_of_the_window_is_not_called_a_damaged_bundle(computers, tmp_path, monkeypatch):
    def save(path: Path) -> str:
        path.write_bytes(b"no tar at all")
        return "client"

    monkeypatch.setenv("HOME", str(tmp_path / "two"))
    monkeypatch.setattr(computers[0].bundles._parts, "save_window", save)
    computers[0].bundles.make(BundleWish(window=True), tmp_path / "window.bundle", silent)

    with pytest.raises(BundleError, match="window's client in this bundle is damaged") as refused:
        computers[1].bundles.install(tmp_path / "window.bundle", silent)

    assert "no bundle" not in refused.value.message


class PulledOut(io.BytesIO):
    """A file on a stick that somebody pulls out once the list of its parts has been read."""

    name = "/media/stick/all.bundle"
    is_gone = False

    def read(self, size: int | None = -1) -> bytes:
        if self.is_gone:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


def test_a_bundle_that_cannot_be_read_any_more_is_not_called_a_folder_that_cannot_be_written(
    bundle, tmp_path
):
    stick = PulledOut(bundle.read_bytes())
    with tarfile.open(fileobj=stick) as tar:
        part = manifest_of(tar, bundle).parts[0]
        stick.is_gone = True

        with pytest.raises(BundleError, match=r"^/media/stick/all.bundle cannot be read: Input/output error"):
            extract(tar, part, tmp_path / "room" / part.path)


class GatedHub(Emulator):
    """One model, for one token: what `huggingface_hub` 1.33 asks to fetch a snapshot."""

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != "Bearer hf_of_the_keyring":
            return Reply("", 401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        if "/tree/" in request.path:
            return Reply(
                [
                    {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": file.name}
                    for file in TINY.iterdir()
                ]
            )
        if request.path.startswith("/api/models/"):
            files = [{"rfilename": file.name, "size": file.stat().st_size} for file in TINY.iterdir()]
            return Reply({"_id": "1", "id": "owner/tiny", "sha": "abc123", "siblings": files})
        content = (TINY / request.path.rpartition("/")[2]).read_bytes()
        return Reply(content, headers={"ETag": f'"{hashlib.sha1(content).hexdigest()}"', **COMMITTED})


COMMITTED = {"X-Repo-Commit": "abc123"}


def a_form_has_looked(hub: Path) -> None:
    """Which fetches the config.json of a model, and nothing else."""
    repo = hub / "models--owner--tiny"
    (repo / "snapshots" / "abc123").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc123")
    shutil.copy(TINY / "config.json", repo / "snapshots" / "abc123")


def test_of_a_model_that_is_here_in_part_the_rest_is_fetched_with_the_kept_token(
    computers, tmp_path, monkeypatch
):
    a_form_has_looked(tmp_path / "hub")
    file = tmp_path / "hub.bundle"
    with running(GatedHub()) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        computers[0].bundles.make(BundleWish(["owner/tiny"]), file, silent)

    packed = {part.path.rpartition("/")[2] for part in computers[0].bundles.look(file).parts}
    assert packed == {file.name for file in TINY.iterdir()}


def test_a_model_that_is_here_in_part_is_refused_where_the_rest_is_not_to_be_had(
    computers, tmp_path, monkeypatch
):
    a_form_has_looked(tmp_path / "hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(BundleError, match="only a part could be had: it has no weights"):
        computers[0].bundles.make(BundleWish(["owner/tiny"]), tmp_path / "hub.bundle", silent)


def in_the_cache(hub: Path, name: str, **files: bytes) -> Path:
    repo = hub / f"models--{name.replace('/', '--')}"
    folder = repo / "snapshots" / "abc123"
    folder.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc123")
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return folder


def packed_of(computer: Computer, name: str, file: Path) -> set[str]:
    computer.bundles.make(BundleWish([name]), file, silent)
    return {part.path.removeprefix("models/") for part in computer.bundles.look(file).parts}


@pytest.fixture
def offline_hub(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


ADAPTER = {"adapter_config.json": b'{"base_model_name_or_path": "owner/tiny"}'}
WEIGHTS = {"adapter_model.safetensors": b"halves"}


def test_an_adapter_is_bundled_with_its_base(computers, hub_model, offline_hub, tmp_path):
    in_the_cache(offline_hub, "owner/adapter", **ADAPTER, **WEIGHTS)

    packed = packed_of(computers[0], "owner/adapter", tmp_path / "hub.bundle")

    assert packed == {f"owner--adapter/abc123/{name}" for name in (*ADAPTER, *WEIGHTS)} | {
        f"owner--tiny/abc123/{file.name}" for file in TINY.iterdir()
    }


def test_an_adapter_finds_the_folder_of_its_base_on_the_other_computer(computers, tmp_path):
    online, offline = computers
    base, first, second = shutil.copytree(TINY, tmp_path / "mine"), tmp_path / "first", tmp_path / "second"
    for adapter in (first, second):
        adapter.mkdir()
        settings = json.dumps({"base_model_name_or_path": str(base), "r": 16, "of": adapter.name})
        (adapter / "adapter_config.json").write_text(settings)
        (adapter / "adapter_model.safetensors").write_bytes(b"halves")
    another = offline.home / "models" / "mine" / "config.json"
    another.parent.mkdir(parents=True)
    another.write_text("{}")

    file = tmp_path / "all.bundle"
    made = online.bundles.make(BundleWish([str(first), str(base), str(second)]), file, silent)
    before = (first / "adapter_config.json").read_bytes()
    shutil.rmtree(base)
    for _ in range(2):
        offline.bundles.install(file, silent)

    assert len(made.models()) == 3
    assert sorted(path.name for path in (offline.home / "models").iterdir())[:2] == ["first", "mine"]
    assert len(list((offline.home / "models").iterdir())) == 4
    for adapter in (first, second):
        installed = offline.home / "models" / adapter.name
        settings = (installed / "adapter_config.json").read_bytes()
        found = base_named_in(settings, installed)
        assert (found.folder / "model.safetensors").read_bytes() == (TINY / "model.safetensors").read_bytes()
        assert json.loads(settings)["r"] == 16
    assert (first / "adapter_config.json").read_bytes() == before
    assert another.read_text() == "{}"

    again = tmp_path / "again.bundle"
    offline.bundles.make(BundleWish([str(offline.home / "models" / "first")]), again, silent)
    assert {model.name for model in offline.bundles.look(again).models()} == {"first", found.folder.name}

    (found.folder / "README.md").write_text("changed")
    shutil.rmtree(offline.home / "models" / "first")
    with pytest.raises(BundleError, match=f"The base model {found.folder.name} was changed in"):
        offline.bundles.install(file, silent)
    assert not (offline.home / "models" / "first").exists()


def test_an_adapter_whose_base_is_not_to_be_had_is_refused_and_says_what_that_is_for(
    computers, offline_hub, tmp_path
):
    in_the_cache(offline_hub, "owner/adapter", **ADAPTER, **WEIGHTS)

    with pytest.raises(BundleError, match=r"owner/tiny is .* It is the base model of owner/adapter"):
        packed_of(computers[0], "owner/adapter", tmp_path / "hub.bundle")


def test_an_adapter_of_which_only_the_settings_are_here_is_not_whole(computers, tmp_path):
    folder = in_the_cache(tmp_path, "owner/adapter", **ADAPTER)

    with pytest.raises(BundleError, match="is not whole: the adapter has no weights"):
        packed_of(computers[0], str(folder), tmp_path / "x.bundle")


def test_a_repository_of_gguf_files_is_bundled(computers, offline_hub, tmp_path):
    files = {"README.md": b"words", "tiny-q8.gguf": b"8", "tiny-q4.gguf": b"4"}
    in_the_cache(offline_hub, "owner/tiny-GGUF", **files)

    packed = packed_of(computers[0], "owner/tiny-GGUF", tmp_path / "hub.bundle")

    assert packed == {f"owner--tiny-GGUF/abc123/{name}" for name in files}


def test_a_gguf_model_of_which_one_part_is_missing_is_refused(computers, offline_hub, tmp_path):
    in_the_cache(offline_hub, "owner/big-GGUF", **{"big-00001-of-00003.gguf": b"1"})

    with pytest.raises(BundleError, match="2 of its 3 GGUF files are missing"):
        packed_of(computers[0], "owner/big-GGUF", tmp_path / "hub.bundle")


def test_a_folder_without_weights_is_refused(computers, tmp_path):
    shutil.copytree(TINY, tmp_path / "part")
    (tmp_path / "part" / "model.safetensors").unlink()

    with pytest.raises(BundleError, match="is not whole: it has no weights"):
        computers[0].bundles.make(BundleWish([str(tmp_path / "part")]), tmp_path / "x.bundle", silent)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (BundleWish(), "Nothing was asked for"),
        (BundleWish(models=["/no/such"]), "neither whole on this computer"),
        (BundleWish(sessions=["none"]), "no session"),
        (BundleWish(requirement="no-such-package-anywhere"), "pip could not collect"),
    ],
    ids=["nothing", "model", "session", "package"],
)
def test_what_cannot_be_had_is_a_sentence_and_leaves_no_bundle(computers, tmp_path, monkeypatch, wish, said):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(StudioError, match=said):
        computers[0].bundles.make(wish, tmp_path / "x.bundle", silent)

    assert not (tmp_path / "x.bundle").exists()
