"""The checkpoints of a run in their dialog: what is known of each, and whether it is what was written."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import flet as ft

from app.domain.runs import Run
from app.domain.sizes import sized
from app.services.checkpoints import SavedState
from app.services.everything import Services
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.training import wording
from app.ui.training.fields import Help


@dataclass(frozen=True)
class Compared:
    """What there is, so far; None: nothing is known yet."""

    states: tuple[SavedState, ...] | None
    is_going_on: bool


def use_compared(services: Services, run: Run, found: tuple[SavedState, ...] | None) -> Compared:
    """Those found, each compared with its checksums: one after the other, the newest first, and no longer
    than the dialog is open."""
    compared, set_compared = ft.use_state(cast(tuple[SavedState, ...], ()))
    closed = ft.use_ref(threading.Event())

    async def compare() -> None:
        is_over = closed.current = threading.Event()
        done: list[SavedState] = []
        for state in found or ():
            done.append(
                await asyncio.to_thread(
                    services.history.compared_with_sums, run, state, lambda: not is_over.is_set()
                )
            )
            set_compared(tuple(done))

    def close() -> None:
        if closed.current is not None:
            closed.current.set()

    ft.use_effect(compare, dependencies=[found], cleanup=close)
    if found is None:
        return Compared(None, is_going_on=False)
    return Compared((*compared, *found[len(compared) :]), is_going_on=len(compared) < len(found))


def lines_of(seen: Compared, blocked: str, go_on: Callable[[SavedState], object]) -> list[ft.Control]:
    """One for each, with its button, and what is to be known of them together."""
    found = seen.states
    if found is None:
        return [Help(text("training.history.looking"))]
    if not found:
        return [Help(text("training.history.no_checkpoint"))]
    note = (
        text("training.history.not_resumed", reason=blocked)
        if blocked
        else text("training.history.from_older")
    )
    if any(state.damage for state in found):
        note = f"{text('training.history.passed_over')} {note}"
    if seen.is_going_on:
        note = f"{text('training.history.comparing_sums')} {note}"
    return [*(_line(state, blocked, go_on) for state in found), Help(note)]


def _line(state: SavedState, blocked: str, go_on: Callable[[SavedState], object]) -> ft.Control:
    reason = state.blocked or blocked
    loss = (
        text("training.history.checkpoint_loss", loss=wording.number(state.loss))
        if state.loss is not None
        else ""
    )
    validation = (
        ""
        if state.validation_loss is None
        else text("training.history.checkpoint_validation", loss=state.validation_loss)
    )
    facts = (
        text("training.history.checkpoint_examples", count=state.samples_seen),
        loss,
        validation,
        sized(state.size_bytes),
        wording.when(state.saved_at, wording.now_utc()),
        text("training.history.sums_right") if state.is_compared else "",
    )
    texts: list[ft.Control] = [
        ft.Text(text("training.history.checkpoint", step=state.step, name=state.name)),
        Help(" · ".join(fact for fact in facts if fact)),
    ]
    if state.blocked:
        texts.append(Help(text("training.history.not_resumed_from", reason=state.blocked)))
    button = ft.OutlinedButton(
        text("training.history.resume_here"),
        disabled=bool(reason),
        tooltip=text("training.history.cannot_resume", reason=reason) if reason else None,
        on_click=partial(go_on, state),
    )
    row = ft.Row(
        [ft.Column(texts, spacing=0, tight=True, expand=True), button],
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
    return Identified(f"checkpoint-{state.name}", row)
