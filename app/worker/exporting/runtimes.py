"""What reads and answers what was exported: llama.cpp for a GGUF file, Transformers for a folder."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

Messages = Sequence[Mapping[str, Any]]


class Reader(Protocol):
    """Reads prompts as what was exported does. It may have no model, and is asked for no answer."""

    name: str

    def render(self, messages: Messages) -> str:
        """The messages in the template it has, up to where the answer begins."""
        ...

    def tokenize(self, text: str) -> list[int]:
        """The tokens it reads of a rendered text."""
        ...

    def stops_at(self, token: int, prompt: Sequence[int]) -> bool:
        """Whether it ends an answer when `token` comes."""
        ...

    def close(self) -> None:
        """Give back its memory."""
        ...


class Runtime(Reader, Protocol):
    def answer(self, prompt: Sequence[int], most: int) -> list[int]:
        """The likeliest tokens after `prompt`, one after the other; the token that ends it included."""
        ...


class Transformers:
    """A folder as anybody loads it: the model, its tokenizer, and its own settings for ending an answer."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        from transformers import __version__  # noqa: PLC0415 seconds

        self.name = f"Transformers {__version__}"
        self._model, self._tokenizer = model, tokenizer
        ends = model.generation_config.eos_token_id
        self._ends = set(ends if isinstance(ends, list) else [ends])

    def render(self, messages: Messages) -> str:
        plain = [dict(message) for message in messages]
        return str(self._tokenizer.apply_chat_template(plain, add_generation_prompt=True, tokenize=False))

    def tokenize(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def answer(self, prompt: Sequence[int], most: int) -> list[int]:
        from app.worker.exporting.reference import greedy  # noqa: PLC0415 torch

        ends = frozenset(end for end in self._ends if end is not None)
        return greedy(self._model, prompt, most, ends).tokens

    def stops_at(self, token: int, prompt: Sequence[int]) -> bool:
        return token in self._ends

    def close(self) -> None:
        self._model = None


class WordsOnly:
    """Tokenizer and settings of a folder whose model cannot be loaded here: a `Reader`, no `Runtime`."""

    def __init__(self, tokenizer: Any, folder: Path) -> None:
        from transformers import __version__  # noqa: PLC0415 seconds

        self.name = f"the tokenizer of Transformers {__version__}"
        self._words = tokenizer
        self._ends = _ends_of(folder)

    def render(self, messages: Messages) -> str:
        plain = [dict(message) for message in messages]
        return str(self._words.apply_chat_template(plain, add_generation_prompt=True, tokenize=False))

    def tokenize(self, text: str) -> list[int]:
        return list(self._words(text, add_special_tokens=False)["input_ids"])

    def stops_at(self, token: int, prompt: Sequence[int]) -> bool:
        return token in self._ends

    def close(self) -> None:
        """There is nothing to give back."""


def _ends_of(folder: Path) -> set[int]:
    """The tokens that end an answer by the settings in a folder."""
    with suppress(OSError, ValueError, KeyError):
        ends = json.loads((folder / "generation_config.json").read_bytes())["eos_token_id"]
        return set(ends if isinstance(ends, list) else [ends])
    return set()
