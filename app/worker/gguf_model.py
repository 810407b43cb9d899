"""A GGUF file that one talks to: llama.cpp reads, draws and streams, with the template the file brings."""

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from app.domain.chat import FinishReason, Sampling
from app.domain.errors import EngineError, NotTakenError
from app.worker.endings import CHECKED_EVERY, AnswerEndedError, StopWatch, goes_round
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
_PARTS: Final = ((0, 16), (16, 16), (32, 32), (64, 1 << 31))
"""Of an answer: (tokens the penalty for repetition looks back at, tokens to say with that)."""

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
        said = _Said()
        watch = StopWatch(request.sampling.stop, lambda text: send(Token(id=request.id, text=text)))
        try:
            reason = self._answered(prompt, request.sampling, said, watch, cancelled)
            watch.finish()
        except AnswerEndedError as ended:
            reason = ended.reason
        except RefusedError as error:
            raise NotTakenError(f"llama.cpp refuses: {error}", "Shorten the conversation.") from error
        seconds = time.monotonic() - started
        return Done(
            id=request.id,
            prompt_tokens=len(prompt),
            tokens=said.count,
            seconds=seconds,
            finish_reason=reason,
        )

    def _answered(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        said: "_Said",
        watch: StopWatch,
        cancelled: Callable[[], bool],
    ) -> FinishReason:
        """Fill `said` and `watch`; why the answer ends. Raises AnswerEndedError, RefusedError."""
        with closing(self._pieces(prompt, sampling, said, cancelled)) as pieces:
            for piece in pieces:
                if piece["content"]:
                    watch.put(piece["content"])
                if piece["stop"]:
                    reason = _REASONS.get(str(piece.get("stop_type")), "stop")
                    is_cut = reason == "length" and said.count < sampling.max_new_tokens
                    return "context" if is_cut else reason
                if sampling.guard_repetition and said.count % CHECKED_EVERY == 0 and goes_round(said.ids):
                    return "repetition"
        return "cancelled"

    def _pieces(
        self, prompt: Sequence[int], sampling: Sampling, said: "_Said", cancelled: Callable[[], bool]
    ) -> Generator[Mapping[str, Any]]:
        """One answer, asked for in parts. llama.cpp's penalty counts the last tokens, whoever said them: with
        the prompt's end of turn among them, answers would not end. So each part has a penalty for as many
        tokens as the answer has when it begins; the server keeps what it has read."""
        for number, (window, most) in enumerate(_parts(sampling)):
            begun = said.count
            asked = _settings(sampling, window=window, said=begun, part=number)
            with closing(self._llama.stream([*prompt, *said.ids], asked, cancelled=cancelled)) as stream:
                for piece in stream:
                    self._hear(piece, begun, said)
                    yield piece
                    if piece["stop"]:
                        return
                    is_whole = bool(piece["content"])  # no character is cut in two
                    if is_whole and begun + most <= said.count < sampling.max_new_tokens:
                        break
                else:
                    return

    def _hear(self, piece: Mapping[str, Any], begun: int, said: "_Said") -> None:
        """A character of several tokens comes as one piece that names the last of them only."""
        new = max(begun + int(piece.get("tokens_predicted", 0)) - said.count, len(piece["tokens"]))
        is_named = new <= len(piece["tokens"]) or not piece["content"]
        said.ids += piece["tokens"] if is_named else self._llama.tokens_of(piece["content"])
        said.count += new

    def _require_room(self, prompt: Sequence[int]) -> None:
        """Raises NotTakenError: nothing of a conversation is left out in silence."""
        if len(prompt) >= self.context:
            raise NotTakenError(
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


@dataclass
class _Said:
    """An answer as far as it is."""

    ids: list[int] = field(default_factory=list)
    count: int = 0
    """Of tokens, as llama.cpp counts them."""


def _parts(sampling: Sampling) -> Sequence[tuple[int, int]]:
    return _PARTS if sampling.repetition_penalty != 1.0 else ((0, sampling.max_new_tokens),)


def _settings(sampling: Sampling, *, window: int, said: int, part: int) -> dict[str, Any]:
    """In llama.cpp's words; what nobody has chosen is the file's own, or else llama.cpp's."""
    asked: dict[str, Any] = {
        "n_predict": sampling.max_new_tokens - said,
        "temperature": max(sampling.temperature, 0.0),
        "repeat_penalty": sampling.repetition_penalty if window else 1.0,
        "repeat_last_n": window,
    }
    chosen = {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": sampling.min_p}
    asked.update({name: value for name, value in chosen.items() if value is not None})
    if sampling.seed is not None:
        asked["seed"] = sampling.seed + part
    return asked
