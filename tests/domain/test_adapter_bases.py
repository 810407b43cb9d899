"""Which base model an adapter names."""

import json
from pathlib import Path

import pytest

from app.domain.adapter_bases import NamedBase, base_named_in


def base_of(name: object, adapter: Path) -> NamedBase | None:
    return base_named_in(json.dumps({"base_model_name_or_path": name}).encode(), adapter)


def test_a_folder_beside_the_adapter_is_found_from_there(tmp_path: Path):
    (tmp_path / "base").mkdir()
    (tmp_path / "adapter").mkdir()

    base = base_of("../base", tmp_path / "adapter")

    assert base is not None
    assert base.place == str((tmp_path / "base").resolve())
    assert not base.is_missing


@pytest.mark.parametrize(
    ("name", "is_missing"), [("owner/tiny", False), ("/gone/tiny", True), ("a/b/c", True)]
)
def test_a_folder_that_is_gone_is_told_from_a_name_of_the_hub(tmp_path: Path, name: str, is_missing: bool):
    base = base_of(name, tmp_path)

    assert base is not None
    assert (base.place, base.is_missing) == (name, is_missing)


@pytest.mark.parametrize("name", ["", None, 7])
def test_an_adapter_that_does_not_say_names_none(tmp_path: Path, name: object):
    assert base_of(name, tmp_path) is None


@pytest.mark.parametrize("text", [b"", b"{broken", b"\xff", b'["no", "settings"]'])
def test_settings_that_are_none_are_an_error(tmp_path: Path, text: bytes):
    with pytest.raises(ValueError):  # noqa: PT011 whatever json says of it
        base_named_in(text, tmp_path)
