"""Ask two models the same, under the same conditions."""

import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.domain.chat import AnswerFacts, IsWanted, Sampling, always
from app.domain.comparing import Answered, Comparison, ComparisonFormat
from app.domain.conversations import as_messages
from app.domain.errors import BusyError, StudioError
from app.domain.ports import InferenceEngine
from app.domain.sessions import Message, SessionId
from app.domain.talkers import AUTOMATIC, LoadableModel, ModelRef, Placing
from app.services.library import LibraryService
from app.services.row_files import appearing
from app.services.talkers import TalkerService

MOST_PROMPTS: Final = 1_000
_SEEDS: Final = 2**31
_LOOKS_EVERY_SECONDS: Final = 0.05


class ComparingService:
    """Blocking: the UI calls it off the event loop."""

    def __init__(
        self,
        talkers: TalkerService,
        engine: InferenceEngine,
        library: LibraryService,
        *,
        exports: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._talkers = talkers
        self._engine = engine
        self._library = library
        self._exports = exports
        self._clock = clock
        self._is_stopped = False
        self._has_begun = False
        self._is_wanted: IsWanted = always

    def plan(
        self,
        first: ModelRef,
        second: ModelRef,
        prompts: Sequence[str],
        sampling: Sampling,
        system: str = "",
    ) -> Comparison:
        """What is to be asked; with a seed, so that both draw the same dice. Raises StudioError."""
        asked = tuple(text for prompt in prompts if (text := prompt.strip()))
        if not asked:
            raise StudioError(
                "There is nothing to ask.", "Type prompts, one a line, or take some of a session."
            )
        if len(asked) > MOST_PROMPTS:
            raise StudioError(
                f"{len(asked):,} prompts are too many.", f"Compare at most {MOST_PROMPTS:,} at once."
            )
        if first == second:
            raise StudioError("Both models are the same.", "Choose two that differ.")
        if sampling.seed is None:
            sampling = replace(sampling, seed=random.randrange(_SEEDS))  # noqa: S311 - not for secrets
        labels = (self._talkers.resolve(first).label, self._talkers.resolve(second).label)
        return Comparison(labels, asked, system, sampling)

    def run(
        self,
        comparison: Comparison,
        first: ModelRef,
        second: ModelRef,
        placing: Placing = AUTOMATIC,
        is_wanted: IsWanted = always,
    ) -> Iterator[Answered]:
        """Yield each answer as it grows, whole at the end; closing the iterator ends all.

        Models on one base model answer a prompt one after the other; else each answers all, so that each is
        loaded once. Where somebody else is given an answer between two of these, it waits and goes on.
        Raises EngineError.
        """
        self._is_stopped, self._has_begun, self._is_wanted = False, False, is_wanted
        models = [self._talkers.resolve(ref, placing) for ref in (first, second)]
        prompts = range(len(comparison.prompts))
        order = (
            [(prompt, side) for prompt in prompts for side in (0, 1)]
            if _share_a_base(*models)
            else [(prompt, side) for side in (0, 1) for prompt in prompts]
        )
        for prompt, side in order:
            if not self._goes_on() or not (yield from self._one(comparison, models[side], prompt, side)):
                return

    def prompts_of(self, session_id: SessionId, count: int) -> list[str]:
        """First questions of random rows of a session."""
        return self._library.random_prompts(session_id, count)

    def stop(self) -> None:
        """The answer under way ends, and no other is begun."""
        self._is_stopped = True
        self._engine.stop()

    def _goes_on(self) -> bool:
        return not self._is_stopped and self._is_wanted()

    def export(self, comparison: Comparison, file_format: ComparisonFormat) -> Path:
        """Write the pairs of answers; returns where. Raises StudioError."""
        if not comparison.pairs():
            raise StudioError("There is no pair of answers yet.", "Compare first.")
        path = self._exports / f"compared-{self._clock():%Y%m%d-%H%M%S}.{file_format}"
        with appearing(path, overwrite=True) as partial:
            partial.write_text(comparison.as_text(file_format), encoding="utf-8", newline="")
        return path

    def _one(
        self, comparison: Comparison, model: LoadableModel, prompt: int, side: int
    ) -> Generator[Answered, None, bool]:
        """Returns whether it came to its end."""
        said, facts = "", list[AnswerFacts]()
        question = {"role": "user", "content": comparison.prompts[prompt]}
        messages = [*as_messages(comparison.system, []), question]
        for piece in self._pieces(model, messages, comparison.sampling, facts.append):
            said += piece
            yield Answered(prompt, side, said)
        if not facts or facts[0].finish_reason == "cancelled":
            return False
        yield Answered(prompt, side, said, facts[0])
        return True

    def _pieces(
        self,
        model: LoadableModel,
        messages: Sequence[Message],
        sampling: Sampling,
        told: Callable[[AnswerFacts], None],
    ) -> Iterator[str]:
        """Between two answers of a batch the local API may have got its turn: its answer is waited for. Only
        the first question of all is refused where another answer is made."""
        while True:
            try:
                yield from self._engine.generate(model, messages, sampling, told, is_wanted=self._goes_on)
            except BusyError:
                if not self._has_begun:
                    raise
                if not self._goes_on():
                    return
                time.sleep(_LOOKS_EVERY_SECONDS)
            else:
                self._has_begun = True
                return


def _share_a_base(first: LoadableModel, second: LoadableModel) -> bool:
    return (first.base_model, first.base_stamp) == (second.base_model, second.base_stamp)
