"""The bridge from the UI to work that takes a while: told how far it is, cancellable, off the event loop.

What holds Python up for long is done by another process, which the services see to
(`app.services.elsewhere`); the thread here then only waits for it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Generic, Protocol, TypeVar, cast

import flet as ft

from app.domain.errors import StudioError
from app.ui.actions import Problem, problem_of
from app.ui.texts import text

_LOOK_SECONDS: Final = 0.2

News = TypeVar("News")
Outcome = TypeVar("Outcome")
T = TypeVar("T")
Said_contra = TypeVar("Said_contra", contravariant=True)
Tell = Callable[[News], None]
"""Told how far the work is; raises once the person has cancelled."""


class CancelledByPersonError(StudioError):
    def __init__(self) -> None:
        super().__init__(text("window.errors.cancelled"), text("window.errors.cancelled_hint"))


@dataclass
class _Ticket(Generic[News]):
    """What the working thread and the event loop share: plain values, each written by one side."""

    error: Callable[[], StudioError]
    news: News | None = None
    is_cancelled: bool = False

    def tell(self, news: News) -> None:
        self.news = news
        if self.is_cancelled:
            raise self.error()


@dataclass(frozen=True)
class WorkState(Generic[News, Outcome]):
    is_busy: bool = False
    is_cancelling: bool = False
    news: News | None = None
    outcome: Outcome | None = None
    """Of the last work, if it was not cancelled and did not fail."""
    problem: Problem | None = None
    was_cancelled: bool = False


class _Run(Protocol[Said_contra]):
    async def __call__(
        self, work: Callable[[Tell[Said_contra]], T], on_done: Callable[[T], object]
    ) -> T | None: ...


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class LongWork(Generic[News, Outcome]):
    """State to render, and what can be done."""

    run: _Run[News]
    """Do blocking work on a thread, at most one at a time; then hand its result over on the event loop, and
    return it. None if there is none."""
    state: WorkState[News, Outcome] = field(default_factory=WorkState)
    cancel: Callable[[], None] = _nothing
    forget: Callable[[], None] = _nothing
    """Clear the last outcome."""

    @property
    def is_busy(self) -> bool:
        return self.state.is_busy


def use_long_work(
    cancelled: Callable[[], StudioError] = CancelledByPersonError, *, only_looks: bool = False
) -> LongWork[News, Outcome]:
    """One thing at a time.

    Args:
        cancelled: Makes the error that ends work when the person has cancelled; it is not shown as a problem.
        only_looks: Cancelled, the work is not waited for: it leaves nothing behind, and nobody asks for what
            it finds.
    """
    state, set_state = ft.use_state(cast(WorkState[News, Outcome], WorkState()))
    ticket = ft.use_ref(cast(_Ticket[News] | None, None))

    async def run(work: Callable[[Tell[News]], T], on_done: Callable[[T], object]) -> T | None:
        if ticket.current is not None:
            return None
        mine = ticket.current = _Ticket[News](cancelled)
        set_state(WorkState(is_busy=True))
        task = asyncio.create_task(asyncio.to_thread(work, mine.tell))
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_SECONDS))[0]:
                if only_looks and mine.is_cancelled:
                    task.add_done_callback(hear_nothing_of)
                    raise cancelled()
                set_state(WorkState(is_busy=True, is_cancelling=mine.is_cancelled, news=mine.news))
            result = task.result()
            set_state(WorkState(outcome=cast(Outcome, result)))
            on_done(result)
            return result
        except Exception as error:
            if mine.is_cancelled and type(error) is type(cancelled()):
                set_state(WorkState(was_cancelled=True))
            else:
                set_state(WorkState(problem=problem_of(error)))
        except asyncio.CancelledError:  # the app ends, and would wait for the thread
            mine.is_cancelled = True
            raise
        finally:
            ticket.current = None
        return None

    def cancel() -> None:
        if ticket.current is not None:
            ticket.current.is_cancelled = True
            set_state(lambda now: replace(now, is_busy=True, is_cancelling=True))

    return LongWork(run, state, cancel, lambda: set_state(WorkState()))


def hear_nothing_of(task: asyncio.Task[object]) -> None:
    """Else asyncio reports what it raises as forgotten."""
    if not task.cancelled():
        task.exception()
