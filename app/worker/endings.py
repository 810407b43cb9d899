"""Ends an answer before its model does: somebody cancelled, a stop text came, it goes round in circles."""

from collections.abc import Callable, Sequence
from typing import Final

from app.domain.chat import FinishReason

CHECKED_EVERY: Final = 16
"""Tokens between two looks for repetition."""
_LONGEST_CYCLE: Final = 128
_LEAST_TIMES: Final = 5
_LEAST_TOKENS: Final = 64
"""Of the part that repeats: a ruler of dashes or a short list of equal cells is no fault."""


class AnswerEndedError(Exception):
    """Raised out of `generate` where the answer ends."""

    def __init__(self, reason: FinishReason) -> None:
        super().__init__(reason)
        self.reason: FinishReason = reason


class StopWatch:
    """Passes text on until one of the stop texts comes, which may begin in one piece and end in another."""

    def __init__(self, stops: Sequence[str], send: Callable[[str], None]) -> None:
        self._stops = tuple(filter(None, stops))
        self._send = send
        self._held = ""

    def put(self, text: str) -> None:
        """Raises AnswerEndedError once a stop text is complete; what came before it has been sent."""
        if not self._stops:
            self._send(text)
            return
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self._pass_on(min(found))
            raise AnswerEndedError("stop_string")
        self._pass_on(len(self._held) - self._begun())

    def finish(self) -> None:
        """Send what was held back as the beginning of a stop text that never came."""
        self._pass_on(len(self._held))

    def _begun(self) -> int:
        """How many characters at the end may be the beginning of a stop text."""
        longest = max(map(len, self._stops))
        ends = (self._held[-n:] for n in range(min(longest - 1, len(self._held)), 0, -1))
        return next((len(end) for end in ends if any(stop.startswith(end) for stop in self._stops)), 0)

    def _pass_on(self, count: int) -> None:
        text, self._held = self._held[:count], self._held[count:]
        if text:
            self._send(text)


def goes_round(ids: Sequence[int]) -> bool:
    """Whether the end of these tokens is one and the same passage over and over."""
    for cycle in range(1, _LONGEST_CYCLE + 1):
        needed = max(cycle * _LEAST_TIMES, _LEAST_TOKENS)
        if needed > len(ids):
            return False
        tail = ids[-needed:]
        if tail[cycle:] == tail[:-cycle]:
            return True
    return False
