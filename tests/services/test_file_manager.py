"""A folder is shown in the file manager, or it is said why not and where it is."""

import os
import sys
from pathlib import Path

import pytest

from app.adapters.file_manager import FileManager
from app.domain.errors import StudioError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its stand-in is a shell script")


def manager(tmp_path: Path, script: str, name: str = "xdg-open", **environment: str) -> dict[str, str]:
    program = tmp_path / "bin" / name
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": str(program.parent), **environment}


@pytest.mark.parametrize(("platform", "name"), [("linux", "xdg-open"), ("darwin", "open")])
def test_each_desktop_has_its_own_program(tmp_path: Path, platform: str, name: str) -> None:
    told = tmp_path / "told"
    environment = manager(tmp_path, f'echo "$1" > {told}', name, DISPLAY=":0")

    FileManager(platform, environment)(tmp_path)

    assert told.read_text().strip() == str(tmp_path)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "there is no desktop here"),
        ({"WAYLAND_DISPLAY": "0", "PATH": os.devnull}, "xdg-open is not installed"),
    ],
)
def test_where_there_is_none_that_is_said(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    with pytest.raises(StudioError, match=words) as refused:
        FileManager("linux", environment)(tmp_path)

    assert str(tmp_path) in refused.value.hint


def test_a_program_that_fails_is_not_taken_for_one_that_works(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="ended with code 3"):
        FileManager("linux", manager(tmp_path, "exit 3", DISPLAY=":0"))(tmp_path)


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="is not there"):
        FileManager("linux", {"DISPLAY": ":0"})(tmp_path / "none")
