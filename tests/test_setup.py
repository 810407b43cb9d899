"""What `make run` does before it opens the app, with a Python that only notes what it was asked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PYTHON = """#!/bin/bash
case "$*" in
  "-m venv --clear .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *"-m pip install"*) echo "$*" >>installed ;;
esac
"""


def set_up(folder: Path, python: Path, extras: str) -> int:
    """How often anything was installed in all."""
    environment = {**os.environ, "PYTHON": str(python)}
    subprocess.run([folder / "scripts/setup.sh", extras], env=environment, check=True, capture_output=True)
    return len((folder / "installed").read_text().splitlines())


def test_it_installs_again_only_when_something_changed_or_the_folder_was_moved(tmp_path: Path) -> None:
    folder, python = tmp_path / "here", tmp_path / "python"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/setup.sh", folder / "scripts")
    (folder / "pyproject.toml").write_text("one")
    python.write_text(PYTHON)
    python.chmod(0o755)

    assert set_up(folder, python, "local") == 1
    assert set_up(folder, python, "local") == 1
    assert set_up(folder, python, "local,dev") == 2
    assert set_up(folder, python, "local") == 2
    (folder / "pyproject.toml").write_text("two")
    assert set_up(folder, python, "local") == 3
    moved = folder.rename(tmp_path / "there")
    assert set_up(moved, python, "local") == 4


def test_what_is_installed_from_a_wheel_has_its_assets(tmp_path: Path) -> None:
    """In a checkout they lie beside the package, where no wheel reaches."""
    (tmp_path / "egg").mkdir()
    words = ["egg_info", "--egg-base", tmp_path / "egg", "build_py", "--build-lib", tmp_path / "packed"]
    subprocess.run([sys.executable, "setup.py", "-q", *words], cwd=ROOT, check=True, capture_output=True)

    ask = "from app.paths import Paths; print(Paths.from_environment().assets)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "packed")}
    said = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )

    assets = Path(said.stdout.strip())
    assert assets == tmp_path / "packed/app/assets"
    for file in ("tiny-model/config.json", "sample/ferry-help-desk.jsonl", "fonts/Inter-Regular.otf"):
        assert (assets / file).read_bytes() == (ROOT / "assets" / file).read_bytes()
    assert (tmp_path / "packed/trainer_image/constraints.txt").is_file()
