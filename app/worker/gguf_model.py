"""A GGUF file that one talks to: llama.cpp reads, draws and streams, with the template the file brings."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from app.domain.chat import FinishReason, Sampling
from app.domain.errors import EngineError
from app.worker.endings import CHECKED_EVERY, goes_round
from app.worker.llama_cpp import LlamaCpp, Messages, RefusedError
from app.worker.protocol import Done, Generate, Load, Token

ENDING: Final = ".gguf"
_CONTEXT: Final = 4096
_REASONS: Final[dict[str, FinishReason]] = {"eos": "stop", "word": "stop_string", "limit": "length"}

logging.getLogger("httpx").setLevel(logging.WARNING)


class GgufModel:
    """Stands where a model of Transformers would."""

    device = "cpu"
    adapter_effect = None

    def __init__(self, request: Load) -> None:
        """Raises EngineError."""
        path = Path(request.base_model)
        if not path.is_file():
            raise EngineError(f"The GGUF file {path} is not there.", "Check the path.")
        self._llama = LlamaCpp(path, _CONTEXT)
        self.memory_bytes = path.stat().st_size

    def close(self) -> None:
        self._llama.close()

    def render(self, messages: Messages) -> tuple[str, list[int]]:
        """What it reads for these messages, as text and as tokens. Raises EngineError."""
        try:
            text = self._llama.render(messages)
        except RefusedError as error:
            raise EngineError(
                f"The chat template refuses this conversation: {error}", "Change it."
            ) from error
        return text, self._llama.tokenize(text)

    def generate(
        self, request: Generate, send: Callable[[Token], None], *, cancelled: Callable[[], bool]
    ) -> Done:
        """Answer in pieces to `send`; `cancelled` is asked at every token. Raises EngineError."""
        if request.voice == "base":
            raise EngineError("A GGUF file has no base model in it.", "Choose the base model itself.")
        started = time.monotonic()
        _, prompt = self.render(request.messages)
        ids: list[int] = []
        reason: FinishReason = "cancelled"
        try:
            for piece in self._llama.stream(prompt, _settings(request.sampling)):
                ids += piece["tokens"]
                if piece["content"]:
                    send(Token(id=request.id, text=piece["content"]))
                if piece["stop"]:
                    reason = _REASONS.get(str(piece.get("stop_type")), "stop")
                    break
                if cancelled():
                    break
                if request.sampling.guard_repetition and len(ids) % CHECKED_EVERY == 0 and goes_round(ids):
                    reason = "repetition"
                    break
        except RefusedError as error:
            raise EngineError(f"llama.cpp refuses: {error}", "Shorten the conversation.") from error
        seconds = time.monotonic() - started
        return Done(
            id=request.id,
            prompt_tokens=len(prompt),
            tokens=len(ids),
            seconds=seconds,
            finish_reason=reason,
        )


def _settings(sampling: Sampling) -> dict[str, Any]:
    """In llama.cpp's words. Its penalty for repetition is for the last 64 tokens, the prompt's among them."""
    asked: dict[str, Any] = {
        "n_predict": sampling.max_new_tokens,
        "temperature": max(sampling.temperature, 0.0),
        "repeat_penalty": sampling.repetition_penalty,
        "stop": list(sampling.stop),
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "top_k": 0 if sampling.top_k is None else sampling.top_k,
        "min_p": 0.0 if sampling.min_p is None else sampling.min_p,
    }
    if sampling.seed is not None:
        asked["seed"] = sampling.seed
    return asked
