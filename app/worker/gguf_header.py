"""What a GGUF file says of its model before its weights: how far it reads, what each token takes in memory.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3). Only the head is read, up
to the tokenizer, whose hundred thousand words would take a second.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

_PLAIN: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING: Final = 8
_ARRAY: Final = 9
_LONGEST: Final = 1_000_000
_MOST: Final = 10_000
_CACHE_BYTES: Final = 2
"""Of a number in the cache: llama.cpp keeps it in 16 bits."""


def header_of(file: Path) -> Mapping[str, Any]:
    """The values by their names, as far as they can be read; empty for what is no GGUF file."""
    found: dict[str, Any] = {}
    try:
        with file.open("rb") as source:
            if source.read(4) != b"GGUF" or _plain(source, "I") < 2:
                return {}
            _plain(source, "Q")  # how many tensors
            for _ in range(min(_plain(source, "Q"), _MOST)):
                name = _string(source)
                if name.startswith("tokenizer."):
                    break
                found[name] = _value(source, _plain(source, "I"))
    except (OSError, struct.error, ValueError, UnicodeDecodeError):
        pass  # llama.cpp says what is wrong with the file
    return found


def trained_context(header: Mapping[str, Any]) -> int | None:
    """Tokens the model was made to read."""
    found = _of_architecture(header, "context_length")
    return int(found) if isinstance(found, int) and found > 0 else None


def cache_bytes_a_token(header: Mapping[str, Any]) -> int | None:
    """Memory that each token of a conversation takes; with a sliding window it is less."""
    layers, heads = _of_architecture(header, "block_count"), _of_architecture(header, "attention.head_count")
    width = _of_architecture(header, "embedding_length")
    if not isinstance(layers, int) or not isinstance(width, int) or not heads:
        return None
    shared = _of_architecture(header, "attention.head_count_kv") or heads
    each = max(heads) if isinstance(heads, list) else heads
    keys = _of_architecture(header, "attention.key_length") or width // each
    values = _of_architecture(header, "attention.value_length") or width // each
    total = sum(shared) if isinstance(shared, list) else shared * layers
    return int(total * (keys + values) * _CACHE_BYTES)


def _of_architecture(header: Mapping[str, Any], name: str) -> Any:
    return header.get(f"{header.get('general.architecture')}.{name}")


def _value(source: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(source)
    if kind == _ARRAY:
        inner, count = _plain(source, "I"), _plain(source, "Q")
        if count > _LONGEST:
            raise ValueError("no array of a head is that long")
        return [_value(source, inner) for _ in range(count)]
    if kind not in _PLAIN:
        raise ValueError("a kind of value that is not known")
    return _plain(source, _PLAIN[kind])


def _plain(source: BinaryIO, kind: str) -> Any:
    return struct.unpack(f"<{kind}", source.read(struct.calcsize(f"<{kind}")))[0]


def _string(source: BinaryIO) -> str:
    length = _plain(source, "Q")
    if length > _LONGEST:
        raise ValueError("no text of a head is that long")
    return str(source.read(length).decode())
