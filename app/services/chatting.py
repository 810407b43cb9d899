"""Talk to what a run made, and to the base model it came from."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from app.domain.chat import (
    AnswerFacts,
    ChatTurn,
    EngineStatus,
    IsWanted,
    Sampling,
    Voice,
    always,
    has_words,
    require_words,
)
from app.domain.errors import EngineError, StudioError
from app.domain.file_names import file_name
from app.domain.ports import ChatStore, InferenceEngine, RunStore
from app.domain.runs import Run, RunId
from app.domain.setups import BUNDLED_MODEL
from app.domain.talkers import AUTOMATIC, Placing
from app.services.library import random_prompts
from app.services.talkers import model_of
from trainer_image.config import DATA_FILE

log = logging.getLogger(__name__)

_RESULT_FILES = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")


class ChatService:
    """What Quick Local Inference can ask for. Blocking: the UI calls it off the event loop."""

    def __init__(
        self,
        runs: RunStore,
        chats: ChatStore,
        engine: InferenceEngine,
        exports: Path,
        *,
        bundled_model: Path,
    ) -> None:
        self._runs = runs
        self._chats = chats
        self._engine = engine
        self._exports = exports
        self._bundled_model = str(bundled_model.resolve())

    def blocked(self, run: Run) -> str:
        """Why one cannot chat with this run's result, as a sentence; empty if one can."""
        folder = run.output_dir
        if folder is None:
            return "This run has left no result to chat with yet."
        if not any((folder / name).is_file() for name in _RESULT_FILES):
            return f"The result of this run is no longer in {folder}."
        return ""

    def base_of(self, run: Run) -> str:
        """The model it was trained from as it is chosen: the bundled one by its name, not by its folder."""
        base = run.config.base_model
        return BUNDLED_MODEL if base == self._bundled_model else base

    def status(self) -> EngineStatus:
        return self._engine.status()

    def is_loaded(self, run_id: RunId, voice: Voice = "tuned") -> bool:
        """Whether this run's model is in memory, and no other in its place. Raises EngineError."""
        return self._engine.is_loaded(model_of(self._runs.get(run_id), voice))

    def sample_prompts(self, run_id: RunId, count: int = 5) -> list[str]:
        """Random questions from the rows the run was trained on; none for data that stayed on the Hub."""
        return random_prompts(self._runs.get(run_id).folder / DATA_FILE, count)

    def ask(
        self,
        run_id: RunId,
        prompt: str,
        sampling: Sampling,
        voice: Voice = "tuned",
        placing: Placing = AUTOMATIC,
        *,
        is_wanted: IsWanted = always,
    ) -> Iterator[str]:
        """Yield the answer in pieces and keep it, also when it was stopped half-way.

        Raises EngineError (SilentAnswerError for an answer without a word) or StudioError; nothing is kept of
        an answer that failed before its first piece.
        """
        run = self._runs.get(run_id)
        if reason := self.blocked(run):
            raise EngineError(reason, "Choose a finished run.")
        if not prompt.strip():
            raise StudioError("The prompt is empty.", "Type a question, or pick a sample.")
        pieces: list[str] = []
        facts: list[AnswerFacts] = []
        try:
            messages = [{"role": "user", "content": prompt}]
            model = model_of(run, voice, placing=placing)
            for piece in self._engine.generate(model, messages, sampling, facts.append, is_wanted=is_wanted):
                pieces.append(piece)
                yield piece
            require_words(pieces, facts)
        finally:
            if has_words(pieces):
                self._chats.add(run_id, voice, prompt, "".join(pieces), sampling)

    def stop(self) -> None:
        """Stop the answer under way; what was said so far is kept."""
        self._engine.stop()

    def unload(self) -> None:
        self._engine.unload()

    def turns(self, run_id: RunId) -> Sequence[ChatTurn]:
        """The conversation so far, oldest first."""
        return self._chats.turns(run_id)

    def clear(self, run_id: RunId) -> None:
        self._chats.clear(run_id)

    def export(self, run_id: RunId, now: datetime) -> Path:
        """Write the conversation as a text file; returns where. Raises StudioError."""
        run = self._runs.get(run_id)
        path = self._exports / f"chat-{file_name(run.name)}-{now:%Y%m%d-%H%M%S}.txt"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.as_text(run_id), encoding="utf-8")
        except OSError as error:
            raise StudioError(
                f"{path} could not be written: {error.strerror or error}.", "Make room and export again."
            ) from error
        return path

    def as_text(self, run_id: RunId) -> str:
        """The conversation as text for people."""
        run = self._runs.get(run_id)
        head = f"Run: {run.name}\nBase model: {run.config.base_model}\nResult: {run.output_dir}\n"
        return head + "".join(_as_text(turn) for turn in self._chats.turns(run_id))


def _as_text(turn: ChatTurn) -> str:
    who = "Fine-tuned model" if turn.voice == "tuned" else "Base model"
    settings = (
        f"temperature {turn.sampling.temperature}, max new tokens {turn.sampling.max_new_tokens}, "
        f"repetition penalty {turn.sampling.repetition_penalty}"
    )
    stamp = f"{turn.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"\n--- {stamp} ({settings})\nYou: {turn.prompt}\n{who}: {turn.answer}\n"
