"""A GGUF file that one talks to: llama.cpp reads, draws and streams, with the template the file brings."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from app.domain.chat import FinishReason, Sampling
from app.domain.errors import EngineError
from app.worker.endings import CHECKED_EVERY, goes_round
from app.worker.gguf_header import cache_bytes_a_token, header_of, trained_context
from app.worker.llama_cpp import LlamaCpp, Messages, RefusedError
from app.worker.protocol import Done, Generate, Load, Token
from app.worker.refusing import refusal

ENDING: Final = ".gguf"
_CONTEXT: Final = 4096
"""Where a file does not say how far its model reads."""
_SMALLEST: Final = 512
_SHARE: Final = 0.25
"""So much of the memory that is free beside the weights a conversation may take."""
_REASONS: Final[dict[str, FinishReason]] = {"eos": "stop", "word": "stop_string", "limit": "length"}

log = logging.getLogger(__name__)
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
        self.context = context_of(path, psutil.virtual_memory().available)
        self._llama = LlamaCpp(path, self.context)
        log.info("llama.cpp reads conversations of up to %s tokens", self.context)
        self.memory_bytes = path.stat().st_size

    def close(self) -> None:
        self._llama.close()

    def render(self, messages: Messages) -> tuple[str, list[int]]:
        """What it reads for these messages, as text and as tokens. Raises EngineError."""
        try:
            text = self._llama.render(messages)
        except RefusedError as error:
            raise refusal(messages, str(error), self._accepts) from error
        return text, self._llama.tokenize(text)

    def _accepts(self, messages: Messages) -> bool:
        try:
            self._llama.render(messages)
        except RefusedError:
            return False
        return True

    def generate(
        self, request: Generate, send: Callable[[Token], None], *, cancelled: Callable[[], bool]
    ) -> Done:
        """Answer in pieces to `send`; `cancelled` is asked all the time. Raises EngineError."""
        if request.voice == "base":
            raise EngineError("A GGUF file has no base model in it.", "Choose the base model itself.")
        started = time.monotonic()
        _, prompt = self.render(request.messages)
        self._require_room(prompt)
        ids: list[int] = []
        reason: FinishReason = "cancelled"
        try:
            for piece in self._llama.stream(prompt, _settings(request.sampling), cancelled=cancelled):
                ids += piece["tokens"]
                if piece["content"]:
                    send(Token(id=request.id, text=piece["content"]))
                if piece["stop"]:
                    reason = _REASONS.get(str(piece.get("stop_type")), "stop")
                    if reason == "length" and len(ids) < request.sampling.max_new_tokens:
                        reason = "context"
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

    def _require_room(self, prompt: Sequence[int]) -> None:
        """Raises EngineError: nothing of a conversation is left out in silence."""
        if len(prompt) >= self.context:
            raise EngineError(
                f"This conversation has {len(prompt):,} tokens, and {self.context:,} are the most that this "
                "model reads here.",
                "Begin a new chat or shorten it; nothing was left out or sent.",
            )


def context_of(file: Path, free_bytes: int) -> int:
    """As many tokens as the model was made to read, or as there is memory for."""
    header = header_of(file)
    trained, each = trained_context(header) or _CONTEXT, cache_bytes_a_token(header)
    if each is None:
        return min(trained, _CONTEXT)
    room = max(free_bytes - file.stat().st_size, 0) * _SHARE
    fitting = int(room // each) // _SMALLEST * _SMALLEST
    return min(trained, max(fitting, _SMALLEST))


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
