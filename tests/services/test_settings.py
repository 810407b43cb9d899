"""What is remembered between starts."""

import pytest

from app.bootstrap import build_services
from app.domain.errors import StudioError
from app.domain.runs import RunRequest, Target
from app.domain.setups import Setup
from app.paths import Paths
from trainer_image.config import RunConfig


def test_the_last_setup_comes_back_as_it_was(world):
    setup = Setup(session="mine", output_name="first", config=RunConfig(base_model="a/b", max_steps=7))

    world.settings.remember_setup(setup)

    assert world.settings.last_setup() == setup


def test_a_setup_this_version_cannot_read_counts_as_none(world):
    world.settings._store.set("training.last_setup", '{"setup_version": 99}')

    assert world.settings.last_setup() is None


def test_a_theme_is_kept_and_nonsense_is_refused(world):
    assert world.settings.theme == "system"

    world.settings.set_theme("dark")

    assert world.settings.theme == "dark"
    with pytest.raises(ValueError, match="plaid"):
        world.settings.set_theme("plaid")


def test_a_data_folder_is_made_and_kept_and_an_empty_one_means_the_usual(world, tmp_path):
    kept = world.settings.set_data_folder(f" {tmp_path / 'large' / 'disk'} ")

    assert (world.settings.data_folder, (tmp_path / "large" / "disk").is_dir()) == (kept, True)
    assert world.settings.set_data_folder("  ") == world.settings.data_folder == ""


@pytest.mark.parametrize("text", ["relative/place", "{file}/below"])
def test_a_data_folder_that_cannot_be_is_refused_and_the_old_one_stays(world, tmp_path, text):
    (tmp_path / "file").write_text("")

    with pytest.raises(StudioError):
        world.settings.set_data_folder(text.format(file=tmp_path / "file"))

    assert world.settings.data_folder == ""


def test_the_app_puts_new_runs_into_the_data_folder_of_the_settings(tmp_path):
    paths = Paths(tmp_path / "home")
    paths.make()
    build_services(paths).settings.set_data_folder(str(tmp_path / "disk"))

    folder = build_services(paths).training.output_folder(
        RunRequest(RunConfig(base_model="a/b"), Target.LOCAL, output_name="mine")
    )

    assert folder == tmp_path / "disk" / "outputs" / "mine"


@pytest.mark.parametrize(
    "address",
    [
        "proxy",
        "ftp://proxy",
        "http://",
        "http://proxy:99999",
        "http://proxy:0",
        "http://[proxy",
        "http://a proxy",
        "http://proxy\t:1",
    ],
)
def test_what_is_no_address_of_a_proxy_is_refused_and_the_one_before_stays(world, address):
    world.settings.set_proxy("http://proxy.example:3128")

    with pytest.raises(StudioError, match="no address of a proxy"):
        world.settings.set_proxy(address)

    assert world.settings.proxy == "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("socks5://me:secret@proxy:1080", "'socks5://…@proxy:1080'"),
        ("http://me:secret@proxy:99999", "'http://…@proxy:99999'"),
        ("http://me:se@cret/x@[proxy", "A password cannot be kept here"),
        ("me:secret@proxy", "'…@proxy'"),
        ("http://me:secret@proxy:3128", "A password cannot be kept here"),
    ],
)
def test_a_password_in_an_address_is_never_said_again(world, address, shown):
    with pytest.raises(StudioError) as refused:
        world.settings.set_proxy(address)

    assert shown in refused.value.message
    assert "cret" not in str(refused.value)
