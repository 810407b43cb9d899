"""What reads and answers: llama.cpp for a GGUF file, Transformers for a folder."""

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from app.domain.errors import StudioError

Messages = Sequence[Mapping[str, Any]]

_PATIENCE_SECONDS: Final = 600
_CERTAIN: Final = 1_000
"""Added to a token's score, nothing else is chosen."""


class Runtime(Protocol):
    name: str

    def render(self, messages: Messages) -> str:
        """The messages in the template it has, up to where the answer begins."""
        ...

    def tokenize(self, text: str) -> list[int]:
        """The tokens it reads of a rendered text."""
        ...

    def answer(self, prompt: Sequence[int], most: int) -> list[int]:
        """The likeliest tokens after `prompt`, one after the other; the token that ends it included."""
        ...

    def stops_at(self, token: int, prompt: Sequence[int]) -> bool:
        """Whether it ends an answer when `token` comes."""
        ...

    def close(self) -> None:
        """Give back its memory."""
        ...


class LlamaCpp:
    """llama.cpp's own server, in this process, on a loopback port that only who knows its key may use."""

    def __init__(self, model: Path, context: int) -> None:
        """Raises StudioError if llama.cpp is not installed or cannot load the file."""
        try:
            import xllamacpp  # noqa: PLC0415
        except ImportError as error:
            raise StudioError(
                "llama.cpp (xllamacpp), which runs the file to see whether it is right, is not installed.",
                'Run: pip install "tunewright[export]"',
            ) from error
        self.name = f"llama.cpp (xllamacpp {xllamacpp.__version__})"
        key = secrets.token_hex(16)
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.n_ctx = context
        params.n_parallel = 1
        params.warmup = False
        params.use_jinja = True
        params.ui = False
        params.api_keys = [key]
        params.cpuparams.n_threads = os.cpu_count() or 1
        params.cpuparams_batch.n_threads = os.cpu_count() or 1
        try:
            self._server = xllamacpp.Server(params)
        except Exception as error:
            raise StudioError(
                f"llama.cpp cannot load the file it was given: {error}.",
                "The export log has the details. Export it as a whole model in 16 bits instead.",
            ) from error

        self._client = httpx.Client(
            base_url=self._server.listening_address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_PATIENCE_SECONDS,
            trust_env=False,  # a proxy has no business here
        )

    def render(self, messages: Messages) -> str:
        return str(self._ask("/apply-template", {"messages": [dict(m) for m in messages]})["prompt"])

    def tokenize(self, text: str) -> list[int]:
        # As the server itself reads a chat: special tokens are known, and the first one is added, if any.
        asked = {"content": text, "add_special": True, "parse_special": True}
        return [int(token) for token in self._ask("/tokenize", asked)["tokens"]]

    def answer(self, prompt: Sequence[int], most: int) -> list[int]:
        return [int(token) for token in self._complete(prompt, most)["tokens"]]

    def stops_at(self, token: int, prompt: Sequence[int]) -> bool:
        found = self._complete(prompt, 2, logit_bias=[[token, _CERTAIN]])
        return bool(found["stop_type"] == "eos")

    def close(self) -> None:
        self._client.close()
        self._server = None

    def _complete(self, prompt: Sequence[int], most: int, **more: Any) -> Mapping[str, Any]:
        asked = {"prompt": list(prompt), "n_predict": most, "temperature": 0, "return_tokens": True, **more}
        return self._ask("/completion", asked)

    def _ask(self, path: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._client.post(path, json=dict(asked))
        if answer.is_error:
            with suppress(ValueError, KeyError, TypeError):
                raise RefusedError(str(answer.json()["error"]["message"]))
            raise RefusedError(answer.text)
        found: Mapping[str, Any] = answer.json()
        return found


class RefusedError(Exception):
    """The runtime does not take what it was asked, as a template that raises; says why."""


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
