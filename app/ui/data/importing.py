"""One import under way: counted, cancellable, off the event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, cast

import flet as ft

from app.domain.sessions import ImportReport
from app.services.library import ImportCancelledError, Progress
from app.ui.actions import Problem, problem_of

_LOOK_SECONDS: Final = 0.2

Work = Callable[[Progress], ImportReport]
"""A blocking import that reports to the given function."""


@dataclass
class _Ticket:
    """What the importing thread and the event loop share: two plain values, each written by one side."""

    count: int = 0
    is_cancelled: bool = False

    def report(self, count: int) -> None:
        self.count = count
        if self.is_cancelled:
            raise ImportCancelledError


@dataclass(frozen=True)
class Import:
    """State to render, and what can be done."""

    run: Callable[[Work], Coroutine[Any, Any, ImportReport | None]]
    """The report of what was stored; None if nothing was."""
    cancel: Callable[[], None]
    is_busy: bool = False
    is_cancelling: bool = False
    count: int = 0
    report: ImportReport | None = None
    problem: Problem | None = None
    was_cancelled: bool = False
    forget: Callable[[], None] = field(default=lambda: None)
    """Clear the last outcome."""


@dataclass(frozen=True)
class _State:
    is_busy: bool = False
    is_cancelling: bool = False
    count: int = 0
    report: ImportReport | None = None
    problem: Problem | None = None
    was_cancelled: bool = False


def use_import(on_done: Callable[[ImportReport], None]) -> Import:
    """At most one import at a time; `on_done` hears of each that stored something."""
    state, set_state = ft.use_state(_State())
    ticket = ft.use_ref(cast(_Ticket | None, None))

    async def run(work: Work) -> ImportReport | None:
        if ticket.current is not None:
            return None
        mine = ticket.current = _Ticket()
        set_state(_State(is_busy=True))
        task = asyncio.create_task(asyncio.to_thread(work, mine.report))
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_SECONDS))[0]:
                set_state(_State(is_busy=True, is_cancelling=mine.is_cancelled, count=mine.count))
            report = task.result()
            set_state(_State(report=report))
            on_done(report)
            return report
        except ImportCancelledError:
            set_state(_State(was_cancelled=True))
        except Exception as error:
            set_state(_State(problem=problem_of(error)))
        finally:
            ticket.current = None
        return None

    def cancel() -> None:
        if ticket.current is not None:
            ticket.current.is_cancelled = True
            set_state(lambda s: _State(is_busy=True, is_cancelling=True, count=s.count))

    return Import(
        run,
        cancel,
        state.is_busy,
        state.is_cancelling,
        state.count,
        state.report,
        state.problem,
        state.was_cancelled,
        forget=lambda: set_state(_State()),
    )
