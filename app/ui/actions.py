"""The one bridge from the UI to blocking work. Every button that calls a service goes through it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import flet as ft

from app.domain.errors import StudioError
from app.ui.texts import text

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Problem:
    """What an error banner shows."""

    message: str
    hint: str = ""


def inside_the_app() -> Problem:
    """Shown for what is not a StudioError: a bug, which is logged and does not take the window down."""
    return Problem(text("window.errors.bug"), text("window.errors.bug_hint"))


@dataclass(frozen=True)
class Action:
    """One button's work: `run` starts it, the rest is state to render."""

    run: Callable[[], Coroutine[Any, Any, None]]
    is_busy: bool
    problem: Problem | None
    dismiss: Callable[[], None]
    """Forget the problem: the banner's close button."""


class _Run(Protocol):
    def __call__(
        self, work: Callable[[], T], on_done: Callable[[T], object]
    ) -> Coroutine[Any, Any, None]: ...


@dataclass(frozen=True)
class Doing:
    """The work of several buttons of one place: as `Action`, and each brings its work along."""

    run: _Run
    is_busy: bool
    problem: Problem | None
    dismiss: Callable[[], None]


def use_action(work: Callable[[], T], on_done: Callable[[T], None]) -> Action:
    """Run blocking `work` on a thread; report its result, or its failure, as render state.

    Without this, `work` would freeze the window (Flet runs handlers on the event loop)
    and an exception would replace the whole UI by Flet's crash screen.

    Args:
        work: A call into a service. Runs on a worker thread, so it must not touch controls.
        on_done: Receives the result, back on the event loop. Not called on failure.
    """
    doing = use_doing()

    async def run() -> None:
        await doing.run(work, on_done)

    return Action(run, doing.is_busy, doing.problem, doing.dismiss)


def use_doing() -> Doing:
    """As `use_action`, one work at a time, whichever button's."""
    is_busy, set_busy = ft.use_state(False)
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    in_flight = ft.use_ref(False)  # state only changes at the next render; a double click is faster

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


def problem_of(error: Exception) -> Problem:
    """What to tell a person about `error`; a bug is logged with its trace."""
    if isinstance(error, StudioError):
        return Problem(error.message, error.hint)
    log.exception("Unexpected error in an action", exc_info=error)
    return inside_the_app()
