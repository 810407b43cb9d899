"""One bridge for several buttons of one place: each brings its work along."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import flet as ft

from app.ui.actions import Problem, problem_of

T = TypeVar("T")


class _Run(Protocol):
    def __call__(
        self, work: Callable[[], T], on_done: Callable[[T], object]
    ) -> Coroutine[Any, Any, None]: ...


@dataclass(frozen=True)
class Doing:
    """As `app.ui.actions.Action`."""

    run: _Run
    is_busy: bool
    problem: Problem | None
    dismiss: Callable[[], None]


def use_doing() -> Doing:
    """One work at a time, on a thread; what comes of it is handed over on the event loop."""
    is_busy, set_busy = ft.use_state(False)
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    in_flight = ft.use_ref(False)

    async def run(work: Callable[[], T], on_done: Callable[[T], object]) -> None:
        if in_flight.current:
            return
        in_flight.current = True
        set_busy(True)
        set_problem(None)
        try:
            on_done(await asyncio.to_thread(work))
        except Exception as error:
            set_problem(problem_of(error))
        finally:
            in_flight.current = False
            set_busy(False)

    return Doing(run, is_busy, problem, lambda: set_problem(None))
