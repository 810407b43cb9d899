"""Paths as people type them."""

from pathlib import Path

from app.domain.typed_paths import nearest_folder


def test_what_is_to_be_made_comes_to_lie_in_the_nearest_folder_that_is_there(tmp_path: Path):
    (tmp_path / "note.txt").write_text("here")

    assert nearest_folder(tmp_path) == tmp_path
    assert nearest_folder(tmp_path / "new" / "newer") == tmp_path
    assert nearest_folder(tmp_path / "note.txt" / "new") == tmp_path
    assert nearest_folder(tmp_path / ("long" * 100) / "nul\0") == tmp_path


def test_a_relative_path_begins_in_the_current_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert nearest_folder(Path("new/newer")) == Path()
