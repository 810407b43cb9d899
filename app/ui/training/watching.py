"""Ask a service again whenever what it is asked about changes, and perhaps regularly."""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from typing import TypeVar

import flet as ft

from app.domain.errors import StudioError
from app.ui.actions import Problem, problem_of
from app.ui.polling import is_seen

log = logging.getLogger(__name__)

T = TypeVar("T")


def use_answer(
    work: Callable[[], T],
    on_result: Callable[[T], None],
    *,
    on: Hashable,
    delay_seconds: float = 0.0,
    every_seconds: float | Callable[[], float] | None = None,
    on_problem: Callable[[Problem], None] | None = None,
) -> None:
    """Call blocking `work` on a thread each time `on` changes, and hand its result to `on_result`.

    Args:
        on: What the answer depends on. A change drops a question still under way; `work` and `on_result`
            are those of the render that brought the change.
        delay_seconds: Wait so long first, so that typing asks once.
        every_seconds: Ask again so often while nothing changes; a function is asked each time.
        on_problem: Told what a failed question should say to the person; without it the log is told.
    """

    page = ft.context.page

    async def ask() -> None:
        await asyncio.sleep(delay_seconds)
        while await is_seen(page):
            try:
                on_result(await asyncio.to_thread(work))
            except StudioError as error:
                log.info("No answer now: %s", error)
                if on_problem is not None:
                    on_problem(Problem(error.message, error.hint))
            except Exception as error:
                problem = problem_of(error)  # logs it with its trace
                if on_problem is not None:
                    on_problem(problem)
            if every_seconds is None:
                return
            await asyncio.sleep(until_next(every_seconds() if callable(every_seconds) else every_seconds))

    # Flet 1.0.5 cancels an async effect on unmount only if the effect has a cleanup.
    ft.use_effect(ask, dependencies=[on], cleanup=_nothing)


def until_next(period_seconds: float) -> float:
    """Seconds to the next multiple of a period: who looks regularly looks when the others do.

    What they found then reaches the screen in one frame, and a click waits for one frame at most.
    """
    return period_seconds - time.monotonic() % period_seconds


def _nothing() -> None:
    pass
