"""What the tokens of a run depend on, as one short text: the same text, the same tokens."""

import hashlib
import importlib.metadata
import json
import pickle
from pathlib import Path
from typing import Any, Final

from trainer_image.config import RunConfig

FORMAT: Final = 1
"""Raise when the files of an entry are laid out otherwise."""
_SETTINGS: Final = (
    "max_seq_len", "min_seq_len", "over_long", "drop_duplicates", "unmask_messages", "is_pretraining",
    "document_column_name",
)  # fmt: skip
_CODE: Final = ("rows", "rendering", "masking", "unmasking", "documents", "encoding", "data", "tokens")
"""Modules that have a say in which tokens a row becomes: with other code, other tokens."""
_LIBRARIES: Final = ("transformers", "tokenizers", "jinja2")


def fingerprint(config: RunConfig, tokenizer: Any, *, data: str, validation: str | None) -> str:
    """`data` and `validation` name the content of the rows."""
    parts = {
        "format": FORMAT,
        "code": _code(),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "settings": {name: getattr(config, name) for name in _SETTINGS},
        "tokenizer": _of_tokenizer(tokenizer),
        "data": data,
        "validation": validation,
    }
    return _hash(json.dumps(parts, sort_keys=True).encode())[:32]


def _of_tokenizer(tokenizer: Any) -> str:
    fast = getattr(tokenizer, "backend_tokenizer", None)
    core = fast.to_str().encode() if fast else pickle.dumps(tokenizer)
    more = [
        type(tokenizer).__name__,
        tokenizer.chat_template,
        tokenizer.special_tokens_map,
        {str(at): repr(token) for at, token in tokenizer.added_tokens_decoder.items()},
    ]
    return _hash(core + json.dumps(more, sort_keys=True, default=repr).encode())


def _code() -> str:
    folder = Path(__file__).parent
    return _hash(b"\0".join((folder / f"{name}.py").read_bytes() for name in _CODE))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
