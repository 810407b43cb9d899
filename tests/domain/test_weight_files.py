"""What an index of weights names."""

import json

import pytest

from app.domain.weight_files import parts_named_in


def test_each_file_that_an_index_names_counts_once():
    weights = {"a": "model-1.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors"}

    assert parts_named_in(json.dumps({"weight_map": weights}).encode()) == {
        "model-1.safetensors",
        "model-2.safetensors",
    }


@pytest.mark.parametrize(
    "text", [b"", b"{broken", b"[]", b"{}", b'{"weight_map": []}', b'{"weight_map": {"a": 1}}']
)
def test_what_is_no_index_is_an_error(text: bytes):
    with pytest.raises(ValueError):  # noqa: PT011 whatever json says of it
        parts_named_in(text)
