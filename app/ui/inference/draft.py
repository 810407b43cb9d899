"""What a person set up in the Inference tab, and the answers under way; outlives leaving the tab."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import flet as ft

from app.domain.comparing import Answered, Comparison
from app.domain.conversations import ConversationId, Said
from app.domain.errors import BusyError, UnknownConversationError
from app.domain.talkers import Device, ModelRef, Placing, Precision
from app.ui.actions import Problem, problem_of
from app.ui.inference.draining import drain
from app.ui.inference.sampling import SamplingDraft
from app.ui.training.mounting import Unwatched

View = Literal["chat", "prompts", "compare", "api"]
Source = Literal["runs", "hub", "folder"]


@ft.observable
@dataclass(eq=False)
class PickedModel:
    """Which model, and how it is put into memory."""

    source: Source = "runs"
    run: str = ""
    """A `ModelRef` as text, of what a run made."""
    hub: str = ""
    folder: str = ""
    uses_base: bool = False
    precision: Precision = "full"
    device: Device = "auto"
    insists: bool = False
    """Load it though it does not seem to fit."""

    @property
    def ref(self) -> ModelRef | None:
        """None as long as none is named."""
        if self.source == "runs":
            found = ModelRef.parse(self.run) if self.run else None
        elif self.source == "hub":
            found = _hub_ref(self.hub.strip())
        else:
            found = ModelRef("folder", self.folder.strip()) if self.folder.strip() else None
        return found.as_base() if found is not None and self.uses_base else found

    def pick(self, ref: ModelRef) -> None:
        """Show this one as the chosen one."""
        tuned = replace(ref, voice="tuned")
        self.insists, self.uses_base = False, ref.voice == "base"
        if ref.kind == "hub":
            self.source, self.hub = "hub", ref.name
        elif ref.kind == "folder":
            self.source, self.folder = "folder", ref.name
        else:
            self.source, self.run = "runs", str(tuned)

    @property
    def placing(self) -> Placing:
        return Placing(self.precision, self.device)


def _hub_ref(text: str) -> ModelRef | None:
    """The bundled model stands in the list of the Hub's, as a folder."""
    if text.startswith("folder:"):
        return ModelRef.parse(text)
    return ModelRef("hub", text) if text else None


@ft.observable
@dataclass(eq=False)
class LiveAnswer:
    """The answer so far. Apart from `Talk`, so that only its own text is drawn ten times a second."""

    text: str = ""


@ft.observable
@dataclass(eq=False)
class Typing:
    """What is being typed. Apart from `Talk`, so that a key draws its field only."""

    prompt: str = ""
    system: str = ""

    def give_back(self, prompt: str) -> None:
        """Have it in the field again, before what was typed meanwhile."""
        self.prompt = f"{prompt}\n\n{self.prompt}" if self.prompt.strip() else prompt


