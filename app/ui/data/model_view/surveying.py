"""Look at all rows off the event loop: a sample at once, then every row, with progress and cancel."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar, cast

import flet as ft

from app.domain.previews import PreviewCancelledError, Source, Survey
from app.services.previews import PreviewService
from app.ui.actions import Problem, problem_of
from app.ui.long_work import hear_nothing_of
from trainer_image.config import RunConfig

_LOOK_SECONDS: Final = 0.2

T = TypeVar("T")


@dataclass
class Ticket:
    """What the looking thread and the event loop share: two plain values, each written by one side."""

    rows: int = 0
    is_cancelled: bool = False

    def report(self, rows: int) -> None:
        self.rows = rows
        if self.is_cancelled:
            raise PreviewCancelledError


@dataclass(frozen=True)
class _State:
    survey: Survey | None = None
    """What is known so far: of a sample, or of all rows."""
    is_busy: bool = False
    rows: int = 0
    problem: Problem | None = None
    is_preparing: bool = False
    """Whether the rows themselves are being read, and not yet looked at."""
    was_cancelled: bool = False


@dataclass(frozen=True)
class Surveying:
    """State to render, and what can be done."""

    run: Callable[[Source, RunConfig], Coroutine[Any, Any, None]]
    cancel: Callable[[], None]
    survey: Survey | None = None
    is_busy: bool = False
    rows: int = 0
    problem: Problem | None = None
    is_preparing: bool = False
    was_cancelled: bool = False


def use_survey(previews: PreviewService) -> Surveying:
    """At most one at a time; another question takes the place of one under way."""
    state, set_state = ft.use_state(_State())
    ticket = ft.use_ref(cast(Ticket | None, None))

    async def run(source: Source, config: RunConfig) -> None:
        if ticket.current is not None:
            ticket.current.is_cancelled = True
        mine = ticket.current = Ticket()

        def tell(fresh: _State) -> None:
            if ticket.current is mine:
                set_state(fresh)

        async def follow(work: Callable[[], T], known: _State) -> T:
            """A cancelled wait for a network is left to itself: nobody asks for what it brings."""
            task = asyncio.create_task(asyncio.to_thread(work))
            while not (await asyncio.wait({task}, timeout=_LOOK_SECONDS))[0]:
                if mine.is_cancelled and source.is_part and known.is_preparing:
                    task.add_done_callback(hear_nothing_of)
                    raise PreviewCancelledError
                tell(replace(known, rows=mine.rows))
            return task.result()

        known = _State(is_busy=True)
        tell(known)
        try:
            preparing = replace(known, is_preparing=source.made_of is not None)
            await follow(partial(previews.prepare, source, config, mine.report), preparing)
            tell(known)
            known = replace(known, survey=await asyncio.to_thread(previews.sample, source, config))
            tell(known)
            if known.survey and known.survey.is_sample and not source.is_part and not mine.is_cancelled:
                survey = await follow(partial(previews.survey, source, config, mine.report), known)
                known = replace(known, survey=survey)
            tell(replace(known, is_busy=False))
        except PreviewCancelledError:
            tell(replace(known, is_busy=False, was_cancelled=True))
        except Exception as error:
            tell(replace(known, is_busy=False, problem=problem_of(error)))

    def cancel() -> None:
        if ticket.current is not None:
            ticket.current.is_cancelled = True

    return Surveying(
        run,
        cancel,
        state.survey,
        state.is_busy,
        state.rows,
        state.problem,
        state.is_preparing,
        state.was_cancelled,
    )
