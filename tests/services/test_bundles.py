"""A bundle, from the computer that makes it to the one that has no network: real parts, only small ones."""

import base64
import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import flet_desktop
import pytest

from app.adapters.bundle_parts import SystemBundleParts
from app.adapters.sqlite.engine import open_database
from app.domain.bundles import BundleError, BundleWish
from app.domain.errors import StudioError
from app.services.bundles import BundleService
from app.services.offline import OfflineService
from tests.docker_engine import docker_client, skeleton_image
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
            SystemBundleParts(home / "models", caches=[self.cache], checkout=home),
            self.world.library,
            OfflineService(self.world.settings, self.network),
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


def test_packages_for_another_system_are_refused_after_all_the_rest(computers, wheel, tmp_path, monkeypatch):
    online, offline = computers
    file = tmp_path / "other.bundle"
    monkeypatch.setattr(SystemBundleParts, "made_for", lambda _: "Plan9 mips, Python 3.99")
    online.bundles.make(BundleWish([str(TINY)], requirement=wheel), file, silent)
    monkeypatch.undo()

    with pytest.raises(BundleError, match="made for Plan9 mips"):
        offline.bundles.install(file, silent)

    assert (offline.home / "models" / "tiny-model").is_dir()


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (BundleWish(), "Nothing was asked for"),
        (BundleWish(models=["/no/such"]), "neither on this computer"),
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