@ft.observable
@dataclass(eq=False)
class Talk:
    """One conversation on the screen. Written on the event loop only."""

    is_alone: bool = False
    """Each prompt is asked without those before it."""
    conversation: ConversationId | None = None
    is_busy: bool = False
    answering_in: ConversationId | None = None
    asked: str = ""
    """The question under way; empty while an answer is made anew."""
    hidden_from: int | None = None
    """Messages from this one on give way to the answer under way."""
    hidden_to: int | None = None
    """Not those from this one on, if any."""
    changes: int = 0
    """Counts what has become of the stored messages."""
    answered_at: int = -1
    """`changes` at the end of the last answer: until what is kept of it is read, it is shown as it came."""
    problem: Problem | None = None
    notice: str = ""
    """What a person should know of the chat on the screen, and that is no failure."""
    notice_of: str = ""
    """The `ModelRef` that is chosen as long as the notice is true, as text; empty where it is so with any."""
    undo: tuple[ConversationId, tuple[Said, ...]] | None = None
    """What stood in a chat before a question was changed."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set by Stop, also before the engine knows of the question."""
    edits: Unwatched[dict[tuple[int, str], str]] = field(default_factory=lambda: Unwatched({}))
    """What is typed into open editors, by id and words of their messages. Drawn anew or away they keep it."""
    live: LiveAnswer = field(default_factory=LiveAnswer)
    typing: Typing = field(default_factory=Typing)

    def begin(self) -> bool:
        """From the click on: False while another answer is under way."""
        if self.is_busy:
            return False
        self.is_busy, self.answering_in, self.problem = True, None, None
        self.asked, self.live.text = "", ""  # of the answer before; a chat that is new yet would show them
        self.hidden_from = self.hidden_to = None
        self.notice, self.undo = "", None
        self.stopped.clear()
        return True

    def is_wanted(self) -> bool:
        """Whether the answer under way is. May be asked from any thread."""
        return not self.stopped.is_set()

    def reopen(self, said: Said, words: str) -> None:
        """Its editor is open again, with these words in it."""
        self.edits.value[said.id, said.content] = words
        self.changes += 1

    def forget_edits(self, before: Sequence[Said], now: Sequence[Said]) -> None:
        """What is typed into the editors of messages that are there no longer."""
        for gone in {(one.id, one.content) for one in before} - {(one.id, one.content) for one in now}:
            self.edits.value.pop(gone, None)

    def give_up(self, problem: Problem) -> None:
        """There is no answer to follow."""
        self.is_busy, self.problem = False, problem
        self.changes += 1

    async def follow(
        self,
        conversation: ConversationId,
        pieces: Callable[[], Iterator[str]],
        *,
        asked: str = "",
        hidden_from: int | None = None,
        hidden_to: int | None = None,
        after: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Show an answer as it is made; `begin` goes before. What comes `after` it is awaited before another
        can begin.

        A question that could not be said is in its field again, unless somebody sees to that `after` it.
        """
        self.conversation = self.answering_in = conversation
        self.asked, self.hidden_from, self.hidden_to, self.problem = asked, hidden_from, hidden_to, None
        self.live.text = ""

        def take(fresh: Sequence[str]) -> None:
            self.live.text += "".join(fresh)

        try:
            await drain(pieces, take)
        except Exception as error:
            if after is None and isinstance(error, BusyError | UnknownConversationError) and asked:
                self.typing.give_back(asked)
            self.problem = problem_of(error)
        finally:
            if after is not None:
                await after()
            self.is_busy = False
            self.changes += 1
            self.answered_at = self.changes


@ft.observable
@dataclass(eq=False)
class Compare:
    """Two models side by side."""

    against: Literal["base", "other"] = "base"
    other: str = ""
    """A `ModelRef` as text: what a run made."""
    prompts: str = ""
    """One a line."""
    system: str = ""
    plan: Comparison | None = None
    """What is or was compared, with the answers that are whole."""
    growing: Answered | None = None
    is_busy: bool = False
    problem: Problem | None = None
    shows_differences: bool = True
    report: str = ""
    """Where the report of what was learnt was written."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set by Stop, also before the first answer has begun."""

    async def follow(self, plan: Comparison, answers: Callable[[], Iterator[Answered]]) -> None:
        """Show answers as they are made."""
        if self.is_busy:
            return
        self.is_busy, self.plan, self.growing, self.problem = True, plan, None, None
        self.report = ""
        self.stopped.clear()
        try:
            await drain(answers, self._take)
        except Exception as error:
            self.problem = problem_of(error)
        finally:
            self.is_busy, self.growing = False, None

    def is_wanted(self) -> bool:
        """Whether the answers under way are. May be asked from any thread."""
        return not self.stopped.is_set()

    async def prove(
        self,
        plan: Comparison,
        answers: Callable[[], Iterator[Answered]],
        write: Callable[[Comparison], Path],
    ) -> None:
        """The same, and a report at the end if all has been answered."""
        if self.is_busy:
            return
        await self.follow(plan, answers)
        proven = self.plan
        if self.problem is not None or proven is None or not proven.is_whole:
            return
        try:
            report = str(await asyncio.to_thread(write, proven))
        except Exception as error:
            problem = problem_of(error)  # the log is told in any case
            if self.plan is proven:  # no other comparison has begun
                self.problem = problem
        else:
            if self.plan is proven:
                self.report = report

    def _take(self, fresh: Sequence[Answered]) -> None:
        plan = self.plan
        if plan is None:
            return
        whole = tuple(one for one in fresh if one.facts is not None)
        if whole:
            self.plan = replace(plan, answers=(*plan.answers, *whole))
        self.growing = fresh[-1] if fresh[-1].facts is None else None


@ft.observable
@dataclass(eq=False)
class InferenceDraft:
    """The whole tab."""

    view: View = "chat"
    model: PickedModel = field(default_factory=PickedModel)
    settings: SamplingDraft = field(default_factory=SamplingDraft)
    chat: Talk = field(default_factory=Talk)
    prompts: Talk = field(default_factory=lambda: Talk(is_alone=True))
    compare: Compare = field(default_factory=Compare)

    @property
    def is_busy(self) -> bool:
        return self.chat.is_busy or self.prompts.is_busy or self.compare.is_busy
