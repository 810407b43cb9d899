"""One preview or merge under way: told how far it is, cancellable, off the event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import flet as ft

from app.domain.merge_ports import Watch
from app.domain.merging import MergeCancelledError, MergePreview, MergeProgress, SavedMerge
from app.ui.actions import Problem, problem_of

_LOOK_SECONDS: Final = 0.2

Outcome = MergePreview | SavedMerge
Work = Callable[[Watch], Outcome]


@dataclass
class _Ticket:
    """What the merging thread and the event loop share: two plain values, each written by one side."""

    progress: MergeProgress = field(default_factory=lambda: MergeProgress("Starting"))
    is_cancelled: bool = False

    def watch(self, progress: MergeProgress) -> None:
        self.progress = progress
        if self.is_cancelled:
            raise MergeCancelledError


@dataclass(frozen=True)
class MergeState:
    is_busy: bool = False
    is_cancelling: bool = False
    progress: MergeProgress | None = None
    outcome: Outcome | None = None
    problem: Problem | None = None
    was_cancelled: bool = False


@dataclass(frozen=True)
class MergeRun:
    """State to render, and what can be done."""

    state: MergeState
    run: Callable[[Work], Coroutine[Any, Any, None]]
    cancel: Callable[[], None]
    forget: Callable[[], None]
    """Clear the last outcome."""


def use_merge(on_done: Callable[[Outcome], None]) -> MergeRun:
    """At most one at a time; `on_done` hears of each that was not cancelled and did not fail."""
    state, set_state = ft.use_state(MergeState())
    ticket = ft.use_ref(cast(_Ticket | None, None))

    async def run(work: Work) -> None:
        if ticket.current is not None:
            return
        mine = ticket.current = _Ticket()
        set_state(MergeState(is_busy=True))
        task = asyncio.create_task(asyncio.to_thread(work, mine.watch))
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_SECONDS))[0]:
                set_state(MergeState(True, mine.is_cancelled, mine.progress))
            outcome = task.result()
            set_state(MergeState(outcome=outcome))
            on_done(outcome)
        except MergeCancelledError:
            set_state(MergeState(was_cancelled=True))
        except Exception as error:
            set_state(MergeState(problem=problem_of(error)))
        finally:
            ticket.current = None

    def cancel() -> None:
        if ticket.current is not None:
            ticket.current.is_cancelled = True
            set_state(lambda now: replace(now, is_cancelling=True))

    return MergeRun(state, run, cancel, lambda: set_state(MergeState()))
