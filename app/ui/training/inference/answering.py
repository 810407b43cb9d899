"""One answer on its way: a thread asks the engine, the event loop shows what has arrived so far."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import flet as ft

from app.domain.chat import Sampling, Voice
from app.domain.runs import RunId
from app.services.chatting import ChatService
from app.ui.actions import Problem, problem_of
from app.ui.inference.draining import drain


@ft.observable
@dataclass(eq=False)
class LiveText:
    """The answer so far. Apart from `Answering`, so that only its own text is drawn ten times a second."""

    text: str = ""


@ft.observable
@dataclass(eq=False)
class Answering:
    """State of the question under way. Written on the event loop only."""

    run_id: RunId | None = None
    prompt: str = ""
    voice: Voice = "tuned"
    is_busy: bool = False
    is_loading: bool = False
    """The model was not in memory when it was asked, and nothing has come yet."""
    problem: Problem | None = None
    finished: int = 0
    """Answers that ended, well or not: the conversation in the store has changed."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set by Stop, also before the engine knows of the question."""
    live: LiveText = field(default_factory=LiveText)

    async def ask(
        self, chats: ChatService, run_id: RunId, prompt: str, sampling: Sampling, voice: Voice
    ) -> None:
        """Ask and follow the answer to its end. Does nothing while another is under way."""
        if self.is_busy:
            return
        self.is_busy = True
        self.stopped.clear()
        self.run_id, self.prompt, self.voice = run_id, prompt, voice
        self.problem = None
        self.live.text = ""
        try:
            self.is_loading = not await asyncio.to_thread(chats.is_loaded, run_id, voice)
            await self._follow(chats, run_id, prompt, sampling, voice)
        except Exception as error:
            self.problem = problem_of(error)
        finally:
            self.is_busy = self.is_loading = False
            self.finished += 1

    async def _follow(
        self, chats: ChatService, run_id: RunId, prompt: str, sampling: Sampling, voice: Voice
    ) -> None:
        def take(fresh: Sequence[str]) -> None:
            self.is_loading = False
            self.live.text += "".join(fresh)

        def is_wanted() -> bool:
            return not self.stopped.is_set()

        await drain(lambda: chats.ask(run_id, prompt, sampling, voice, is_wanted=is_wanted), take)
