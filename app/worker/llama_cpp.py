"""llama.cpp's own server, inside a process of ours, and what is asked of it."""

import json
import os
import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx

from app.domain.errors import EngineError
from app.worker.llama_stream import StreamRefusedError, streamed

Messages = Sequence[Mapping[str, Any]]

_PATIENCE_SECONDS: Final = 600
_BATCH: Final = 128
"""Tokens of a prompt that are read at a time: it looks between two batches whether anybody still listens."""
_CERTAIN: Final = 1_000
"""Added to a token's score, nothing else is chosen."""


class RefusedError(Exception):
    """It does not take what it was asked, as a template that raises; says why."""


class LlamaCpp:
    """llama.cpp's own server, in this process, on a loopback port that only who knows its key may use."""

    def __init__(self, model: Path, context: int) -> None:
        """Raises EngineError if llama.cpp is not installed or cannot load the file."""
        try:
            import xllamacpp  # noqa: PLC0415
        except ImportError as error:
            raise EngineError(
                "llama.cpp (xllamacpp), which runs GGUF files, is not installed.",
                'Run: pip install "tunewright[export]"',
            ) from error
        self.name = f"llama.cpp (xllamacpp {xllamacpp.__version__})"
        self._key = key = secrets.token_hex(16)
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.n_ctx = context
        params.n_batch = params.n_ubatch = _BATCH
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
            raise EngineError(
                f"llama.cpp cannot load the file it was given: {error}.",
                "The log has details; the file may be damaged, or of a kind this llama.cpp does not know.",
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

    def tokens_of(self, text: str) -> list[int]:
        """Of a piece of an answer: nothing is put before it."""
        asked = {"content": text, "add_special": False, "parse_special": False}
        return [int(token) for token in self._ask("/tokenize", asked)["tokens"]]

    def answer(self, prompt: Sequence[int], most: int) -> list[int]:
        return [int(token) for token in self._complete(prompt, most)["tokens"]]

    def stops_at(self, token: int, prompt: Sequence[int]) -> bool:
        found = self._complete(prompt, 2, logit_bias=[[token, _CERTAIN]])
        return bool(found["stop_type"] == "eos")

    def stream(
        self, prompt: Sequence[int], asked: Mapping[str, Any], *, cancelled: Callable[[], bool]
    ) -> Generator[Mapping[str, Any]]:
        """An answer in pieces; it ends at once when `cancelled` says so, also while the prompt is being read.

        Raises RefusedError."""
        body = {"prompt": list(prompt), "return_tokens": True, "stream": True, **asked}
        try:
            yield from streamed(
                self._server.listening_address,
                self._key,
                body,
                patience=_PATIENCE_SECONDS,
                cancelled=cancelled,
            )
        except StreamRefusedError as error:
            raise RefusedError(_said(error.said)) from error

    def close(self) -> None:
        self._client.close()
        self._server = None

    def _complete(self, prompt: Sequence[int], most: int, **more: Any) -> Mapping[str, Any]:
        asked = {"prompt": list(prompt), "n_predict": most, "temperature": 0, "return_tokens": True, **more}
        return self._ask("/completion", asked)

    def _ask(self, path: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._client.post(path, json=dict(asked))
        if answer.is_error:
            raise RefusedError(_said(answer.content))
        found: Mapping[str, Any] = answer.json()
        return found


def _said(body: bytes) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["error"]["message"])
    return body.decode(errors="replace")
