"""Work that takes a while: told in words, cancellable, off the event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import flet as ft

from app.domain.errors import StudioError
from app.ui.actions import Problem, problem_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.progress_line import ProgressLine
from app.ui.theme import GAP

_LOOK_SECONDS: Final = 0.2

T = TypeVar("T")
Tell = Callable[[str], None]
"""Told what is going on; raises once the person has cancelled."""


class CancelledByPersonError(StudioError):
    def __init__(self) -> None:
        super().__init__("Cancelled.", "Nothing was changed.")


@dataclass
class _Ticket:
    """What the working thread and the event loop share: two plain values, each written by one side."""

    text: str = ""
    is_cancelled: bool = False

    def tell(self, text: str) -> None:
        self.text = text
        if self.is_cancelled:
            raise CancelledByPersonError


@dataclass(frozen=True)
class _State:
    is_busy: bool = False
    text: str = ""
    is_cancelling: bool = False
    problem: Problem | None = None


@dataclass(frozen=True)
class LongWork:
    """State to render, and what can be done."""

    run: Callable[[Callable[[Tell], T], Callable[[T], None]], Coroutine[Any, Any, None]]
    """Do blocking work on a thread, at most one at a time; then hand its result over on the event loop."""
    cancel: Callable[[], None]
    dismiss: Callable[[], None]
    is_busy: bool
    is_cancelling: bool
    text: str
    problem: Problem | None


def use_work() -> LongWork:
    """One thing at a time. A person's cancel ends it without a word; what fails becomes `problem`."""
    state, set_state = ft.use_state(_State())
    ticket = ft.use_ref(cast(_Ticket | None, None))

    async def run(work: Callable[[Tell], T], on_done: Callable[[T], None]) -> None:
        if ticket.current is not None:
            return
        mine = ticket.current = _Ticket()
        set_state(_State(is_busy=True))
        task = asyncio.create_task(asyncio.to_thread(work, mine.tell))
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_SECONDS))[0]:
                set_state(_State(is_busy=True, text=mine.text, is_cancelling=mine.is_cancelled))
            result = task.result()
            set_state(_State())
            on_done(result)
        except CancelledByPersonError:
            set_state(_State())
        except Exception as error:
            set_state(_State(problem=problem_of(error)))
        finally:
            ticket.current = None

    def cancel() -> None:
        if ticket.current is not None:
            ticket.current.is_cancelled = True
            set_state(lambda s: _State(is_busy=True, text=s.text, is_cancelling=True))

    return LongWork(
        run,
        cancel,
        lambda: set_state(_State()),
        state.is_busy,
        state.is_cancelling,
        state.text,
        state.problem,
    )


def WorkStatus(work: LongWork, *, identifier: str) -> ft.Control:
    """What went wrong or, of what takes longer than a blink, how far it is and a way out."""
    if work.problem is not None:
        return ErrorBanner(work.problem, on_dismiss=work.dismiss)
    if not work.is_busy or not work.text:
        return ft.Container(visible=False)
    said = "Cancelling…" if work.is_cancelling else work.text
    return ft.Row(
        [
            ft.Container(ProgressLine(said, identifier=identifier), expand=True),
            ft.OutlinedButton("Cancel", disabled=work.is_cancelling, on_click=work.cancel),
        ],
        spacing=GAP * 1.5,
    )


def counting(tell: Tell, what: str) -> Callable[[int], None]:
    """Progress in rows, put into words: "12,000 rows looked at"."""
    return lambda count: tell(f"{count:,} {what}")
